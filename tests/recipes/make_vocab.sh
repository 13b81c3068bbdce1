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
tap_refuses "an unknown way to normalise" '"fold" found' serin-make-vocab --norm=fold text vocab.json
printf 'a x|y\n' >bar
tap_refuses "the delimiter in a text" "bar:1: '|' in the text of \"a\"" serin-make-vocab --norm=upper,no-punctuation bar other.json
tap_refuses "no such table" 'no-such' serin-make-vocab no-such other.json
tap_ok "nothing is written then" test ! -e other.json
tap_done
