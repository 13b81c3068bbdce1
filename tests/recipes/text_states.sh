#!/usr/bin/env bash
# serin-states on a tiny BERT of tests/parity: pieces, layers, and what is refused. The numbers are test_text_states's.
# shellcheck source=tests/recipes/tap.sh
. "${srcdir:-.}/tests/recipes/tap.sh"
cd "$tap_dir" || exit 1
mkdir bert
cp "$top"/tests/parity/bert/{config.json,model.safetensors} bert
printf '%s\n' '[PAD]' '[UNK]' '[CLS]' '[SEP]' '[MASK]' the 'box' '##es' "'" s . un '##known' a > bert/vocab.txt
printf 'u1 The boxes.\nu2\nu3 the the the the the the the the the the the\nu4 a box\n' > text

shape() { awk '$1 == k { on = 1; next } on { n++; c = NF - ($NF == "]") } /\]/ { on = 0 } END { print n, c }' k="$1" "$2"; }

tap_refuses "a text that is too long" "Done 3 utterances, 1 failed" serin-states bert text ark,t:last.ark
tap_ok "the last layer" serin-states --allow-failures bert text ark,t:last.ark
tap_is "a row for each piece" "$(shape u1 last.ark), $(shape u2 last.ark), $(shape u4 last.ark)" "6 20, 2 20, 4 20"
tap_has "too long a text is told" .err "u3: 13 tokens, the model reads 12 at most"
tap_has "and left out" .err "Done 3 utterances, 1 failed"
tap_ok "a layer below" serin-states --allow-failures --layer=1 bert text ark,t:first.ark
tap_ok "is another" bash -c '! cmp -s last.ark first.ark'
tap_ok "a single file of weights" serin-states --allow-failures bert/model.safetensors text ark,t:file.ark
tap_ok "beside its config.json is the folder" cmp last.ark file.ark
tap_ok "from standard input" bash -c "head -n 1 text | serin-states bert - ark,t:one.ark"
tap_is "the same" "$(head -n 7 last.ark)" "$(cat one.ark)"
tap_refuses "a layer too many" "layer 3 of a model with 2" serin-states --layer=3 bert text ark:none.ark
tap_refuses "no text" "absent: No such file" serin-states bert absent ark:none.ark
printf 'a b\na c\n' > two.txt
tap_refuses "a table that is none" 'two.txt:2: key "a" appears twice' serin-states bert two.txt ark:none.ark
tap_refuses "segments of text" "--segments cuts sounds" serin-states --segments=text bert text ark:none.ark
sed -i 's/"num_hidden_layers": 2/"num_hidden_layers": 3/' bert/config.json
tap_refuses "a model with a layer less" '16 missing: "encoder.layer.2.' serin-states bert text ark:none.ark
tap_ok "unless that is allowed" serin-states --allow-failures --allow-missing bert text ark:some.ark
tap_has "and told" .err '16 missing: "encoder.layer.2.'
sed -i 's/"model_type": "bert"/"model_type": "xlnet"/' bert/config.json
tap_refuses "another kind of model" 'model_type is "xlnet"' serin-states bert text ark:none.ark
tap_is "nothing is left" "$(echo none*)" "none*"
tap_done
