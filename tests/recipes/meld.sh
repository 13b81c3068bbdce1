#!/usr/bin/env bash
# egs/meld/run.sh from the archive to RESULTS.md, on a small tree in MELD's layout; on MELD's own csv files, text alone, where
# $SERIN_DATA has them.
# shellcheck source=tests/recipes/tap.sh disable=SC1111,SC1112,SC2016,SC2094,SC2317
. "$(dirname "$0")/tap.sh"
command -v serin-train > /dev/null || tap_skip_all "serin-train is not built"
SERIN_BUILD=$(dirname "$(command -v serin-train)")
export SERIN_BUILD=${SERIN_BUILD%/recipes/bin}
cd "$tap_dir" || exit 1
mkdir egs
cp -r "$top/egs/utils" "$top/egs/meld" egs
cd egs/meld || exit 1
rm -rf data exp corpus

# ---- serin-normalize, which the texts go through
printf 'a You’re “fine” – Café… 21 [laughter]\nb [x]\n' > raw
tap_ok "texts are normalised" serin-normalize --norm=upper,nfkd,strip-marks,digits,tags,punctuation,collapse raw normal
tap_is "as for the paper's word error rates" "$(cat normal)" $'a YOU\'RE FINE CAFE TWENTY ONE\nb'
tap_fails "a way that is none" '"shout" found' serin-normalize --norm=shout raw other
printf 'b x\na y\n' > raw
tap_fails "a table out of order" 'raw:2: ' serin-normalize raw other
tap_ok "then nothing is written" test ! -e other

# ---- the real csv files
if [[ -f ${SERIN_DATA-}/meld/train_sent_emo.csv ]]; then
  tap_ok "MELD's csv files are prepared" ./run.sh --meld "$SERIN_DATA/meld" --exp 32 --stop-stage 0
  tap_is "13706 of 13708 rows" "$(grep used data/all/counts | tr '\n' ';')$(wc -l < data/all/text)" "dev used 1108;test used 2610;train used 9988;13706"
  tap_is "seven classes" "$(grep test_ data/all/utt2emo | cut -d ' ' -f 2 | sort | uniq -c | awk '{ printf "%s %d;", $2, $1 }')" \
    "anger 345;disgust 68;fear 50;joy 402;neutral 1256;sadness 208;surprise 281;"
  tap_is "a quoted text" "$(grep '^Chandler-train_dia0_utt0 ' data/all/text)" \
    "Chandler-train_dia0_utt0 ALSO I WAS THE POINT PERSON ON MY COMPANY'S TRANSITION FROM THE KL FIVE TO GR SIX SYSTEM"
  tap_is "only capitals and apostrophes" "$(cut -d ' ' -f 2- -s data/all/text | tr -d "A-Z' \n" | head -c 20)" ""
  tap_is "what was left out" "$(grep out: data/all/problems)" $'dev-dia110_utt7 left out: the file is not there\ntrain-dia125_utt3 left out: the file cannot be read'
  tap_is "nothing else is made" "$(ls data/all)" "$(printf '%s\n' clips counts problems spk2utt text utt2dialogue utt2emo utt2fold utt2gender utt2spk)"
  # A BERT of 64 columns, half a minute.
  tap_ok "experiment 32" ./run.sh --meld "$SERIN_DATA/meld" --exp 32 --stage 3 --train-opts "--epochs=3 --bert-dropout=0.2 --select=last --learning-rate=2e-3 --bert-width=64 --bert-inner=256"
  tap_ok "WA above always neutral" awk -v found="$(grep '^pooled' exp/scratch/exp32/results.txt | awk '{ print $4 }')" 'BEGIN { exit !(found > 49) }'
  tap_ok "weighted F1 far above it" awk -v found="$(grep '^pooled' exp/scratch/exp32/results.txt | awk '{ print $5 }')" 'BEGIN { exit !(found > 40) }'
  tap_has "the majority stands beside it" RESULTS.md "always neutral: UA 14.29, WA 48.12, F1 31.27"
  tap_has "and the paper's figure" RESULTS.md "/ 53.44"
  rm -rf data exp
else
  tap_skip "MELD's csv files" "no meld in \$SERIN_DATA"
fi

