#!/usr/bin/env bash
# serin-score-text: Kaldi's line, alignment by name, details, modes, comparison, and what is refused.
# shellcheck source=tests/recipes/tap.sh
. "${srcdir:-.}/tests/recipes/tap.sh"
cd "$tap_dir" || exit 1

cat >ref <<'END'
u1 THE CAT SAT
u2 A B C
u3
u4 OK ÜBER
END
cat >hyp <<'END'
u1 THE HAT HAS SAT
u2 A C
u3 X
u4 OK ÜBER
END
printf 'u1 1\nu2 1\nu3 2\nu4 2\n' >utt2fold

tap_ok "scores" serin-score-text --details=details --json=scores.json --name=tiny --folds=utt2fold ref hyp
tap_is "the line of compute-wer" "$(head -3 .out)" "%WER 50.00 [ 4 / 8, 2 ins, 1 del, 1 sub ]
%SER 75.00 [ 3 / 4 ]
Scored 4 sentences, 0 not present in hyp."
tap_is "a fold" "$(awk '$1 == "2" { print $2, $3, $4 }' .out)" "2 2 50.00"
tap_is "mean over folds" "$(awk '$1 == "mean" { print $2 }' .out)" "50.00"
tap_is "details of an utterance" "$(sed -n '5,8p' details)" "u2 ref  A  B    C
u2 hyp  A  ***  C
u2 op   C  D    C
u2 #csid 2 0 0 1"
tap_has "words confused" details "deletion B *** 1"
tap_has "words confused with nothing" details "insertion *** X 1"
tap_has "scores.json names the experiment" scores.json '"name": "tiny"'
tap_has "scores.json holds the counts" scores.json '"substitutions": 1'

tap_ok "characters" serin-score-text --cer ref hyp
# THE CAT SAT / THE HAT HAS SAT: 1 + 4; A B C / A C: 2; "" / X: 1; the umlaut is one character
tap_is "the line of characters" "$(head -1 .out)" "%CER 34.78 [ 8 / 23, 5 ins, 2 del, 1 sub ]"

echo "u A A A B B" >ref5
echo "u B B C C A" >hyp5
tap_ok "unit costs" serin-score-text --align=unit ref5 hyp5
tap_has "five substitutions" .out "[ 5 / 5, 0 ins, 0 del, 5 sub ]"
tap_ok "sclite's costs" serin-score-text --align=sclite ref5 hyp5
tap_has "three deletions and three insertions" .out "[ 6 / 5, 3 ins, 3 del, 0 sub ]"
tap_has "the alignment is named" .out "alignment sclite"

head -3 hyp >hyp3
tap_refuses "strict: a missing utterance" 'hyp3: no entry for "u4" of ref; 1 of 4 keys are missing' serin-score-text ref hyp3
tap_ok "all: a missing utterance counts as empty" serin-score-text --mode=all ref hyp3
tap_is "all: deletions" "$(sed -n '1p;3p' .out)" "%WER 75.00 [ 6 / 8, 2 ins, 3 del, 1 sub ] [PARTIAL]
Scored 4 sentences, 1 not present in hyp."
tap_ok "present: left .out" serin-score-text --mode=present ref hyp3
tap_is "present: words" "$(head -1 .out)" "%WER 66.67 [ 4 / 6, 2 ins, 1 del, 1 sub ] [PARTIAL]"
tap_ok "present ignores what is extra" serin-score-text --mode=present hyp3 ref
tap_refuses "strict: an extra utterance" '"u4" is not in hyp3; 1 key too many' serin-score-text hyp3 ref

tap_ok "compared with itself" serin-score-text --versus=hyp ref hyp
tap_has "no difference" .out "WER +0.00 [ +0.00, +0.00 ] p 1.000"
tap_ok "compared with the truth" serin-score-text --versus=ref ref hyp
tap_has "the whole difference" .out "WER +50.00 ["

# ---- many scorers at once: none loses what another wrote
mkdir many
for i in {1..24}; do serin-score-text --bootstrap=100 --json=many/scores.json --section="part$i" ref hyp &> many.out & done
wait
tap_is "24 sections written at once are all there" "$(grep -c '"part[0-9]*": {' many/scores.json)" 24
tap_is "and nothing else" "$(ls many)" scores.json

cp scores.json before
printf 'u1 A\nu1 B\n' >twice
tap_refuses "a key twice" 'twice:2: key "u1" appears twice (first on line 1)' serin-score-text --json=scores.json twice hyp
printf 'u2 A\nu1 B\n' >unsorted
tap_refuses "not sorted" 'unsorted:2: key "u1" comes after "u2"' serin-score-text --json=scores.json unsorted hyp
printf 'u1 \377\n' >latin
tap_refuses "not UTF-8" 'latin:1: invalid UTF-8' serin-score-text --json=scores.json latin hyp
: >empty
tap_refuses "nothing to score" 'nothing to score' serin-score-text empty empty
tap_refuses "no such file" 'no-such' serin-score-text no-such hyp
tap_refuses "an unknown option" 'alignment' serin-score-text --alignment=unit ref hyp
tap_refuses "an option .out of range" 'unit|sclite' serin-score-text --align=viterbi ref hyp
tap_refuses "a fold table that lacks an utterance" 'fold3: no entry for "u4", which is scored' \
  bash -c 'head -3 utt2fold >fold3; serin-score-text --folds=fold3 ref hyp'
tap_ok "scores.json is as it was" cmp scores.json before
if [ "$(id -u)" -ne 0 ]; then
  mkdir locked && chmod a-w locked
  tap_refuses "no permission to write" 'locked/details' serin-score-text --details=locked/details ref hyp
else
  tap_refuses "no place to write" 'nowhere/details' serin-score-text --details=nowhere/details ref hyp
fi
tap_refuses "a full disk" 'No space left' bash -c 'serin-score-text ref hyp >/dev/full'
echo '{"a": 1}' >other.json
tap_refuses "a JSON file of another kind" 'other.json: not scores of version 1' serin-score-text --json=other.json ref hyp
tap_is "which is left alone" "$(cat other.json)" '{"a": 1}'
tap_is "nothing is left half-written" "$(find . -name '*.tmp.*')" ""
printf 'a B C\n' > closed.ref
tap_refuses "a closed standard output is no file that is opened later" "standard output: Bad file descriptor" \
  bash -c 'exec serin-score-text --details=closed.details closed.ref closed.ref >&-'
tap_is "and the file holds what belongs there" "$(grep -c WER closed.details)" 0
tap_done
