#!/usr/bin/env bash
# The experiments of the paper, with stand-ins for training and decoding: which are run and which refused, on what each
# goes on from, what is done when they are started again, and whether the tables say what scores.json says.
# shellcheck source=tests/recipes/tap.sh disable=SC2016,SC2317
. "$(dirname "$0")/tap.sh"
command -v serin-score-text > /dev/null || tap_skip_all "serin-score-text is not built"
cd "$tap_dir" || exit 1
mkdir -p egs/mini/data/all bin
cp -r "$top/egs/utils" egs/utils
cp -r "$top/egs/mini/conf" "$top/egs/mini/local" egs/mini
cp "$top"/egs/mini/*.sh egs/mini
ln -s ../utils egs/mini/utils
cd egs/mini || exit 1
real=$(dirname "$(command -v serin-score-text)")
PATH=$tap_dir/bin:$PATH
export SERIN_BUILD=${real%/recipes/bin}
# path.sh would put the real programs first.
echo 'export PATH=$PWD/utils:$PATH' > path.sh

cat > "$tap_dir/bin/serin-train" <<'END'
#!/usr/bin/env bash
echo "train ${*: -1}" >> calls
mkdir -p "${*: -1}"
printf '%s\n' "${@:1:$#-2}" | sed '/^--config=/d' | paste -s -d ' ' > "${*: -1}/options"
[[ ! -e fail ]] || { echo "no memory for it"; exit 1; }
END
cat > "$tap_dir/bin/serin-decode" <<'END'
#!/usr/bin/env bash
echo "decode ${*: -3:1}" >> calls
mkdir -p "${*: -1}"
cp "${*: -2:1}/utt2emo" "${*: -1}"
if ! grep -q lambda-ctc=0 "${*: -3:1}/options"; then sed 's/ ONE / NONE /' "${*: -2:1}/text" > "${*: -1}/text"; fi
if grep -q test-text=aec "${*: -3:1}/options"; then cp "${*: -2:1}/text" "${*: -1}/text_aec"; fi
END
cat > "$tap_dir/bin/serin-train-aec" <<'END'
#!/usr/bin/env bash
echo "aec ${*: -1}" >> calls
mkdir -p "${*: -1}"
echo "$*" > "${*: -1}/options"
END
chmod +x "$tap_dir"/bin/*
for s in A B; do
  for i in {10..15}; do
    echo "$s-$i /sound.wav" >> data/all/wav.scp
    echo "$s-$i ONE TWO THREE FOUR" >> data/all/text
    echo "$s-$i $s" >> data/all/utt2spk
    echo "$s-$i $( ((i % 2)) && echo ang || echo sad)" >> data/all/utt2emo
    echo "$s-$i $( ((i % 2)) && echo f || echo m)" >> data/all/utt2gender
    echo "$s-$i $( ((i % 3)) && echo impro || echo script)" >> data/all/utt2style
    echo "$s-$i $s" >> data/all/utt2fold
  done
done
utils/utt2spk_to_spk2utt.pl data/all/utt2spk > data/all/spk2utt
run() { ./run.sh --stage 2 --folds all --nj 1 --pretrain none --data data --dir exp --exp "$@"; }
calls() { sort calls 2> /dev/null | uniq -c | awk '{ $1 = $1 } 1' | tr '\n' ';'; rm -f calls; }

# ---- the list, against what it is made of
tap_is "37 experiments, and a stage without a number" "$(awk '!/^#/ && NF { print $1 }' utils/experiments.txt | tr '\n' ' ')" \
  "$(echo {1..17} 18-1 {18..37} "")"
tap_is "each is in a table of the paper once" "$(grep -E '^[0-9]' utils/paper_tables.txt | cut -d ' ' -f 1 | tr '\n' ' ')" \
  "$(echo {1..37} "")"
while read -r n after needs tasks options; do
  words=(--config=conf/train.conf --config=conf/exp.conf)
  for t in emotion ctc gender style; do [[ ,$tasks, == *,$t,* ]] || words+=("--lambda-$t=0"); done
  if [[ $after != - ]]; then words+=(--config=conf/stage2.conf --stage=2 --init-model=none); fi
  if [[ $options == *--aec=* ]]; then words+=(--init-aec=none); fi
  # shellcheck disable=SC2086
  "$real/serin-train" --print-args=false "${words[@]}" $options --pieces=x nowhere none 2> said
  if [[ $after == =* ]] || grep -q nowhere said || grep -q 'none/config.json' said; then continue; fi
  echo "$n $needs: $(tail -n 1 said)" >> wrong
done < <(awk '!/^#/ && NF' utils/experiments.txt)
tap_is "serin-train knows the options of each" "$(cat wrong 2> /dev/null)" ""

# ---- refusals
mv conf/aec.conf aec.conf
tap_fails "an experiment that needs the corrector" 'experiment 16 needs conf/aec.conf, the settings.*nothing was begun' run "1 16"
tap_fails "through its first stage" 'experiment 18 needs conf/aec.conf' run 18
tap_fails "MELD" 'experiment 31 needs the MELD corpus' run 31 --noisy false
tap_fails "all that is missing" 'experiment 37 needs the MELD corpus.*37 needs conf/aec|37 needs conf/aec.*37 needs the MELD' run 37 --noisy false
tap_fails "two corpora in one folder" '"1 31-32" is of two corpora' run "1 31-32"
mv aec.conf conf
tap_fails "an encoder" 'experiment 19 needs an encoder that was trained before' run 19-21
tap_fails "a number that is none" '"two" is no experiment' run "1 two"
tap_fails "one too many" 'there is no experiment 38; the paper has 1 to 37' run 38
tap_fails "none" 'no experiment is asked for' utils/run_experiments.sh " " data/all exp
mv data/all/utt2style style
tap_fails "a task without its table" 'experiment 7 needs data/all/utt2style' run "6 7"
mv style data/all/utt2style
tap_is "nothing was begun" "$(calls)$(ls exp 2> /dev/null)" ""

# ---- running
tap_ok "two" run "1,2"
tap_is "in both folds" "$(calls)" "$(printf '1 %s;' "decode exp/exp0"{1,2}/{A,B} "train exp/exp0"{1,2}/{A,B})"
tap_is "speech alone" "$(cat exp/exp01/A/options)" "--lambda-ctc=0 --lambda-gender=0 --lambda-style=0 --input=speech"
tap_is "and with words" "$(cat exp/exp02/B/options)" "--lambda-gender=0 --lambda-style=0 --input=speech"
tap_ok "again" run "1 2"
tap_is "nothing is left to do" "$(calls)" ""
tap_ok "a second stage" run 15
tap_is "after its first" "$(grep train calls | tr '\n' ' ')" "train exp/exp13/A train exp/exp13/B train exp/exp15/A train exp/exp15/B "
rm calls
tap_is "of its fold" "$(cat exp/exp15/B/options)" "--stage=2 --init-model=exp/exp13/B --lambda-ctc=0"
tap_is "with pieces of its own texts" "$(grep -o 'pieces=[^ ]*' exp/exp13/B/options)" "pieces=data/all/folds/B/pieces.txt"
tap_ok "which are there" test -s data/all/folds/B/pieces.txt
tap_ok "the same under another number" run "24"
tap_is "is not run twice" "$(calls)$(readlink exp/exp24)" exp15
rm exp/exp13/A/done
tap_ok "when something is missing" run "1 15"
tap_is "it is made" "$(calls)" "1 decode exp/exp13/A;1 train exp/exp13/A;"
tap_ok "with other options of decoding" run "1 15" --decode-opts --beam=4
tap_is "only that is done again" "$(calls)" "$(printf '1 %s;' "decode exp/exp"{01,13,15}/{A,B})"
tap_fails "with another seed" 'exp/exp13/A holds a finished model, and not of what is asked for now: is --seed=2. It stays: --retrain true trains anew in its place' \
  run 15 --train-opts --seed=2
tap_is "nothing that is finished is overwritten" "$(calls)" ""
tap_ok "unless it is asked for" run 15 --train-opts --seed=2 --retrain true
tap_is "everything" "$(calls)" "$(printf '1 %s;' "decode exp/exp1"{3,5}/{A,B} "train exp/exp1"{3,5}/{A,B})"
tap_ok "two seeds" run 15 --seeds "1, 2" --train-opts --seed=2
tap_is "the second in a folder of its own" "$(calls)" \
  "$(printf '1 %s;' "decode exp/seed2/exp1"{3,5}/{A,B} "train exp/seed2/exp1"{3,5}/{A,B})"
tap_is "from the first stage with that seed" "$(cat exp/seed2/exp15/B/options)" \
  "--stage=2 --init-model=exp/seed2/exp13/B --lambda-ctc=0 --seed=2 --seed=2"
tap_fails "a seed that is none" '--seeds are numbers from 1, found "1 x"' run 1 --seeds "1 x"
sed -i '$s/FOUR/FIVE/' data/all/text
tap_fails "other texts" 'exp/exp01/A holds a finished model.*: other data. It stays: --retrain true' run 1
tap_ok "with other texts" run 1 --retrain true
tap_is "what learns them, and the answers to them" "$(calls)" "1 decode exp/exp01/A;1 decode exp/exp01/B;1 train exp/exp01/A;"
tap_ok "adapters in published encoders" utils/run_experiments.sh --hubert /weights 19 data/all exp
tap_is "which stay as they are" "$(cat exp/exp19/A/options)" \
  "--lambda-gender=0 --lambda-style=0 --input=speech --freeze-encoders=true --adapter-dim=64 --init-model=/weights"
rm -f calls
touch fail
tap_fails "a fold that fails" 'no memory for it' run 3
tap_ok "is not done" test ! -e exp/exp03/A/done

# ---- comparisons, of what the stand-ins answered: all right but a word of each text; then one of them errs
sed -i '2s/ang/sad/; 2t; 2s/sad/ang/' exp/exp13/decode/utt2emo
tap_ok "is 15 better than 13?" utils/compare_experiments.sh "1<2 13<15" exp
serin-score-labels --bootstrap=10000 --clusters=exp/exp15/ref/utt2spk --versus=exp/exp13/decode/utt2emo,exp/seed2/exp13/decode/utt2emo \
  exp/exp15/ref/utt2emo exp/exp15/decode/utt2emo,exp/seed2/exp15/decode/utt2emo 2> said |
  sed -nE '/^versus/,$s/^(UA|WA|WF1) +([^ ]+) \[ ([^ ]+) ([^ ]+) \] p ([^ ]+)$/| \2 [\3 \4] p \5/p' | paste -s -d ' ' > expected
tap_is "the scorer's answer, where both were scored" "$(grep '^| 13<15, 2 seeds ' "$tap_dir/.out" | sed 's/ holm [0-9.]*//g' | tr -s ' ')" \
  "| 13<15, 2 seeds | 12 $(cat expected) | - |"
