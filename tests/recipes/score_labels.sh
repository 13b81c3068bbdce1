#!/usr/bin/env bash
# serin-score-labels: the metrics by hand, folds, groups, comparison, scores.json, and what is refused.
# shellcheck source=tests/recipes/tap.sh
. "${srcdir:-.}/tests/recipes/tap.sh"
cd "$tap_dir" || exit 1

# truth x answer: ang 3 1 0, neu 1 4 0, sad 0 1 1; recalls 3/4 4/5 1/2
paste -d ' ' <(seq -f 'u%02g' 11) <(printf '%s\n' ang ang ang ang neu neu neu neu neu sad sad) >ref
paste -d ' ' <(seq -f 'u%02g' 11) <(printf '%s\n' ang ang ang neu ang neu neu neu neu neu sad) >hyp
paste -d ' ' <(seq -f 'u%02g' 11) <(printf '%s\n' 1 1 1 1 1 1 2 2 2 2 2) >utt2fold
paste -d ' ' <(seq -f 'u%02g' 11) <(printf '%s\n' acted acted acted free free free free free free free free) >utt2style

tap_ok "scores" serin-score-labels --folds=utt2fold --groups=utt2style --json=scores.json --corpus=hand ref hyp
# F1: ang 2*3/(4+4), neu 2*4/(5+6), sad 2*1/(2+1)
tap_is "pooled" "$(head -4 .out | sed 's/ 95%.*//')" "%UA 68.33 [ mean recall of 3 classes ]
%WA 72.73 [ 8 / 11 ]
%WF1 72.45 [ 11 utterances ]
%MF1 71.46 [ 3 classes ]"
tap_is "a class" "$(awk '$1 == "neu" && NF == 5' .out | tr -s ' ')" "neu 5 80.00 66.67 72.73"
tap_is "confusion" "$(awk '/^confusion/ { on = 1 } on && $1 == "sad" && NF == 4' .out | tr -s ' ')" "sad 0 1 1"
tap_is "majority" "$(grep '^always' .out)" 'always "neu": UA 33.33 WA 45.45 WF1 28.41 MF1 20.83'
# fold 1: ang 3/4, neu 1/2; fold 2: neu 3/3, sad 1/2
tap_is "folds" "$(awk '/^fold/ { on = 1 } /^group/ { on = 0 } on && $1 ~ /^[0-9]$/ { print $1, $2, $3, $4 }' .out)" "1 6 62.50 66.67
2 5 75.00 80.00"
tap_is "mean and deviation over folds" "$(awk '$1 == "mean" || $1 == "standard" { print $(NF - 3) }' .out | paste -s -d ' ')" "68.75 8.84"
tap_is "groups" "$(awk '$1 == "acted" { print $2, $3 }' .out)" "3 100.00"
tap_has "confusion in scores.json" scores.json '"label": "neu"'
tap_has "the command in scores.json" scores.json '"command": "serin-score-labels --folds=utt2fold'

tap_ok "a second section" serin-score-labels --json=scores.json --section=gender ref hyp
tap_has "beside the first" scores.json '"emotion": {'
tap_has "in the same file" scores.json '"gender": {'
tap_has "whose corpus stays" scores.json '"corpus": "hand"'
first=$(cat .out)
tap_ok "again" serin-score-labels ref hyp
tap_is "gives the same intervals" "$(cat .out)" "$first"

tap_ok "compared with the truth" serin-score-labels --versus=ref ref hyp
tap_has "the difference" .out "UA   -31.67 ["
sed 's/^u11 sad/u11 neu/' hyp >worse
tap_ok "compared with a worse one" serin-score-labels --versus=worse ref hyp
tap_has "one utterance better" .out "WA   +9.09 [ +0.00"

sed 's/^u01 ang/u01 -/' ref >partly
tap_ok "an unlabelled reference" serin-score-labels partly hyp
tap_has "is not scored" .out "%WA 70.00 [ 7 / 10 ]"
sed 's/^u03 ang/u03 fru/' hyp >strange
tap_refuses "an unknown label" 'strange:3: "u03" has the unknown label "fru", one of ang neu sad expected' \
  serin-score-labels ref strange
tap_ok "a label that --labels names" serin-score-labels --labels=sad,ang,fru,neu ref strange
tap_has "counts as an error and not as a class" .out "%UA 60.00 [ mean recall of 3 classes ]"
mkdir model1 model2
echo '{"emotion":["ang","fru","neu","sad"]}' >model1/labels.json
echo '{"emotion":["ang","neu","sad"],"style":["acted","free"]}' >model2/labels.json
tap_ok "a label that one of the models knows" serin-score-labels ref strange model1 model2
tap_has "counts as an error, too" .out "%UA 60.00 [ mean recall of 3 classes ]"
tap_is "and has a row" "$(awk '$1 == "fru" && NF == 5' .out | head -n 1 | tr -s ' ')" "fru 0 0.00 0.00 0.00"
tap_refuses "a label that no model knows" 'strange:3: "u03" has the unknown label "fru"' serin-score-labels ref strange model2
sed 's/^u05 neu/u05 joy/' ref >newer
tap_ok "a true label that no model knows" serin-score-labels newer hyp model1
tap_is "is never met" "$(awk '$1 == "joy" && NF == 5' .out | head -n 1 | tr -s ' ')" "joy 1 0.00 0.00 0.00"
tap_has "but is a class" .out "mean recall of 4 classes"
tap_refuses "a folder that is no model" 'utt2fold/labels.json' serin-score-labels ref hyp utt2fold
tap_refuses "models under another name" '--section=mood: models have labels of emotion, gender and style' serin-score-labels --section=mood ref hyp model1
head -10 hyp >short
tap_refuses "a missing key" 'short: no entry for "u11" of ref' serin-score-labels ref short
tap_has "the advice is taken by this program" .err "(--mode=present scores without them)"
tap_refuses "an extra key" '"u11" is not in short' serin-score-labels short ref
tap_ok "present scores the rest" serin-score-labels --mode=present ref short
tap_has "and says so" .err "short lacks 1 utterance of ref, not scored"
tap_refuses "another system's missing key" 'short: no entry for "u11"' serin-score-labels --versus=short ref hyp
tap_refuses "two words" 'has the value "ang neu", one word expected' bash -c 'echo "u1 ang neu" | serin-score-labels - hyp'
printf 'u99 3\n' | cat utt2fold - >folds3
tap_ok "a fold without utterances" serin-score-labels --folds=folds3 ref hyp
tap_has "is warned of" .err 'folds3: no utterance of fold "3" is scored'
tap_refuses "a fold table without an utterance" 'short: no entry for "u11", which is scored' \
  serin-score-labels --folds=short ref hyp
sed 's/ .*/ -/' ref >none
tap_refuses "no label at all" 'none: no utterance has a label: nothing to score' serin-score-labels none hyp
tap_refuses "too few resamples" 'bootstrap' serin-score-labels --bootstrap=1 ref hyp
tap_refuses "one argument" 'Usage' serin-score-labels ref
tap_done
