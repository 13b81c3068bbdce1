#!/usr/bin/env bash
# A training run that is killed 20 times, at random moments, and resumed each time ends with the bytes of one that was not.
# $SERIN_SEED repeats a failure.
# shellcheck source=tests/recipes/tap.sh
. "${srcdir:-.}/tests/recipes/tap.sh"
PATH=$PWD/tests/recipes:$PATH
cd "$tap_dir" || exit 1
kills=20
seed=${SERIN_SEED:-$((RANDOM * 32768 + RANDOM))}
RANDOM=$seed

train=(serin-train --config="$top/tests/recipes/tones.conf" --epochs=20 --batch-seconds=4 --speed=0.1 --bin-masks=1
  --time-masks=1 --dev-speakers=spk3 --select=best --checkpoint-every=3 train)

make_tones train 60 1
begin=$(date +%s%N)
tap_ok "uninterrupted" "${train[@]}" whole
took=$((($(date +%s%N) - begin) / 1000000))

echo "# seed $seed, $took ms uninterrupted"
killed=0
for ((i = 0; i < 400 && killed < kills; i++)); do
  "${train[@]}" torn 2> log &
  pid=$!
  # Each life has to get behind a checkpoint for the run to end: a tenth to a half of the whole time.
  sleep "$(awk -v t="$took" -v r=$RANDOM 'BEGIN { printf "%.3f", t / 1000 * (0.1 + 0.4 * r / 32768) }')"
  if kill -KILL $pid 2> /dev/null; then killed=$((killed + 1)); fi
  wait $pid 2> /dev/null
  if grep -q '^ERROR' log; then break; fi
  if [[ -s torn/model.safetensors ]] && grep -q 'the model is that of' log && ((killed < kills)); then
    # It finished before all kills: take the last part away and let it do that again.
    rm -f "$(ls -v torn/checkpoints/checkpoint-* | tail -1)"
  fi
done
tap_is "killed at random moments" $killed $kills
tap_is "no life began with an error" "$(grep '^ERROR' log)" ""
tap_ok "resumed to the end" "${train[@]}" torn
tap_ok "the model has the same bytes" cmp whole/model.safetensors torn/model.safetensors
tap_is "the course is the same" "$(cut -f 1,2,4- torn/train.tsv)" "$(cut -f 1,2,4- whole/train.tsv)"
tap_is "no temporary file is left" "$(find torn -name '*.tmp*')" ""

# The newest checkpoint is damaged: the one before it is used, and the end is the same.
newest=$(ls -v torn/checkpoints/checkpoint-* | tail -1)
printf 'XXXX' | dd of="$newest" bs=1 seek=3000 conv=notrunc 2> /dev/null
tap_ok "resumed from the checkpoint before a damaged one" "${train[@]}" torn
tap_has "which is told" .err "$(basename "$newest")"
tap_ok "to the same bytes" cmp whole/model.safetensors torn/model.safetensors
tap_done
