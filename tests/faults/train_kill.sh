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

newest() { find torn/checkpoints -name 'checkpoint-*.safetensors' 2> /dev/null | sort -V | tail -1; }
step() { local at; at=$(newest); at=${at##*-}; echo "${at%.*}"; }

make_tones train 60 1
tap_ok "uninterrupted" "${train[@]}" whole

# Each life gets up to 20 updates on, and then up to 30 ms, whatever the machine's speed is.
echo "# seed $seed"
killed=0
until ((killed == kills)) || grep -qa '^ERROR' log 2> /dev/null; do
  goal=$(($(step) + RANDOM % 20))
  "${train[@]}" torn 2> log &
  pid=$!
  until (($(step) >= goal)) || ! kill -0 $pid 2> /dev/null; do sleep 0.005; done
  sleep "$(awk -v r="$RANDOM" 'BEGIN { printf "%.4f", 0.03 * r / 32768 }')"
  if kill -KILL $pid 2> /dev/null; then
    killed=$((killed + 1))
  else
    rm -f "$(newest)"       # at the end already: do the last updates again
  fi
  wait $pid 2> /dev/null
done
tap_is "killed at random moments" $killed $kills
tap_is "no life began with an error" "$(grep -a '^ERROR' log)" ""
tap_ok "resumed to the end" "${train[@]}" torn
tap_ok "the model has the same bytes" cmp whole/model.safetensors torn/model.safetensors
tap_is "the course is the same" "$(cut -f 1,2,4- torn/train.tsv)" "$(cut -f 1,2,4- whole/train.tsv)"
tap_is "no temporary file is left" "$(find torn -name '*.tmp*')" ""

# The newest checkpoint is damaged: the one before it is used, and the end is the same.
damaged=$(newest)
printf 'XXXX' | dd of="$damaged" bs=1 seek=3000 conv=notrunc 2> /dev/null
tap_ok "resumed from the checkpoint before a damaged one" "${train[@]}" torn
tap_has "which is told" .err "$(basename "$damaged")"
tap_ok "to the same bytes" cmp whole/model.safetensors torn/model.safetensors
tap_done