tap_has "it is something, of one seed of two" expected "+4.17 [+0.00"
tap_is "and for each seed" "$(grep -c '^| 13<15' "$tap_dir/.out")$(grep -c '^| 13<15, seed 2 ' "$tap_dir/.out")" 31
tap_has "the seed that errs" "$tap_dir/.out" "| 13<15, seed 1  | 12         | +8.33 [+0.00"
tap_has "how" "$tap_dir/.out" "Intervals: 10000 resamples of 2 clusters of utt2spk and of utterances in each; so few clusters make them coarse."
mkdir stub
# Published example's p: 0.01 0.04 0.03 0.005, so 0.03 0.06 0.06 0.02 by Holm; of those that are no better the p is 1.
cat > stub/serin-score-labels <<'END'
#!/bin/sh
n=$(echo "$*" | sed 's/.*exp\([0-9]*\).decode.utt2emo$/\1/')
p=$(echo "0.01 0.04 0.03 0.005" | cut -d ' ' -f "$((n - 30))")
printf 'versus x\nUA +1.00 [ +0.50, +1.50 ] p %.4f\nWA +1.00 [ +0.50, +1.50 ] p 0.5000\n' "$p"
END
chmod +x stub/serin-score-labels
for i in 30 31 32 33 34; do mkdir -p "holm/exp$i"; cp -r exp/exp15/ref exp/exp15/decode "holm/exp$i"; rm -f "holm/exp$i/decode/text"; done
tap_ok "four pairs" env PATH="$PWD/stub:$PATH" utils/compare_experiments.sh "30<31 30<32 30<33 30<34" holm
tap_is "p corrected by Holm's method" "$(sed -nE 's/^\| 30<3. .* p ([0-9.]+) holm ([0-9.]+) .* holm ([0-9.]+) .*/\1 \2 \3/p' "$tap_dir/.out")" \
  "0.0100 0.0300 1.0000
