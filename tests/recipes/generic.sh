#!/usr/bin/env bash
# docs/your-corpus.md, its commands run one after another on sounds of make_tones; then egs/generic with other directories.
# shellcheck source=tests/recipes/tap.sh disable=SC2016,SC2317
. "$(dirname "$0")/tap.sh"
build=$PWD
[[ -x tests/recipes/make_tones ]] || tap_skip_all "make_tones is not built"
SERIN_BUILD=$build
export SERIN_BUILD SERIN="$tap_dir/a tree"
cd "$tap_dir" || exit 1
mkdir -p "$SERIN/egs"
cp -r "$top/egs/utils" "$top/egs/generic" "$SERIN/egs"
rm -rf "$SERIN"/egs/generic/{data,exp}
generic=$SERIN/egs/generic
# Networks for tones.
sed 's/^lambda-ctc.*/lambda-ctc=1/; /^epochs/d; /^batch-seconds/d; /^learning-rate/d; /^speed/d' "$top/egs/generic/conf/train.conf" > "$generic/conf/train.conf"
grep -v lambda "$top/tests/recipes/tones.conf" | sed 's/^epochs=.*/epochs=25/' >> "$generic/conf/train.conf"

"$build/tests/recipes/make_tones" tones 120 1
mkdir user
cd user || exit 1
mv ../tones/wav recordings
while read -r key speaker; do
  echo "recordings/$key.wav,$speaker,$(grep "^$key " ../tones/utt2emo | cut -d ' ' -f 2),$(grep "^$key " ../tones/text | cut -d ' ' -f 2- | tr '[:upper:]' '[:lower:]' | sed 's/ /, /')"
done < ../tones/utt2spk > list.csv
speakers=$(cut -d , -f 2 list.csv | sort -u | wc -l)

block() { sed -n '/^```sh$/,/^```$/p' "$top/docs/your-corpus.md" | awk -v n="$1" '/^```sh$/ { i++; next } /^```$/ { next } i == n'; }
tap_is "the page has four commands" "$(grep -c '^```sh$' "$top/docs/your-corpus.md")" 4
for n in 1 2 3 4; do
  block $n > commands
  tap_ok "command $n" bash -euo pipefail commands
  case $n in
    1) tap_is "makes tables" "$(cd data && echo *)" "spk2utt text utt2emo utt2spk wav.scp" ;;
    3) cp "$tap_dir/.out" said ;;
    4)
      cp "$tap_dir/.out" heard
      tap_ok "recognises" grep -Eq '^\{"file": ?"recordings/.*"transcript": ?"[A-E ]+".*"emotion": ?"(ang|hap|neu|sad)"' heard
      ;;
  esac
done
tap_is "three folds" "$(grep -c '^fold[123] ' said)" 3
tap_ok "tones are told apart" awk '/^pooled/ { exit !($3 > 70) }' said
tap_has "RESULTS.md" "$generic/exp/mine/RESULTS.md" "egs/generic/run.sh --data data --name mine --folds 3"
tap_is "speakers are in one fold each" "$(join "$generic"/data/mine/utt2spk "$generic"/data/mine/utt2fold | cut -d ' ' -f 2- | sort -u | wc -l)" "$speakers"
tap_is "texts are normalised" "$(head -n 1 "$generic/data/mine/text" | cut -d ' ' -f 2- | tr -d "A-Z ")" ""
tap_is "the user's are not" "$(cut -d ' ' -f 2- data/text | tr -d 'a-z ,\n' | head -c 9)" ""

