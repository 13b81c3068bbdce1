#!/usr/bin/env bash
# serin-convert: there and back the same tensors; narrow types within their rounding; the same states and words before and
# after; nothing written over, nothing half-written.
# shellcheck disable=SC2317
# shellcheck source=tests/recipes/tap.sh
. "${srcdir:-.}/tests/recipes/tap.sh"
PATH=$PWD/tests/recipes:$PATH
parity=$top/tests/parity
cd "$tap_dir" || exit 1
make_tones train 24 1 && make_tones test 4 2

# close A B BITS: rows of ark,t tables agree, relative to the largest, to 2^-BITS.
close() {
  paste -d ' ' <(tr -s ' ' '\n' < "$1") <(tr -s ' ' '\n' < "$2") | awk -v bits="$3" '
    $1 ~ /^-?[0-9]/ { d = $1 - $2; d = d < 0 ? -d : d; a = $1 < 0 ? -$1 : $1; if (d > worst) worst = d; if (a > most) most = a; n++ }
    END { exit !(n > 1000 && worst <= most * 2 ^ -bits) }'
}
states() { serin-states "$1" scp:test/wav.scp "ark,t:$2"; }
tensors() { serin-info --json "$1" | sed 's/.*"tensors":\(\[.*\]\),"tensor_count".*/\1/'; }

# ---- Hugging Face's, to Hugging Face's -----------------------------------------------------------------------------

for model in hubert-layer hubert-group bert; do
  tap_ok "$model" serin-convert "$parity/$model" "hf-$model"
  tap_ok "has the bytes of the reference implementation" cmp "$parity/$model/model.safetensors" "hf-$model/model.safetensors"
  tap_is "and its configuration" "$(tr -d ' \n' < "hf-$model/config.json" | sed 's/1e-05/1e-5/')" \
    "$(tr -d ' \n' < "$parity/$model/config.json" | sed 's/1e-05/1e-5/')"
done
tap_ok "and its preprocessor's" cmp "$parity/hubert-layer/preprocessor_config.json" hf-hubert-layer/preprocessor_config.json
states "$parity/hubert-layer" before.ark 2> /dev/null
for type in f16:9 bf16:6 f32:23; do
  dtype=${type%:*}
  tap_ok "$dtype" serin-convert --dtype="$dtype" "$parity/hubert-layer" "$dtype"
  tap_is "is in the file" "$(tensors "$dtype" | grep -o '"dtype":"[A-Z0-9]*"' | sort -u)" "\"dtype\":\"${dtype^^}\""
  tap_ok "is read" states "$dtype" "$dtype.ark"
  tap_ok "gives the states to its rounding" close before.ark "$dtype.ark" "$((${type#*:} - 4))"
done
tap_has "and told to transformers" f16/config.json '"dtype": "float16"'
tap_ok "not more than that" bash -c '! cmp -s before.ark f16.ark'
tap_ok "wide again" serin-convert --dtype=f32 f16 wide
tap_ok "narrow again" serin-convert --dtype=f16 wide narrow
tap_ok "is the same file" cmp f16/model.safetensors narrow/model.safetensors

# ---- CTC -----------------------------------------------------------------------------------------------------------

