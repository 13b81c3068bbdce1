#!/usr/bin/env bash
# egs/iemocap/run.sh from the corpus to RESULTS.md, on trees in IEMOCAP's layout: one with all of the release's 10,039 ids, made up
# by rule, for its counts; one of a thirtieth for training.
# shellcheck source=tests/recipes/tap.sh disable=SC1091,SC2016,SC2030,SC2031,SC2317
. "$(dirname "$0")/tap.sh"
command -v serin-train > /dev/null || tap_skip_all "serin-train is not built"
SERIN_BUILD=$(dirname "$(command -v serin-train)")
export SERIN_BUILD=${SERIN_BUILD%/recipes/bin}
make=$top/tests/recipes/make_iemocap.pl
cd "$tap_dir" || exit 1
mkdir egs
cp -r "$top/egs/utils" "$top/egs/iemocap" egs
cd egs/iemocap || exit 1
all="$tap_dir/a disk/IEMOCAP_full_release" some=$tap_dir/small
conf=conf/full_release.counts

# ---- all of it
tap_ok "makes the ids of the release" "$make" $conf "$all"
before=$(find "$all" -type f -exec ls -ln --time-style=full-iso {} + | sort | cksum)
tap_ok "prepares them" ./run.sh --iemocap "$all" --stop-stage 1
tap_is "leaves the corpus alone" "$(find "$all" -type f -exec ls -ln --time-style=full-iso {} + | sort | cksum)" "$before"
tap_is "10039 turns" "$(grep '^labelled' data/session/counts | tr '\n' ';')" "labelled all 10039;labelled ang 1103;labelled dis 2;labelled exc 1041;labelled fea 40;labelled fru 1849;labelled hap 595;labelled neu 1708;labelled oth 3;labelled sad 1084;labelled sur 107;labelled xxx 2507;"
tap_is "5531 of four classes" "$(wc -l < data/session/utt2emo)" 5531
# Talkers by ang hap neu sad: counted again from the tables, as the literature has them.
tap_is "by talker" "$(join data/session/utt2spk data/session/utt2emo | awk '{ n[$2, $3]++ } END { for (s = 1; s <= 5; s++) for (g = 0; g < 2; g++) {
  t = "Ses0" s (g ? "M" : "F"); printf "%s %d %d %d %d;", substr(t, 4), n[t, "ang"], n[t, "hap"], n[t, "neu"], n[t, "sad"] } }')" \
  "01F 147 132 171 78;01M 82 146 213 116;02F 67 166 135 113;02M 70 161 227 84;03F 92 128 130 172;03M 148 158 190 133;04F 205 185 76 62;04M 122 118 182 81;05F 78 159 221 132;05M 92 283 163 113;"
tap_is "by session" "$(cut -d ' ' -f 2 data/session/utt2fold | sort | uniq -c | awk '{ print $1 }' | tr '\n' ' ')" "1085 1023 1151 1031 1241 "
tap_is "31 without words" "$(awk 'NF == 1' data/session/text | wc -l)" 31
tap_is "sorted" "$(cat data/session/utt2emo)" "$(sort data/session/utt2emo)"
tap_ok "ten folds by talker" ./run.sh --iemocap "$all" --cv talker --stage 1 --stop-stage 1
tap_is "a talker each" "$(cut -d ' ' -f 2 data/talker/utt2fold | sort -u | wc -l)" 10
tap_is "and the other of the session to choose the model on" "$(cat conf/dev_talker.txt)" \
  "$(cut -d ' ' -f 2 data/talker/utt2fold | sort -u | sed -E 's/(.*)F$/& \1M/; t; s/(.*)M$/& \1F/')"

