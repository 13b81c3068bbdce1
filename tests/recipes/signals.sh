#!/usr/bin/env bash
# A signal ends a recipe with all that it began: run.sh, the scripts below, run.pl, training.
# shellcheck source=tests/recipes/tap.sh disable=SC2016,SC2317
. "$(dirname "$0")/tap.sh"
build=$PWD
[[ -x tests/recipes/make_tones ]] || tap_skip_all "make_tones is not built"
export SERIN_BUILD=$build
cd "$tap_dir" || exit 1
mkdir egs
cp -r "$top/egs/utils" "$top/egs/generic" egs
rm -rf egs/generic/{data,exp}
sed 's/^lambda-ctc.*/lambda-ctc=1/; /^epochs/d; /^batch-seconds/d; /^learning-rate/d; /^speed/d' "$top/egs/generic/conf/train.conf" > egs/generic/conf/train.conf
grep -v lambda "$top/tests/recipes/tones.conf" | sed 's/^epochs=.*/epochs=100000/' >> egs/generic/conf/train.conf
"$build/tests/recipes/make_tones" tones 40 1
rm tones/utt2gender
sed -i "s| tones/| $tap_dir/tones/|" tones/wav.scp
cd egs/generic || exit 1

# Processes that a command began, by a variable of its environment.
alive() { grep -slzx "SERIN_TEST_MARK=$1" /proc/[0-9]*/environ | tr -dc '0-9\n'; }
wait_until() { local i; for ((i = 0; i < $1; i++)); do if "${@:2}"; then return 0; fi; sleep 0.1; done; return 1; }
none_alive() { [[ -z $(alive "$1") ]]; }
trains() { ! kill -0 "$pid" 2> /dev/null || grep -q 'training: ' "$1"/log/train.*.log 2> /dev/null || ls "$1"/*/train.tsv > /dev/null 2>&1; }

# What is started here in the background would ignore SIGINT; perl gives it back.
begin() { SERIN_TEST_MARK=$mark perl -e '$SIG{INT} = "DEFAULT"; exec @ARGV' "$@" > "$mark.out" 2>&1 & }
for signal in TERM INT HUP; do
  for what in run.sh utils/train_folds.sh; do
    mark=$$-$signal-${what##*/}
    if [[ $what == run.sh ]]; then
      begin ./run.sh --data "$tap_dir/tones" --name "$mark" --folds 2
    else
      cp -r "data/$$-$signal-run.sh" "data/$mark"
      begin env PATH="$PWD/utils:$build/recipes/bin:$PATH" utils/train_folds.sh --nj 2 --train-opts --lambda-gender=0 "data/$mark" "exp/$mark"
    fi
    pid=$!
    tap_ok "$what trains" wait_until 600 trains "exp/$mark"
    tap_ok "in several processes" test "$(alive "$mark" | wc -l)" -gt 5
    if none_alive "$mark"; then cat "$mark.out"; fi
    kill -$signal $pid
    tap_ok "5 s after SIG$signal nothing of it is alive" wait_until 50 none_alive "$mark"
    wait $pid
    tap_is "and its status tells" "$?" "$((128 + $(kill -l $signal)))"
    tap_has "what was learnt is saved" "exp/$mark/log/train.fold1.log" "stopped"
    for p in $(alive "$mark"); do kill -KILL "$p"; done
  done
done

# What does not end is killed.
mark=$$-deaf
export SERIN_GRACE=1
begin utils/run.pl deaf.log bash -c 'trap "" TERM; echo ready; sleep 100; sleep 100'
pid=$!
tap_ok "a job that heeds no signal" wait_until 100 grep -q ready deaf.log
kill -TERM $pid
tap_ok "is killed" wait_until 50 none_alive "$mark"
tap_done