0.0400 0.0600 1.0000
0.0300 0.0600 1.0000
0.0050 0.0200 1.0000"
tap_has "is told" "$tap_dir/.out" "holm: p corrected by Holm's method for the 4 pairs."
tap_ok "one pair" env PATH="$PWD/stub:$PATH" utils/compare_experiments.sh "30<31" holm
tap_is "needs no correction" "$(grep -c holm "$tap_dir/.out")" 0
tap_ok "words, where only one has them" utils/compare_experiments.sh "1<2" exp
tap_has "are not compared" "$tap_dir/.out" " | -   |"
cp exp/exp15/decode/utt2emo kept
sed -i 's/^A-11 .*/A-11 dis/' exp/exp15/decode/utt2emo
tap_fails "an answer that is no label" '"A-11"|"dis"' utils/compare_experiments.sh "13<15" exp
mkdir -p exp/exp15/B
echo '{"emotion":["ang","dis","sad"]}' > exp/exp15/B/labels.json
tap_ok "but is one of a model, were it of one fold" utils/compare_experiments.sh "13<15" exp
tap_is "is a miss" "$(grep -c '^| 13<15, seed 1 .*| +0.00 ' "$tap_dir/.out")" 1
rm exp/exp15/B/labels.json
mv kept exp/exp15/decode/utt2emo
sed -i 2d exp/exp13/ref/utt2emo
tap_ok "other utterances" utils/compare_experiments.sh "13<15" exp
tap_has "cannot be compared" "$tap_dir/.out" "Not compared: 13<15, which"
cp exp/exp13/ref/utt2emo exp/exp15/ref/utt2emo
rm -r exp/seed2
tap_fails "an answer too many" '"A-11" is not in' utils/compare_experiments.sh "13<15" exp
tap_fails "what is no pair" '"13>15" is no pair: write 1<2' utils/compare_experiments.sh "13>15" exp
tap_is "nothing to compare, nothing said" "$(utils/compare_experiments.sh "3<4" exp 2>&1)" ""
rm -r exp/exp13 exp/exp15

