#!/usr/bin/env bash
# serin-make-vocab: order, normalising, and what is refused.
# shellcheck source=tests/recipes/tap.sh
. "${srcdir:-.}/tests/recipes/tap.sh"
cd "$tap_dir" || exit 1

printf 'a Könnte es\nb Ja, [laughter]\n' >text
tap_ok "a vocabulary" serin-make-vocab --norm=upper,nfc,tags,punctuation,collapse text vocab.json
tap_is "its tokens in order" "$(tr -d ' \n' <vocab.json)" \
  '{"<pad>":0,"<s>":1,"</s>":2,"<unk>":3,"|":4,"A":5,"E":6,"J":7,"K":8,"N":9,"S":10,"T":11,"Ö":12}'
tap_ok "text as it is" serin-make-vocab text vocab.json
tap_has "keeps its comma" vocab.json '",": 5'
printf '| 94802\nE 51860\nA 33152\n' >dict.ltr.txt
tap_ok "a dictionary of fairseq's" serin-make-vocab --type=fairseq dict.ltr.txt vocab.json
tap_is "its symbols behind the special ones" "$(tr -d ' \n' <vocab.json)" '{"<pad>":0,"<s>":1,"</s>":2,"<unk>":3,"|":4,"E":5,"A":6}'
printf '| 94802\nE\n' >dict.ltr.txt
tap_refuses "half a dictionary" 'dict.ltr.txt:2: "E" found, expected a symbol and its count' \
  serin-make-vocab --type=fairseq dict.ltr.txt other.json
tap_refuses "an unknown way to normalise" '"fold" found' serin-make-vocab --norm=fold text vocab.json
printf 'a x|y\n' >bar
tap_refuses "the delimiter in a text" "bar:1: '|' in the text of \"a\"" serin-make-vocab --norm=upper,no-punctuation bar other.json
tap_refuses "no such table" 'no-such' serin-make-vocab no-such other.json
tap_ok "nothing is written then" test ! -e other.json
tap_done
