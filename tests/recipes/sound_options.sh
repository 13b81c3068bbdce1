#!/usr/bin/env bash
# The options of every program that reads sound: commands that are refused do not run, those that hang are ended, a
# decoder may have a process of its own.
# shellcheck source=tests/recipes/tap.sh
. "${srcdir:-.}/tests/recipes/tap.sh"
bin=$PWD/recipes/bin
PATH=$PWD/tests/recipes:$PATH
cd "$tap_dir" || exit 1

make_tones train 6 1
readers=0
for program in "$bin"/serin-*; do
  [[ -f $program && -x $program && $program != *.* ]] || continue
  "$program" --help > help 2>&1
  grep -q '^ *\(Usage\|  *serin\).*\(<wav-rspecifier>\|<data-dir>\|--scp=\)' help || continue
  readers=$((readers + 1))
  for option in no-pipes pipe-timeout isolate max-dur; do
    tap_ok "${program##*/} has --$option" grep -q -e "--$option" help
  done
done
tap_is "programs that read sound" "$([[ $readers -ge 8 ]] && echo enough)" enough

# run PROGRAM OPTION …: the program, on the directory d or its wav.scp.
run() {
  case $1 in
    serin-train) serin-train --config="$top/tests/recipes/tones.conf" --epochs=1 "${@:2}" d trained ;;
    serin-pretrain-hubert) serin-pretrain-hubert --config="$top/tests/recipes/tones.conf" --epochs=1 "${@:2}" d labels pretrained ;;
    serin-decode) serin-decode "${@:2}" exp d decoded ;;
    serin-recognize) serin-recognize "${@:2}" --scp=d/wav.scp exp ;;
    serin-states) serin-states "${@:2}" exp scp:d/wav.scp ark:states.ark ;;
    serin-features) serin-features "${@:2}" scp:d/wav.scp ark:features.ark ;;
    serin-copy-audio) serin-copy-audio "${@:2}" scp:d/wav.scp out.scp ;;
    serin-validate-data) serin-validate-data "${@:2}" d ;;
  esac
}

cp -r train d
sed 's|[^ ]*$|copy.wav|' train/wav.scp > out.scp
tap_ok "a model" serin-train --config="$top/tests/recipes/tones.conf" --epochs=1 train exp
serin-features scp:train/wav.scp ark,t:- 2> /dev/null | awk '/\[/ { key = $1; n = 0; next } { n++ } /\]/ { printf "%s", key; for (i = 0; i < n; i++) printf " %d", i % 2; print "" }' > labels
for program in serin-train serin-decode serin-recognize serin-states serin-features serin-copy-audio serin-validate-data; do
  sed "s|^\([^ ]*\) \(.*\)|\1 touch ran; cat \2 \||" train/wav.scp > d/wav.scp
  rm -rf ran trained decoded
  run "$program" --no-pipes > said 2>&1
  tap_is "$program --no-pipes: nothing ran" "$(ls -d ran 2> /dev/null)" ""
  tap_ok "and the command is named" grep -q 'a command, ' said
  rm -rf trained decoded
  tap_ok "$program --isolate, with commands" run "$program" --isolate --no-pipes=false
  tap_is "which ran" "$(ls -d ran 2> /dev/null)" "ran"
  sed "s|^\([^ ]*\) \(.*\)|\1 sleep 600; cat \2 \||" train/wav.scp > d/wav.scp
  rm -rf trained decoded
  run "$program" --no-pipes=false --pipe-timeout=0.1 > said 2>&1
  tap_ok "$program --pipe-timeout" grep -q 'did not end within 0.1 s' said
done

# What is decoded in a process of its own is the same.
cp train/wav.scp d/wav.scp
tap_ok "plain" serin-features scp:d/wav.scp ark:plain.ark
tap_ok "isolated" serin-features --isolate scp:d/wav.scp ark:isolated.ark
tap_ok "are equal" cmp plain.ark isolated.ark

# Standard input is held as far as --max-dur allows, and what was held is told.
wav=$(head -n 1 train/wav.scp | cut -d ' ' -f 2)
tap_refuses "an endless input" "more than 1816576 bytes, too many for 1 s of sound" bash -c 'serin-recognize --max-dur=1 exp - < /dev/zero'
cat "$wav" > long.wav
head -c 110000000 /dev/zero >> long.wav
printf 'a cat long.wav |\n' > long.scp
printf 'a x.wav\n' > long.out
tap_ok "a long tail" serin-copy-audio --max-dur=7200 scp:long.scp long.out
# shellcheck disable=SC2016
tap_ok "counts as memory" awk '/peak memory/ { match($0, /peak memory [0-9]+/); exit !(substr($0, RSTART + 12, RLENGTH - 12) > 100) }' .err
tap_done