cp -r "$parity/hubert-layer" ctc
chmod -R u+w ctc
echo '{"[PAD]": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "|": 4, "A": 5, "B": 6}' > ctc/vocab.json
mapfile -t wav < <(cut -d ' ' -f 2 test/wav.scp)
tap_ok "a published model recognises" serin-recognize ctc "${wav[@]}"
cp .out published
tap_is "every sound" "$(grep -c '"transcript":"[AB ]*"' published)" 4
tap_is "some of it" "$(grep -c '"transcript":"[AB]' published)" 4
tap_ok "one file of it" serin-recognize ctc/model.safetensors "${wav[@]}"
tap_is "as well" "$(cat .out)" "$(cat published)"
tap_ok "for serin" serin-convert --to=serin ctc ours
tap_has "with our mark" ours/config.json '"serin"'
tap_ok "recognises" serin-recognize ours "${wav[@]}"
tap_is "the same" "$(cat .out)" "$(cat published)"
tap_ok "is decoded with" serin-decode ours test decoded
tap_is "to the same words" "$(sed 's/.*"transcript":"\([^"]*\)".*/\1/' published)" "$(sed 's/^[^ ]* *//' decoded/text)"
tap_ok "and trained from" serin-train --config="$top/tests/recipes/tones.conf" --front-end=conv --init-model=ours --epochs=1 train exp-conv
tap_ok "for others again" serin-convert ours theirs
states ctc before.ark 2> /dev/null && states theirs after.ark 2> /dev/null
tap_ok "the same states" cmp before.ark after.ark
tap_is "all tensors" "$(tensors theirs | grep -o '"shape"' | wc -l)" 56
tap_has "with the words for special tokens" theirs/tokenizer_config.json '"pad_token": "[PAD]"'
tap_ok "without our mark" bash -c '! grep -q serin theirs/config.json'
tap_ok "half as wide for serin" serin-convert --to=serin --dtype=f16 ctc ours16
tap_is "is narrow" "$(tensors ours16 | grep -o '"dtype":"[A-Z0-9]*"' | sort -u)" '"dtype":"F16"'
tap_ok "and recognises" serin-recognize ours16 "${wav[0]}"

# ---- a model of serin-train's with emotions --------------------------------------------------------------------------

tap_ok "ours, for others" serin-convert exp-conv hf-conv
tap_has "keeps its heads" <(tensors hf-conv) '"emotion.out.weight"'
tap_ok "without heads" serin-convert --drop-heads exp-conv bare-conv
tap_ok "has none" bash -c '! serin-info --json bare-conv | grep -q "\"emotion.out"'
tap_has "is HuBERT for CTC" bare-conv/config.json 'HubertForCTC'
states exp-conv before.ark 2> /dev/null && states bare-conv after.ark 2> /dev/null
tap_ok "with the same states" cmp before.ark after.ark

cut -d ' ' -f 2- train/text | tr 'A-Z ' 'a-z\n' | sort -u | grep . | cat <(printf '[%s]\n' PAD UNK CLS SEP MASK) - > pieces.txt
tap_ok "a model with words and adapters" serin-train --config="$top/tests/recipes/tones.conf" --front-end=conv --init-model=ours \
  --epochs=1 --input=both --train-text=noisy --pieces=pieces.txt --bert-width=16 --bert-layers=1 --bert-heads=2 --bert-inner=32 \
  --fusion=cross --fusion-heads=2 --adapter-dim=4 --lora-rank=2 train exp-both
tap_ok "recognises" serin-recognize exp-both "${wav[@]}"
cp .out both
tap_ok "as one file" serin-recognize exp-both/model.safetensors "${wav[@]}"
tap_is "the same" "$(cat .out)" "$(cat both)"
tap_ok "written again" serin-convert --to=serin exp-both both-again
tap_ok "still recognises" serin-recognize both-again "${wav[@]}"
tap_is "the same" "$(cat .out)" "$(cat both)"
tap_ok "for others" serin-convert exp-both hf-both
tap_is "it has all" "$(tensors hf-both | grep -oE '"(bert|fusion|emotion)\.|\.(adapter|lora)\.' | sort -u | tr -d '\n')" \
  '"bert."emotion."fusion..adapter..lora.'
states exp-both before.ark 2> /dev/null && states hf-both after.ark 2> /dev/null
tap_ok "and the same states" cmp before.ark after.ark
tap_ok "HuBERT alone" serin-convert --drop-heads --drop-adapters exp-both hubert-both
tap_is "is left" "$(tensors hubert-both | grep -o '"name"' | wc -l)" 56
tap_ok "and read" states hubert-both after.ark

# The BERT of a model that reads text, for transformers; tests/parity/from_pretrained.py compares states (3.6e-7).
tap_ok "a model of text" serin-train --config="$top/tests/recipes/tones.conf" --input=text --lambda-ctc=0 --epochs=1 --pieces=pieces.txt \
  --bert-width=16 --bert-layers=1 --bert-heads=2 --bert-inner=32 train exp-text
tap_ok "is exported as its BERT" serin-convert exp-text bert-text
tap_has "which it says it is" bert-text/config.json '"BertModel"'
tap_is "with its tensors alone" "$(tensors bert-text | grep -o '"name":"[a-z]*' | sort -u)" '"name":"bert'
tap_ok "and words" cmp pieces.txt bert-text/vocab.txt
tap_ok "and read" serin-states bert-text test/text ark,t:bert.ark
tap_refuses "a BERT with adapters" "--drop-adapters leaves them out" serin-convert --part=bert exp-both bert-both
tap_ok "without them" serin-convert --part=bert --drop-adapters exp-both bert-both
tap_ok "is one" serin-states bert-both test/text ark,t:bert.ark
tap_refuses "speech alone has none" "hears speech alone" serin-convert --part=bert exp-conv bert-none

cp -r ctc adapted
LC_ALL=C sed -i 's/"lm_head.weight"/"x.adapter.down"/; s/"lm_head.bias"/"x.lora.query"/' adapted/model.safetensors
tap_ok "adapters" serin-convert adapted kept
tap_is "are kept" "$(tensors kept | grep -oE '"x\.(adapter|lora)' | wc -l)" 2
tap_ok "or left out" serin-convert --drop-adapters adapted dropped
tap_is "both kinds" "$(tensors dropped | grep -cE '"x\.(adapter|lora)')" 0

# ---- what fairseq's files lack -------------------------------------------------------------------------------------

# The names of a model that is bare, with biases of convolutions in its configuration alone, as fairseq's large ones.
mkdir bare
cp ctc/config.json bare
rewrite() {         # names that do not match are copied, without their base's name
  perl -e '
    local $/; open my $f, "<:raw", $ARGV[0]; my $x = <$f>; my $n = unpack "Q<", $x; my $h = substr $x, 8, $n; my $data = substr $x, 8 + $n;
    my (@out, $new); my $at = 0;
    while ($h =~ /"((?!__)[^"]+)":(\{"dtype":"F32","shape":\[[\d,]*\],"data_offsets":\[)(\d+),(\d+)\]/g) {
      my ($name, $head, $from, $to) = ($1, $2, $3, $4);
      next if $name =~ /$ARGV[1]/;
      $name =~ s/^hubert\.//;
      push @out, "\"$name\":$head$at," . ($at + $to - $from) . "]}"; $new .= substr $data, $from, $to - $from; $at += $to - $from;
    }
    $h = "{" . join(",", @out) . "}"; $h .= " " x (-length($h) % 8);
    print pack("Q<", length $h), $h, $new' "$1" "$2"
}
rewrite ctc/model.safetensors 'conv_layers.*conv.bias|lm_head' > bare/model.safetensors
tap_ok "without biases" serin-convert bare filled
tap_is "they are there" "$(tensors filled | grep -o '"feature_extractor.conv_layers.[0-9].conv.bias"' | wc -l)" 3
states bare before.ark 2> /dev/null && states filled after.ark 2> /dev/null
tap_ok "and nothing" cmp before.ark after.ark
rewrite ctc/model.safetensors 'encoder.layer_norm.weight|lm_head' > bare/model.safetensors
tap_refuses "a file that lacks more" 'missing: "hubert.encoder.layer_norm.weight" [20]' serin-convert bare none