# ---- what users give instead
lost="$all/Session2/sentences/wav"
tap_fails "the folder above" 'is not the release, but .*/a disk/IEMOCAP_full_release is: give that' ./run.sh --iemocap "$tap_dir/a disk"
tap_fails "a session" 'is not the release, but .*IEMOCAP_full_release is' ./run.sh --iemocap "$all/Session1"
mkdir "$tap_dir/tables" "$tap_dir/archive"
touch "$tap_dir/tables/train.csv" "$tap_dir/archive/IEMOCAP_full_release.tar.gz"
tap_fails "tables" 'is another edition' ./run.sh --iemocap "$tap_dir/tables"
tap_fails "an archive" 'unpack it first' ./run.sh --iemocap "$tap_dir/archive"
tap_fails "nothing" 'no directory' ./run.sh --iemocap "$tap_dir/none"
tap_fails "no option" '--iemocap says where the corpus is' ./run.sh
mv "$all/Session4/dialog/transcriptions" "$tap_dir/kept"
tap_fails "half a copy" 'is copied by half, it lacks: Session4/dialog/transcriptions. Copy it again' ./run.sh --iemocap "$all"
mv "$tap_dir/kept" "$all/Session4/dialog/transcriptions"
dialogue=$(find "$lost" -mindepth 1 -maxdepth 1 -name 'Ses*' | sort | head -n 1)
mv "$dialogue" "$tap_dir/kept"
tap_fails "a dialogue without sound" 'dialogues with labels lack: Session2/sentences/wav/Ses02' ./run.sh --iemocap "$all"
mv "$tap_dir/kept" "$dialogue"
turn=$(find "$lost" -name 'Ses*.wav' | sort | head -n 1)
mv "$turn" "$tap_dir/kept"
tap_fails "a turn without sound" "$(basename "$turn" .wav) labelled, but there is no sound.*1 of 10039 labelled turns are incomplete" ./run.sh --iemocap "$all"
head -c 44 /dev/urandom > "$turn"
tap_fails "a sound that does not decode" "$(basename "$turn")" ./run.sh --iemocap "$all"
rm "$turn"
mv "$tap_dir/kept" "$turn"
extra="${turn%/*}/../again"
mkdir "$extra"
cp "$turn" "$extra"
tap_fails "a turn twice" "turns that occur twice in its wav: $(basename "$turn" .wav)" ./run.sh --iemocap "$all" --stage 1
rm -r "$extra"
tap_fails "another release" 'labelled all: expected 10039, found .*does not have the counts of conf/full_release.counts' \
  bash -c '"$1" --scale 2 conf/full_release.counts "$2" && ./run.sh --iemocap "$2"' - "$make" "$tap_dir/half"
tap_fails "a full disk" 'needs 99999999 GB, and there are [0-9]* free: make room' utils/need_disk.sh 99999999 exp
mkdir w && touch w/config.json
tap_fails "one folder of weights" 'experiment 17 reads words: --bert is missing .--hubert and --bert go together' ./run.sh --iemocap "$all" --hubert w
tap_fails "where words alone are read, BERT" 'experiment 2 reads speech: --hubert is missing' ./run.sh --iemocap "$all" --bert w --exp "5-8 2"
tap_is "each asks for what it reads" "$(. utils/reads.sh && for n in {1..37}; do echo "$n$(reads "$n" | sort | sed 's/ .*//' | tr -d '\n')"; done | sed 's/[0-9]*//' | uniq -c | awk '{ print $1, $2 }' | tr '\n' ';')" \
  "4 speech;4 words;10 speechwords;2 speech;9 speechwords;1 speech;1 speechwords;1 words;5 speechwords;"
tap_fails "no weights" 'holds no config.json' ./run.sh --iemocap "$all" --hubert "$all" --bert "$all"
tap_fails "other folds" '--cv is session or talker, found "speaker"' ./run.sh --iemocap "$all" --cv speaker
rm -rf "$tap_dir/a disk" data