# ---- a small tree
command -v ffmpeg > /dev/null || { tap_skip "a small tree" "ffmpeg is not installed"; tap_done; }
corpus="$tap_dir/the corpus"
tap_ok "makes a corpus" bash "$top/tests/recipes/make_meld.sh" "$corpus"
tiny="--bins=20 --width=16 --layers=1 --heads=2 --inner=32 --pos-kernel=9 --pos-groups=2 --bert-width=16 --bert-layers=1 --bert-heads=2 --bert-inner=32 --fusion-heads=2 --epochs=2 --speed=0"
run() { ./run.sh --meld "$corpus" --counts "" --estimate 0 --nj 2 --train-opts "$tiny" --decode-opts "" "$@"; }
tap_fails "whose counts are not the release's" 'train all: expected 9989 rows, found 44.*not those of the release' run --counts conf/full_release.counts
before=$(find "$corpus" -type f -exec cksum {} + | sort | cksum)
tap_ok "tables and sound" run --stop-stage 1
tap_is "the corpus is left alone" "$(find "$corpus" -type f -exec cksum {} + | sort | cksum)" "$before"
tap_is "one left out of each of two parts" "$(cut -d ' ' -f 2 data/all/utt2fold | sort | uniq -c | awk '{ printf "%s %d;", $2, $1 }')" "dev 14;test 24;train 43;"
tap_is "speakers are words" "$(cut -d ' ' -f 1 data/all/spk2utt | tr '\n' ' ')" "All Chandler Joey Joeys_Hand_Twin Monica Phoebe Phoebe_Waitress Rachel Ross The_Interviewer "
tap_is "genders by name" "$(sort -u -k 1,1 <(join data/all/utt2spk data/all/utt2gender | cut -d ' ' -f 2-) | tr '\n' ';')" "All -;Chandler m;Joey m;Joeys_Hand_Twin -;Monica f;Phoebe f;Phoebe_Waitress f;Rachel f;Ross m;The_Interviewer -;"
tap_is "a text with all signs" "$(grep -- '-train_dia0_utt3 ' data/all/text | cut -d ' ' -f 2-)" "STOP IT YOU IDIOT THREE"
tap_is "16 kHz, mono, 16 bits" "$(head -c 36 data/sounds/*-train_dia0_utt1.wav | tail -c 14 | od -An -tu2 | tr -s ' ')" " 1 16000 0 32000 0 2 16"
tap_is "the long one, and the short one filled up" "$(sort -k 2,2g data/all/utt2dur | sed -n '1p;$p' | awk '{ sub(/.*-/, "", $1); printf "%s %.1f;", $1, $2 }')" "test_dia2_utt3 0.1;test_dia38_utt4 305.0;"
tap_is "are counted" "$(grep sound data/all/counts | tr '\n' ';')" "sound over-60-s 1;sound padded 1;"
tap_is "so are clips without a row" "$(cat data/all/unlabelled)" "test-final_videos_testdia0_utt1 clip without a row"
tap_ok "runs experiments on both" run --stage 2 --exp "30 33"
tap_is "the long clip is scored" "$(grep -c 'test_dia38_utt4' exp/scratch/exp30/test/decode/{text,utt2emo} | sed 's/.*://' | tr '\n' ' ')" "1 1 "
tap_is "every test clip is" "$(wc -l < exp/scratch/exp33/test/decode/utt2emo)" 24
tap_has "dev chooses the model" exp/scratch/exp30/log/train.test.log "--dev-dir=data/all/folds/test/dev"
tap_has "RESULTS.md counts what was dropped" RESULTS.md "- 1: left out: the file cannot be read"
tap_ok "and has the tables" grep -Eq '^\| 33 .*/ 56.09' RESULTS.md
touch -d 2020-01-01 data/sounds/*.wav
rm data/sounds/*-dev_dia1_utt1.wav
tap_ok "sound that is missing is made again" run --stage 1 --stop-stage 1
tap_is "and no other" "$(find data/sounds -name '*.wav' -newermt 2021-01-01 | sed 's/.*-//')" "dev_dia1_utt1.wav"

# ---- archives
mkdir "$tap_dir/raw" "$tap_dir/raw/MELD.Raw"
tar -czf "$tap_dir/raw/MELD.Raw/train.tar.gz" -C "$corpus/train" train_splits
tar -czf "$tap_dir/raw/MELD.Raw/dev.tar.gz" -C "$corpus" dev
tar -czf "$tap_dir/raw/MELD.Raw/test.tar.gz" -C "$corpus/test" output_repeated_splits_test
cp "$corpus"/*.csv "$tap_dir/raw/MELD.Raw"
tar -czf "$tap_dir/MELD.Raw.tar.gz" -C "$tap_dir/raw" MELD.Raw
kept=$(sort data/all/utt2emo data/all/text)$(wc -l < data/all/sources)
mv data/sounds "$tap_dir"
rm -rf data exp
unpacked() { ./run.sh --counts "" --stop-stage "$1" --meld "${@:2}"; }
tap_ok "from the archive" unpacked 0 "$tap_dir/MELD.Raw.tar.gz"
tap_is "the same" "$(sort data/all/utt2emo data/all/text)$(wc -l < data/all/sources)" "$kept"
tap_is "unpacked beside data" "$(find corpus -maxdepth 1 -mindepth 1 | sort | tr '\n' ' ')" "corpus/dev corpus/raw corpus/test corpus/train "
tap_is "and not where the archive is" "$(ls "$tap_dir/raw/MELD.Raw")" "$(printf '%s\n' dev.tar.gz dev_sent_emo.csv test.tar.gz test_sent_emo.csv train.tar.gz train_sent_emo.csv)"
rm corpus/dev/dev/dev_splits_complete/dia1_utt1.mp4
tap_fails "what is unpacked is not unpacked again" 'dev_dia1_utt1 there is no clip.*1 of 81 clips are missing' unpacked 0 "$tap_dir/MELD.Raw.tar.gz"
rm -rf corpus
tap_ok "from the folder with the inner archives" unpacked 0 "$tap_dir/raw/MELD.Raw"
rm -rf corpus
head -c 20000 "$tap_dir/MELD.Raw.tar.gz" > "$tap_dir/half.tar.gz"
tap_fails "half an archive" 'half.tar.gz does not unpack: is it whole' unpacked 0 "$tap_dir/half.tar.gz"
tap_is "leaves nothing behind" "$(find corpus -mindepth 1)" ""
rm -rf corpus data
mkdir data
mv "$tap_dir/sounds" data

# ---- bad input
bad() { local name=$1 pattern=$2; tap_fails "$name" "$pattern" run --stop-stage 1; }
tap_fails "no folder" 'No such file|no file or folder' ./run.sh --meld "$tap_dir/none"
tap_fails "the wrong folder" "has no clips of train: expected train.tar.gz, or the folder train_splits" unpacked 0 "$top/docs"
clip=$corpus/train/train_splits/dia3_utt2.mp4
mv "$clip" "$tap_dir/kept"
bad "a missing clip" 'train_dia3_utt2 there is no clip.*copy them again, or list them in conf/known_bad.txt'
head -c 3000 "$tap_dir/kept" > "$clip"
rm data/sounds/*-train_dia3_utt2.wav
bad "a clip that does not decode" 'train_dia3_utt2 dia3_utt2.mp4: .*1 clips were not extracted'
echo "train dia3_utt2 drop cut off" >> conf/known_bad.txt
tap_ok "may be listed" run --stop-stage 1
tap_is "and is then counted" "$(grep dia3_utt2 data/all/problems)" "train-dia3_utt2 left out: cut off"
mv "$tap_dir/kept" "$clip"
csv=$corpus/train_sent_emo.csv
cp "$csv" "$tap_dir/kept"
sed -n '2p' "$csv" >> "$csv"
bad "a row twice" 'train_sent_emo.csv:46: dia0_utt1 was there before, on line 2'
sed 's/,joy,/,glee,/' "$tap_dir/kept" > "$csv"
bad "an emotion of another corpus" '"glee" is none of the emotions anger disgust'
sed '5s/,neutral,.*/,neutral/' "$tap_dir/kept" > "$csv"
bad "a line cut off" 'train_sent_emo.csv:5: (expected 11 fields|no csv)'
sed '1s/Speaker/Who/' "$tap_dir/kept" > "$csv"
bad "other columns" 'train_sent_emo.csv:1: expected the columns'
tap_done