# ---- other directories
run() { "$generic/run.sh" "$@"; }
cp -r data less
rm less/{text,utt2spk,spk2utt}
sed -i "s| recordings/| $PWD/recordings/|" less/wav.scp
tap_ok "sounds and emotions alone" run --data less --folds 2 --train-opts --epochs=1
tap_has "are told to have no speakers" "$tap_dir/.err" "has no utt2spk: each utterance counts as a speaker"
tap_ok "no words are learnt" test ! -e "$generic/exp/less/model/vocab.json"
tap_fails "too many folds" "has $speakers speakers, too few for 50 folds: give --folds $speakers or fewer" run --data data --folds 50
tap_fails "no directory" 'No such file|no directory' run --data nowhere
tap_fails "no option" '--data says where' run
tap_fails "no emotions" 'utt2emo is missing: docs/your-corpus.md' bash -c 'cp -r data x && rm x/utt2emo && "$1" --data x' - "$generic/run.sh"
cp -r data bad
sed -n 2p data/utt2emo >> bad/utt2emo
tap_fails "a key twice" 'utt2emo:[0-9]*: .*utils/fix_data_dir.sh sorts' run --data bad --folds 2
cp data/utt2emo bad
sound=$(awk 'NR == 3 { print $2 }' data/wav.scp)
cp "$sound" kept
head -c 40 kept > "$sound"
tap_fails "a sound that is cut off" "wav.scp:3: .*$(basename "$sound")" run --data data --name other --folds 2
tap_ok "leaves no half-made directory of that name" test ! -e "$generic/data/other"
cp kept "$sound"
awk '{ print $1, NR % 2 ? "a" : "b" }' data/utt2spk > bad/utt2fold
tap_ok "folds of the user's" run --data bad --stop-stage 1
tap_has "that share speakers are told" "$tap_dir/.err" "speakers in more than one fold, whose scores will be too good"

# ---- a label that stands in one fold alone, and what is done once
mkdir fear
cp data/* fear
sed -i "s| recordings/| $PWD/recordings/|" fear/wav.scp
odd=$(sed -n 1p fear/utt2emo | cut -d ' ' -f 1)
sed -i '1s/ .*/ fear/' fear/utt2emo
once() { run --data fear --folds 3 --train-opts --epochs=1 "$@"; }
tap_ok "a label of one fold" once
fold=$(grep "^$odd " "$generic/data/fear/utt2fold" | cut -d ' ' -f 2)
tap_is "is told before and when training begins" "$(grep -c "warning: utt2emo: the emotion \"fear\" occurs in \"$fold\" alone (1 utterance)" "$tap_dir/.err")" 2
tap_is "is answered" "$(grep -c "^$odd " "$generic/exp/fear/decode/utt2emo")" 1
tap_is "and missed" "$(awk '$1 == "fear" && NF == 5' "$generic/exp/fear/score_emotion.txt" | head -n 1 | tr -s ' ')" "fear 1 0.00 0.00 0.00"
touch "$tap_dir/mark"
fresh() { (cd "$generic/exp/fear" && find . -newer "$tap_dir/mark" -name "$1" | sort | tr '\n' ' '); }
tap_ok "again" once
tap_is "nothing is trained nor decoded again" "$(fresh model.safetensors)$(fresh emotion.ark)" ""
tap_ok "with other options of decoding" once --decode-opts --beam=2
tap_is "that is done again, training is not" "$(fresh model.safetensors)$(fresh emotion.ark)" \
  "./fold1/decode/emotion.ark ./fold2/decode/emotion.ark ./fold3/decode/emotion.ark "
tap_fails "with other options of training" 'exp/fear/fold1 holds a finished model, and not of what is asked for now: is --seed=2. It stays: --retrain true' \
  run --data fear --folds 3 --train-opts "--epochs=1 --seed=2"
tap_is "nothing is overwritten" "$(fresh model.safetensors)" ""
tap_ok "unless it is asked for" run --data fear --folds 3 --train-opts "--epochs=1 --seed=2" --retrain true
tap_is "and then all of it is" "$(fresh model.safetensors)" "./fold1/model.safetensors ./fold2/model.safetensors ./fold3/model.safetensors ./model/model.safetensors "
sed 's/ .*/ only/' fear/utt2spk > one
mkdir lonely
cp fear/* lonely
cp one lonely/utt2spk
tap_fails "one speaker" 'lonely has one speaker, and folds are made of speakers: write utt2fold' run --data lonely --folds 3
tap_fails "no weights" 'holds no config.json' run --data data --hubert data
tap_done
