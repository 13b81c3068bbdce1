#!/usr/bin/env bash
# Trainings that meet what happens: sound that changed between two runs, a cache that takes nothing, a signal while sounds are read, clips that
# are too short for another speed, texts outside the vocabulary, rates that end at 0.
# shellcheck source=tests/recipes/tap.sh disable=SC2317
. "${srcdir:-.}/tests/recipes/tap.sh"
PATH=$PWD/tests/recipes:$PATH
cd "$tap_dir" || exit 1
conf=$top/tests/recipes/tones.conf
train() { serin-train --config="$conf" "$@"; }
make_tones train 12 1

# ---- sound that changed
tap_ok "a training" train --max-updates=2 train exp
tap_ok "goes on with the same sound" train --max-updates=2 train exp
tap_ok "from a cache, too" train --max-updates=2 --cache-dir=cache train exp
read -r _ one < <(sed -n 1p train/wav.scp) && read -r _ two < <(sed -n 2p train/wav.scp)
cp "$one" kept.wav && cp "$two" "$one"
tap_refuses "not with another" "training-sound was" train --max-updates=2 train exp
tap_refuses "nor from the cache" "training-sound was" train --max-updates=2 --cache-dir=cache train exp
cp kept.wav "$one"
tap_ok "but with that of before" train --max-updates=2 train exp

# ---- a cache that takes nothing
tap_ok "a cache where no file can be" train --max-updates=2 --cache-dir=/proc/self train nocache
tap_has "is told" .err "features of 12 sounds are kept in memory"
tap_ok "and changes nothing" cmp exp/model.safetensors nocache/model.safetensors

# ---- a signal while sounds are read
cp -r train slow && awk '{ print $1, "sleep 0.3; cat", $2, "|" }' train/wav.scp > slow/wav.scp
SECONDS=0
serin-train --config="$conf" --max-updates=2 slow stopped 2> log &
pid=$!
sleep 0.6
kill -TERM $pid
wait $pid
tap_is "a signal ends it with its status" $? 143
tap_is "before all sounds are read" $((SECONDS < 4)) 1
tap_has "and says where" log "stopped while features were computed"

# ---- clips of one frame
mkdir short && cp train/utt2emo train/text short/
awk '{ print "rec-" $1, $2 }' train/wav.scp > short/wav.scp
awk '{ print $1, "rec-" $1, 0, NR == 2 ? 0.026 : 0.3 }' train/wav.scp > short/segments
short=(--lambda-gender=0 --lambda-style=0 --lambda-ctc=0 --speed=0.1 --epochs=4)
tap_ok "a clip whose faster copy is no frame" train "${short[@]}" short short-exp
tap_has "is told" .err "1 copies at another speed are shorter than a frame and left out (first: \"$(sed -n '2s/ .*//p' train/wav.scp)\")"
tap_ok "with a cache" train "${short[@]}" --cache-dir=cache short short-cache
tap_ok "the same" cmp short-exp/model.safetensors short-cache/model.safetensors
tap_ok "with convolutions" train "${short[@]}" --front-end=conv --conv-width=16 --cmvn=utterance --epochs=2 short short-conv

# ---- texts outside the vocabulary
serin-make-vocab train/text vocab.json 2> /dev/null
cp -r train small
paste -d ' ' <(cut -d ' ' -f 1 train/text) <(cut -d ' ' -f 2- train/text | tr '[:upper:]' '[:lower:]') > small/text
letters=$(cut -d ' ' -f 2- train/text | tr -d ' \n' | wc -c)
first=$(head -n 1 small/text | cut -d ' ' -f 2 | cut -c 1)
tap_refuses "texts in small letters" "$letters of $letters characters are not in the vocabulary (first: \"$first\" of \"$(head -n 1 small/text |
  cut -d ' ' -f 1)\"): no words can be learnt; text-norm=upper may help" train --vocabulary=vocab.json small x
tap_ok "without words they may be" train --vocabulary=vocab.json --lambda-ctc=0 --max-updates=1 small x
tap_ok "made capital" train --vocabulary=vocab.json --text-norm=upper --max-updates=1 small capital
{ head -n 1 small/text; sed 1d train/text; } > t && mv t small/text
tap_ok "one such text" train --vocabulary=vocab.json --max-updates=1 small one-small
tap_has "is told" .err "of $letters characters are not in the vocabulary (first: \"$first\" of"

# ---- a rate that ends at 0
tap_ok "three stages down to nothing" train --schedule=tri-stage --final-rate=0 --epochs=4 --average=none train tri
tap_is "at rates that are numbers" "$(tail -n 1 tri/train.tsv | cut -f 11)" 0
tap_is "and losses" "$(cut -f 4 tri/train.tsv | grep -c nan)" 0
tap_done