# ---- what is refused -----------------------------------------------------------------------------------------------

tap_refuses "its own input" "ctc: not empty" serin-convert ctc ctc
tap_refuses "a folder that holds something" "ours: not empty" serin-convert ctc ours
tap_refuses "a file for a folder" "published: Not a directory" serin-convert ctc published
tap_refuses "a BERT for serin" "nothing to convert" serin-convert --to=serin "$parity/bert" none
tap_refuses "an encoder for serin" "nothing to convert" serin-convert --to=serin "$parity/hubert-layer" none
tap_refuses "half a model of ours" "are of --to=hf" serin-convert --to=serin --drop-heads ctc none
tap_refuses "no configuration" "no config.json" serin-convert "$parity/torch/zip.bin" none
tap_ok "a model that hears log-mel" serin-train --config="$top/tests/recipes/tones.conf" --epochs=1 train exp
tap_refuses "is none of Hugging Face's" "log-mel" serin-convert exp none
tap_ok "but may be narrow" serin-convert --to=serin --dtype=bf16 exp exp16
tap_ok "and recognise" serin-recognize exp16 "${wav[0]}"
mkdir cut
cp ctc/config.json cut
head -c 20000 ctc/model.safetensors > cut/model.safetensors
tap_refuses "half a file" "cut/model.safetensors" serin-convert cut none
tap_refuses "a full disk" "cannot write" bash -c 'ulimit -f 16; trap "" XFSZ; serin-convert ctc none'
tap_is "nothing is left" "$(echo none*)" "none*"

# ---- as transformers sees it ---------------------------------------------------------------------------------------

status=0
"${PYTHON:-python3}" "$parity/from_pretrained.py" "$(dirname "$(command -v serin-convert)")" > from_pretrained 2>&1 || status=$?
if ((status == 77 || status == 127)); then
  tap_skip "from_pretrained" "no Python with PyTorch and transformers"
else
  tap_is "from_pretrained" "$status $( ((status)) && tail -3 from_pretrained)" "0 "
fi
tap_done