# ---- the corrector
rm fail calls
tap_fails "a fold with one speaker" 'has 1 speakers: too few for --parts 2' run 16
for i in {10..15}; do
  sex=$( ((i % 2)) && echo f || echo m)
  for t in "wav.scp /sound.wav" "text ONE TWO THREE FOUR" "utt2spk C" "utt2emo $([[ $sex == f ]] && echo sad || echo ang)" "utt2gender $sex" \
    "utt2style $( ((i % 3)) && echo impro || echo script)" "utt2fold C"; do
    echo "C-$i ${t#* }" >> "data/all/${t%% *}"
  done
done
utils/utt2spk_to_spk2utt.pl data/all/utt2spk > data/all/spk2utt
tap_ok "experiments with it" run "16 18"
tap_is "one for each fold, by models that did not see what they wrote down" "$(calls)" \
  "$(printf '1 %s;' "aec exp/aec/"{A,B,C}/model {decode,train}" exp/"{aec/{A,B,C}/recogniser/part{1,2},exp16/{A,B,C},exp18{-1,}/{A,B,C}})"
tap_is "each from the other folds" "$(cut -c 1 exp/aec/A/hypotheses | sort | uniq -c | awk '{ print $1, $2 }' | tr '\n' ' ')" "6 B 6 C "
tap_is "is the experiment's of its fold" "$(grep -o 'init-aec=[^ ]*' exp/exp18-1/B/options)" "init-aec=exp/aec/B/model"
tap_ok "word errors before and after are scored" grep -q '"corrected":' exp/exp16/scores.json
tap_has "and are in the table" exp/tables.txt "| 16  | AEC, CL"
tap_ok "again" run "16 18"
tap_is "nothing is left to do there either" "$(calls)" ""

