#!/usr/bin/env bash
# serin-ctc-decode: greedy and beam, n-best, scores, and what is refused.
# shellcheck source=tests/recipes/tap.sh
. "${srcdir:-.}/tests/recipes/tap.sh"
cd "$tap_dir" || exit 1

echo '{"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "|": 4, "A": 5, "Ä": 6}' >vocab.json
# Rows of log probabilities: ln .9 for one token a frame, ln .01 or so for the others.
row() { for i in 0 1 2 3 4 5 6; do if [[ $i == "$1" ]]; then printf ' -0.1'; else printf ' -5'; fi; done; echo; }
matrix() { printf '%s [\n' "$1"; shift; for i in "$@"; do row "$i"; done; echo ' ]'; }
{ matrix u1 5 5 0 5 4 4 6 0; matrix u2 0 0; echo 'u3 [ ]'; } >lp.txt

tap_ok "greedy" serin-ctc-decode vocab.json ark:lp.txt ark,t:text
tap_is "merges, drops blanks, puts spaces" "$(cat text)" $'u1 AA Ä\nu2\nu3'
matrix u1 4 5 4 0 4 0 4 5 4 >spaces.txt
tap_is "one space between words" "$(serin-ctc-decode vocab.json ark:spaces.txt ark,t:- 2>/dev/null)" "u1 A A"
tap_ok "beam" serin-ctc-decode --beam=20 vocab.json ark:lp.txt ark:text2
tap_is "finds the same here" "$(cat text2)" "$(cat text)"

# Two frames, blank .4, A .35: the best path is empty, the best text is A, with .4025 (and Ä .25 has .2625, "" .16).
echo 'u [ -0.916290732 -inf -inf -inf -inf -1.0498221245 -1.3862943611
-0.916290732 -inf -inf -inf -inf -1.0498221245 -1.3862943611 ]' >sum.txt
tap_is "greedy takes the best path" "$(serin-ctc-decode vocab.json ark:sum.txt ark,t:- 2>/dev/null)" "u"
tap_ok "n best" serin-ctc-decode --beam=10 --nbest=3 --scores=ark,t:scores vocab.json ark:sum.txt ark,t:nbest
tap_is "in order" "$(cat nbest)" $'u-1 A\nu-2 Ä\nu-3'
tap_is "with their log probabilities" "$(cut -c -10 scores)" $'u-1 -0.910\nu-2 -1.337\nu-3 -1.832'
serin-ctc-decode --beam=100 --nbest=10 vocab.json ark:sum.txt ark,t:nbest 2>/dev/null
tap_is "ten keep their order" "$(sed 's/ .*//' nbest)" $'u-01\nu-02\nu-03\nu-04\nu-05'

printf 'u1 [ -1 -1 -1 -1 -1 nan -1 ]\n' >nan.txt
tap_refuses "NaN, when nothing else is there" 'u1: log probabilities: frame 0, label 5: nan' serin-ctc-decode vocab.json ark:nan.txt ark,t:bad
cat lp.txt - >mixed.txt <<<'u4 [ 1 2 3 4 5 6 7 ]'
tap_refuses "a bad one among good ones" "Done 3 utterances, 1 failed" serin-ctc-decode vocab.json ark:mixed.txt ark,t:text3
tap_is "the others are written all the same" "$(cut -d ' ' -f 1 text3 | paste -s -d ' ')" "$(awk '/\[/ { print $1 }' lp.txt | paste -s -d ' ')"
tap_ok "a bad one among good ones is left out" serin-ctc-decode --allow-failures vocab.json ark:mixed.txt ark,t:text3
tap_is "and told" "$(serin-ctc-decode vocab.json ark:mixed.txt ark,t:- 2>&1 >/dev/null | grep -c -e 'u4: log probabilities: frame 0, label 0: 1, expected' -e 'Done 3 utterances, 1 failed')" 2
printf 'u1 [ -1 -1 ]\n' >narrow.txt
tap_refuses "another number of columns" '2 columns, but the vocabulary has 7 tokens' serin-ctc-decode vocab.json ark:narrow.txt ark,t:bad
{ matrix b 0; matrix a 0; } >unsorted.txt
tap_refuses "unsorted keys" 'key "a" comes after "b"' serin-ctc-decode vocab.json ark:unsorted.txt ark,t:bad
{ matrix a 0; matrix a 0; } >twice.txt
tap_refuses "a key twice" 'key "a" comes after "a"' serin-ctc-decode vocab.json ark:twice.txt ark,t:bad
tap_refuses "a beam of 0" 'expected an integer from 1' serin-ctc-decode --beam=0 vocab.json ark:lp.txt ark,t:bad
tap_refuses "more texts than prefixes" 'nbest=3: expected at most --beam=2' serin-ctc-decode --beam=2 --nbest=3 vocab.json ark:lp.txt ark,t:bad
tap_refuses "no vocabulary" 'no.json' serin-ctc-decode no.json ark:lp.txt ark,t:bad
tap_refuses "no table" 'no.ark: No such file' serin-ctc-decode vocab.json ark:no.ark ark,t:bad
tap_refuses "no wspecifier" 'bad: expected ark,t:FILE' serin-ctc-decode vocab.json ark:lp.txt bad
tap_refuses "a full disk" 'No space left' serin-ctc-decode vocab.json ark:lp.txt ark,t:/dev/full
tap_ok "nothing is written then" test ! -e bad
tap_done
