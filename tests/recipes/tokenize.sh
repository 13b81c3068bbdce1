#!/usr/bin/env bash
# serin-tokenize: pieces and numbers of lines, as Hugging Face's tokenizer cuts them.
# shellcheck source=tests/recipes/tap.sh
. "${srcdir:-.}/tests/recipes/tap.sh"
cd "$tap_dir" || exit 1
printf '%s\n' '[PAD]' '[UNK]' '[CLS]' '[SEP]' '[MASK]' the 'box' '##es' "'" s . un '##known' > vocab.txt

tap_ok "pieces" bash -c "printf 'The boxes.\n\nthe zebra'\''s unknown' | serin-tokenize vocab.txt"
tap_is "a line each" "$(cat .out)" $'[CLS] the box ##es . [SEP]\n[CLS] [SEP]\n[CLS] the [UNK] \' s un ##known [SEP]'
tap_ok "numbers" bash -c "echo The BOXES. | serin-tokenize --ids vocab.txt"
tap_is "of the same" "$(cat .out)" "2 5 6 7 10 3"
tap_ok "without the frame" bash -c "echo box | serin-tokenize --special=false vocab.txt"
tap_is "the piece alone" "$(cat .out)" "box"
tap_refuses "nothing" "there was nothing to do: no line came in" bash -c "serin-tokenize vocab.txt < /dev/null"
tap_is "makes nothing" "$(cat .out)" ""
tap_refuses "no UTF-8" "standard input:2:4: " bash -c "printf 'box\nthe\xff\n' | serin-tokenize vocab.txt"
tap_refuses "a byte of zero" "standard input:1:4: " bash -c "printf 'box\0es\n' | serin-tokenize vocab.txt"
tap_refuses "no vocabulary" "none.txt: No such file" serin-tokenize none.txt
echo box > bad.txt
tap_refuses "a vocabulary without [UNK]" "bad.txt" bash -c "echo box | serin-tokenize bad.txt"
tap_refuses "a full disk" "No space left" bash -c "echo box | serin-tokenize vocab.txt > /dev/full"

# Real text, by the command a user would type.
golden=${SERIN_DATA:-}/bert_golden vocab=${SERIN_DATA:-}/bert_vocab/vocab.txt
if [[ -r $vocab ]]; then
  for split in dev test train; do
    tap_ok "MELD's $split lines" bash -c \
      "cut -f 2 '$golden/meld_$split.tsv' | serin-tokenize --ids --special=false '$vocab' | cmp - <(cut -f 3 '$golden/meld_$split.tsv')"
  done
else
  tap_skip "MELD's lines" "no bert_vocab in \$SERIN_DATA"
fi
tap_done