# ---- pairs of another corpus for it: none whose text a fold is tested on
mkdir pairs
printf '%s\n' "A-10 ONE TWO THREE FOUR" "cv1 ONE TWO THREE FOUR" "cv2 SEVEN" > pairs/text
printf '%s\n' "A-10-1 ONE" "cv1-1 ONE TWO" "cv2-1 SEVER" "cv2-2 SEVENTH" > pairs/hypotheses
sed '/^B/s/ONE/NINE/' data/all/text > nine && cp data/all/text all && cp nine data/all/text
tap_fails "a folder without pairs" 'nowhere/text is missing or empty: --aec-data is what egs/commonvoice' \
  utils/run_experiments.sh --folds A,B --aec-data nowhere 16 data/all added
tap_ok "pairs of another corpus" utils/run_experiments.sh --folds A,B --aec-data pairs 16 data/all added
tap_is "are the corrector's, but for a test fold's texts" "$(grep -v -- '^[ABC]-1.* [ONF][A-Z]* [TN]' added/aec/A/pairs/hypotheses)" \
  $'cv2-1 SEVER\ncv2-2 SEVENTH'
tap_is "of other folds none" "$(grep -c '^cv1' added/aec/A/pairs/text)$(grep -c '^cv1' added/aec/B/pairs/text)" 01
tap_has "it reads them" added/aec/A/model/options added/aec/A/pairs/text
cp all data/all/text
rm calls
mv utils/pretrain.sh pretrain.sh
printf '%s\n' '#!/usr/bin/env bash' 'echo "pretrain ${*: -1}" >> calls' > utils/pretrain.sh
chmod +x utils/pretrain.sh
tap_fails "a speaker kept for choosing the model is not the corrector's" 'has 1 speakers: too few for --parts 2' \
  run 16 --folds A --dev next --dir kept
tap_is "which has the third's words alone" "$(cut -c 1 kept/aec/A/utts | sort -u)" C
tap_ok "with pre-training" run 16 --folds A --pretrain both --more-sentences 0 --dir pre
tap_is "of speech and of words, that comes first" "$(head -n 3 calls | tr '\n' ';')" \
  "pretrain data/all/folds/A/pretrain;pretrain data/all/folds/A/pretrain;train pre/aec/A/recogniser/part1;"
rm calls
tap_has "the recognisers begin with the fold's encoder" pre/aec/A/recogniser/part1/options 'init-model=data/all/folds/A/pretrain/hubert'
tap_has "the corrector with its BERT" pre/aec/A/model/options 'init-bert=data/all/folds/A/pretrain/bert'
mv pretrain.sh utils/pretrain.sh

# ---- MELD's experiments have a corpus of their own
mkdir data/hard data/noisy
ln -s ../all data/hard/all
ln -s ../all data/noisy/all
tap_ok "experiments of both" ./run.sh --stage 2 --folds A --nj 1 --pretrain none --exp "2 29-30"
tap_is "each in its folder" "$(cd exp && echo {hard,noisy}/exp??)" "hard/exp02 hard/exp29 noisy/exp30"

# ---- tables
rm -rf exp
mkdir -p exp/exp02 exp/exp14
cat > exp/exp02/scores.json <<'END'
{ "serin_scores": 1, "name": "x{]", "corpus": "a \"made\" one",
  "emotion": { "kind": "labels", "majority": { "label": "hap", "UA": 25.0, "WA": 30.5, "WF1": 14, "MF1": 11 },
    "pooled": { "utterances": 40, "UA": { "value": 88.125, "low": 80.0, "high": 9.5e1 }, "classes": [],
      "WA": { "value": 87, "low": 81, "high": 94 } }, "folds": [ { "name": "A" }, { "name": "B" } ],
    "groups": [ { "name": "impro", "utterances": 16, "UA": { "value": 70.5, "low": 60, "high": 80 } } ] },
  "text": { "pooled": { "WER": { "value": 12.5, "low": 10.25, "high": 15 } },
    "groups": [ { "name": "impro", "WER": { "value": 20, "low": 18, "high": 22 } } ] } }
