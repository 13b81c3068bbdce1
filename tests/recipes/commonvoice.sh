#!/usr/bin/env bash
# egs/commonvoice: hypotheses of two recognisers of tones over a tree in Common Voice's layout.
# shellcheck source=tests/recipes/tap.sh disable=SC2016,SC2317
. "$(dirname "$0")/tap.sh"
build=$PWD
[[ -x tests/recipes/make_tones ]] || tap_skip_all "make_tones is not built"
command -v ffmpeg > /dev/null || tap_skip_all "ffmpeg is not installed"
[[ $(ffmpeg -hide_banner -encoders 2> /dev/null) == *libmp3lame* ]] || tap_skip_all "this ffmpeg writes no mp3"
export SERIN_BUILD=$build
cd "$tap_dir" || exit 1
mkdir egs
cp -r "$top/egs/utils" "$top/egs/commonvoice" egs
rm -rf egs/commonvoice/{data,exp}
"$build/tests/recipes/make_tones" train 100 1
"$build/tests/recipes/make_tones" test 12 2
for seed in 1 2; do
  serin-train --config="$top/tests/recipes/tones.conf" --lambda-emotion=0 --lambda-gender=0 --lambda-style=0 --seed=$seed train model$seed 2> /dev/null
done

corpus=$tap_dir/cv-corpus/en
mkdir -p "$corpus/clips"
{
  printf 'client_id\tpath\tsentence\tup_votes\n'
  while read -r key speaker; do
    ffmpeg -nostdin -v error -i "test/wav/$key.wav" -c:a libmp3lame -b:a 64k "$corpus/clips/common_voice_en_$key.mp3"
    printf '%s0123456789abcdef0123\tcommon_voice_en_%s.mp3\t“%s”…\t2\r\n' "$speaker" "$key" "$(grep "^$key " test/text | cut -d ' ' -f 2- | tr '[:upper:]' '[:lower:]')"
  done < test/utt2spk
} > "$corpus/validated.tsv"
head -n 4 "$corpus/validated.tsv" > "$corpus/dev.tsv"
bad=$(sed -n 3p test/utt2spk | cut -d ' ' -f 1)
head -c 100 /dev/zero > "$corpus/clips/common_voice_en_$bad.mp3"

cd egs/commonvoice || exit 1
run() { ./run.sh --commonvoice "$tap_dir/cv-corpus" --models "$tap_dir/model1 $tap_dir/model2" --tsv "dev validated" --jobs 3 --nbest 3 --beam 8 "$@"; }
tap_ok "hypotheses" run
cd exp/hypotheses || exit 1
tap_is "three of each clip that decodes" "$(cut -d ' ' -f 1 hypotheses | sed 's/-[123]$//' | sort | uniq -c | awk '{ print $1, $2 }')" "$(cut -d ' ' -f 1 text | sed 's/^/3 /')"
tap_is "of eleven" "$(wc -l < text)" 11
tap_ok "the twelfth is named" grep -q "common_voice_en_$bad" problems
tap_is "texts are normalised" "$(cut -d ' ' -f 2- text | tr -d 'A-Z \n')" ""
tap_is "sorted" "$(cat hypotheses)" "$(sort hypotheses)"
tap_ok "the best are mostly right" awk 'NR == FNR { k = $1; $1 = ""; said[k] = $0; next } { k = $1; best = sub(/-1$/, "", k); $1 = ""; right += best && said[k] == $0 }
  END { exit !(right > 6) }' text hypotheses
cd ../..
tap_is "both models took part" "$(for p in 1 2 3; do readlink data/all/split3utt/$p/model | sed 's/.*model//'; done | tr -d '\n')" 121
first=$(cat exp/hypotheses/hypotheses)
rm data/all/split3utt/2/hypotheses
touch -d 2020-01-01 data/all/split3utt/*/hypotheses
tap_ok "started again" run
tap_is "it does what is missing" "$(find data/all/split3utt -name hypotheses -newermt 2021-01-01)" "data/all/split3utt/2/hypotheses"
tap_is "to the same end" "$(cat exp/hypotheses/hypotheses)" "$first"
tap_ok "few of them" run --clips 4 --dir exp/few --stop-stage 0
tap_is "are spread" "$(wc -l < data/all/text) $(wc -l < data/all/spk2utt)" "4 4"

mkdir -p "$tap_dir/own/"{A,B}/decode
printf 'A\nB\n' > "$tap_dir/own/folds"
head -n 40 "$tap_dir/train/text" > "$tap_dir/own/A/decode/text"
tail -n 60 "$tap_dir/train/text" > "$tap_dir/own/B/decode/text"
tap_ok "with a corpus' own folds" run --own "$tap_dir/own $tap_dir/train"
tap_is "each fold has what the other answered, one each" "$(wc -l < exp/hypotheses/A/text) $(wc -l < exp/hypotheses/B/text)" "71 51"
tap_is "and none of its own" "$(cut -d ' ' -f 1 "$tap_dir/own/A/decode/text" | grep -cxFf - <(cut -d ' ' -f 1 exp/hypotheses/A/text))" 0
tap_is "what has no fold has none of them" "$(wc -l < exp/hypotheses/text)" 11

tap_fails "no corpus" 'has no clips/, nor en/clips/' ./run.sh --commonvoice "$tap_dir/train"
tap_fails "a table that is not there" 'train.tsv is missing; there are: ./dev.tsv ./validated.tsv' run --tsv train
tap_fails "no models" '--models says what to recognise with' ./run.sh --commonvoice "$tap_dir/cv-corpus" --tsv dev
tap_fails "a model that is none" 'vocab.json is missing' ./run.sh --commonvoice "$tap_dir/cv-corpus" --models "$tap_dir/train"
tap_fails "more hypotheses than paths" '--nbest is from 1 to --beam, found 9 and 8' run --nbest 9
printf 'x\ty\n' > "$corpus/dev.tsv"
tap_fails "another table" 'dev.tsv:1: no column client_id' run
tap_done
