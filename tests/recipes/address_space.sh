#!/usr/bin/env bash
# Every program with a network where address space is limited, as Grid Engine's h_vmem does with `ulimit -v`, and where only
# what is promised may be written, as overcommit_memory 2 and `ulimit -d` have it: each reserves less and goes on.
# shellcheck source=tests/recipes/tap.sh disable=SC2317
. "${srcdir:-.}/tests/recipes/tap.sh"
PATH=$PWD/tests/recipes:$PATH
cd "$tap_dir" || exit 1
conf=$top/tests/recipes/tones.conf
small=(--pieces=pieces.txt --bert-width=16 --bert-layers=1 --bert-heads=2 --bert-inner=32)

if ! (ulimit -v 20000000 && serin-train --help > /dev/null 2>&1); then
  tap_skip "programs under ulimit -v" "this build cannot start there (a sanitizer's shadow memory)"
  tap_done
fi
make_tones train 12 1
serin-features --type=mfcc --deltas=2 scp:train/wav.scp ark:train.ark 2> /dev/null
serin-kmeans --clusters=4 ark:train.ark km.npy 2> /dev/null
serin-kmeans --assign km.npy ark:train.ark train.labels 2> /dev/null
awk 'BEGIN { for (i = 0; i < 40; i++) printf "u%02d %s\n", i, i % 2 ? "AB CD" : "BA DC" }' > said
serin-make-vocab --type=pieces --least=1000000 said pieces.txt 2> /dev/null

# KIND LIMIT: v or d, kilobytes.
limited() { (ulimit "-$1" "$2" && shift 2 && "$@"); }
for limit in "v 20000000" "v 4000000" "v 2000000" "d 1500000"; do
  read -r kind size <<< "$limit"
  under=(limited "$kind" "$size")
  d=$kind$size
  tap_ok "ulimit -$limit: serin-train" "${under[@]}" serin-train --config="$conf" --epochs=1 train "$d/exp"
  tap_ok "ulimit -$limit: serin-decode" "${under[@]}" serin-decode "$d/exp" train "$d/decoded"
  tap_ok "ulimit -$limit: serin-recognize" "${under[@]}" serin-recognize --scp=train/wav.scp "$d/exp"
  tap_is "ulimit -$limit: hears all" "$(wc -l < .out)" 12
  tap_ok "ulimit -$limit: serin-pretrain-hubert" "${under[@]}" serin-pretrain-hubert --config="$conf" --labels-per-frame=3 \
    --span-length=4 --final-dim=16 --epochs=1 train train.labels "$d/hubert"
  tap_ok "ulimit -$limit: serin-pretrain-bert" "${under[@]}" serin-pretrain-bert "${small[@]}" --epochs=1 said "$d/bert"
  tap_ok "ulimit -$limit: serin-train-aec" "${under[@]}" serin-train-aec "${small[@]}" --aec-layers=1 --epochs=1 said said "$d/aec"
  tap_ok "ulimit -$limit: serin-states" "${under[@]}" serin-states "$top/tests/parity/hubert-layer" scp:train/wav.scp "ark:$d/states.ark"
done
tap_refuses "less than BLAS needs is refused, not waited for" "matrix products need 272 MiB of address space with 2 threads" \
  limited v 400000 timeout 60 serin-decode --threads=2 "v2000000/exp" train few
tap_done