# ---- a run, to the end
"$make" --scale 30 $conf "$some"
rm "$(find "$some/Session3/sentences" -name 'Ses*.wav' | sort | head -n 1)"
tiny="--bins=20 --width=16 --layers=1 --heads=2 --inner=32 --pos-kernel=9 --pos-groups=2 --bert-width=16 --bert-layers=1 --bert-heads=2 --bert-inner=32 --fusion-heads=2 --epochs=3 --adapter-dim=2 --speed=0"
run() { ./run.sh --iemocap "$some" --counts "" --estimate 1 --train-opts "$tiny" --decode-opts "" "$@"; }
tap_fails "a missing sound stops it" 'labelled turns are incomplete' run
tap_ok "a missing sound may be allowed" local/prepare_data.sh --allow-missing true "$some" data/session
tap_ok "tells what experiments cost" run --stage 2 --stop-stage 2 --exp "1 5 17"
tap_is "each" "$(sed -nE 's/^(experiment [^:]*: 3 epochs of 5 folds), ([0-9.]* h|[0-9]* texts) .* of memory.*/\1/p' "$tap_dir/.out")" "experiment 1 (speech): 3 epochs of 5 folds
experiment 5 (text): 3 epochs of 5 folds
experiment 14 (both): 3 epochs of 5 folds
experiment 17 (both): 3 epochs of 5 folds"
tap_is "of what a fold trains on" "$(sed -n 's/^experiment 5 .* \([0-9]*\) texts to train on.*/\1/p' "$tap_dir/.out")" "$(awk 'NR == FNR { kept[$1] = $2; next } FILENAME ~ /utt2spk/ { spk[$1] = $2; next } { fold[$1] = $2 } END { for (f in kept) for (u in fold) n += fold[u] != f && spk[u] != kept[f]; print int(n / 5) }' conf/dev_session.txt data/session/utt2spk data/session/utt2fold)"
tap_has "and the sum" "$tap_dir/.out" "all of it: 0.0 h of CPU"
tap_is "before anything is trained" "$(ls exp/scratch-session)" estimate
tap_ok "runs experiments" run --stage 2 --exp "2 5 15"
tap_is "in five folds" "$(for e in 02 05 13 15; do wc -l < exp/scratch-session/exp$e/folds; done | tr -d '\n')" 5555
tap_is "another speaker chooses the model" "$(grep -ho 'dev-speakers=[^ ]*' exp/scratch-session/exp02/log/train.Ses01.log | head -n 1)" dev-speakers=Ses02F
tap_ok "where the last model is taken" run --stage 3 --stop-stage 3 --exp 1 --folds 1 --train-opts "$tiny --select=last --patience=0"
tap_is "nobody is kept from training" "$(grep -ho 'dev-speakers=[^ ]*' exp/scratch-session/exp01/log/train.Ses01.log | head -n 1)" ""
tap_is "checkpoints are gone" "$(find exp -name checkpoints | wc -l)" 0
tap_has "RESULTS.md begins with its command" RESULTS.md "egs/iemocap/run.sh --iemocap"
tap_has "counts what was found" RESULTS.md "| labelled fru | 62 |"
tap_has "and what was dropped" RESULTS.md "- 1: labelled, but there is no sound"
tap_ok "holds the tables" grep -Eq '^\| 15 .*/ 79.15' RESULTS.md
tap_ok "and each experiment" grep -q '^## exp15' RESULTS.md
tap_ok "and what training took" grep -Eq '^Training: 5 folds, [^;]*; the last: [0-9]+ threads?, .* times real time' RESULTS.md
tap_has "and how an utterance was taken" RESULTS.md "confusion"
first=$(cat exp/scratch-session/exp02/*/decode/text)
rm -r exp/scratch-session/exp02/Ses03
tap_ok "what is missing is made again" run --stage 3 --stop-stage 3 --exp 2
tap_is "and nothing else, to the same words" "$(cat exp/scratch-session/exp02/*/decode/text)$(find exp/scratch-session/exp02 -maxdepth 2 -name 'done' | wc -l)" "${first}5"
tap_done