END
mkdir -p exp/seed{2,10}/exp02
sed 's/88.125/84.125/' exp/exp02/scores.json > exp/seed2/exp02/scores.json
sed 's/88.125/80.125/' exp/exp02/scores.json > exp/seed10/exp02/scores.json
sed -i 's/ "folds"/ "spread": { "UA": { "mean": 88.5, "sd": 1.25, "n": 2 } }, &/' exp/exp02/scores.json
sed 's/"utterances": 40/"utterances": 41/; s/88.125/90/' exp/exp02/scores.json > exp/exp14/scores.json
tap_ok "tables" local/tables.sh exp
cells() { sed '/^Styles/,$d; /^Mean/,$d' "$tap_dir/.out" | grep "^| $1 " | sed 's/ *| */|/g'; }
tap_is "an experiment that was run" "$(cells 2)" \
  "|2|SER, ASR|88.12 [80.00, 95.00] / 75.28|87.00 [81.00, 94.00] / 75.13|12.50 [10.25, 15.00] / 13.57|-|-|"
tap_is "one of another table" "$(cells 14)" \
  "|14|TGF|90.00 [80.00, 95.00] / 79.62|87.00 [81.00, 94.00] / 79.50|12.50 [10.25, 15.00] / 13.90|"
tap_is "one that was not" "$(cells 4)" "|4|SER, ASR, gender, style|- / 77.02|- / 76.79|- / 13.75|- / 99.14|- / 87.45|"
tap_is "the majority of each table" "$(cells '  ' | grep -c '^||always hap|25.00|30.50|')" 2
tap_is "improvised utterances by themselves" "$(sed -n '/^Styles/,/^Mean/p' "$tap_dir/.out" | grep '^| 2 ' | sed 's/ *| */|/g')" \
  "|2|impro, 16|70.50 [60.00, 80.00]|-|-|20.00 [18.00, 22.00]|"
tap_is "over folds and seeds" "$(sed -n '/^Mean/,/^Ours/p' "$tap_dir/.out" | grep '^| 2 ' | sed 's/ *| */|/g' | tr '\n' ' ')" \
  "|2|2 folds|88.50 ± 1.25|-|-|-|-|-| |2|3 seeds|84.12 ± 4.00|87.00 ± 0.00|-|12.50 ± 0.00|-|-| "
tap_is "kept" "$(cat exp/tables.txt)" "$(sed '/^report: /d' "$tap_dir/.out")"
tap_has "a page of it" exp/report.html '<small>paper 75.28</small>'
tap_is "six of them" "$(grep -c '^Table [1-6]' "$tap_dir/.out")" 6
tap_is "what the paper compares, by table" "$(awk -F ' *[|] *' '$1 == "compare" { print $2 }' utils/paper_tables.txt | wc -l)" 8
tap_has "the majority" "$tap_dir/.out" 'Experiment 2, a "made" one: 40 utterances of A B; always hap: UA 25.00, WA 30.50, F1 14.00.'
tap_has "of each set of utterances" "$tap_dir/.out" 'Experiment 14, a "made" one: 41 utterances'
mkdir -p noisy/exp37
cp exp/exp02/scores.json noisy/exp37
tap_ok "MELD's alone" local/tables.sh noisy
tap_is "where these were run" "$(grep -o '^Table [0-9]' "$tap_dir/.out" | tr '\n' ' ')" "Table 7 Table 8 "
tap_is "with the majority" "$(cells '  ')" "||always hap|30.50|14.00|-|"
tap_is "MELD's when asked for" "$(utils/paper_tables.pl 8 exp | grep '^| 37')" "| 37  | AEC, CL     | - / 53.35 | - / 51.02 | - / 30.16 |"
tap_fails "a table that is none" 'no table is among "9"' utils/paper_tables.pl 9 exp
echo '{ "serin_scores": 2 }' > exp/exp02/scores.json
tap_fails "another version" 'exp02/scores.json: "serin_scores": 1 expected' local/tables.sh exp
echo '{ "serin_scores": 1, "emotion": { "pooled": ' > exp/exp02/scores.json
tap_fails "a file that is cut off" 'exp02/scores.json: byte [0-9]* is no JSON' local/tables.sh exp
tap_done
