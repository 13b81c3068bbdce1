#!/usr/bin/env bash
# Tables "key rest" are read alike in every program: the same faults by the same words, with file and line; and nothing waits
# for a pipe inside a directory.
# shellcheck source=tests/recipes/tap.sh
. "${srcdir:-.}/tests/recipes/tap.sh"
PATH=$PWD/tests/recipes:$PATH
cd "$tap_dir" || exit 1

make_tones d 6 1
tap_ok "a model" serin-train --config="$top/tests/recipes/tones.conf" --epochs=1 d exp
serin-features scp:d/wav.scp ark,scp:feats.ark,feats.scp 2> /dev/null
sed 's|[^ ]*$|copy.wav|' d/wav.scp > out.scp
cp d/wav.scp good.scp
awk '{ print $1, $1, "0 -1" }' d/wav.scp > segments
cp segments good.segments

# every FAULT: what a program says of each table that has it.
every() {
  local says=$1
  for program in serin-features serin-states serin-copy-audio serin-recognize serin-train serin-decode serin-validate-data serin-copy-matrix; do
    rm -rf new decoded
    case $program in
      serin-features) set -- scp:d/wav.scp ark:none ;;
      serin-states) set -- exp scp:d/wav.scp ark:none ;;
      serin-copy-audio) set -- scp:d/wav.scp out.scp ;;
      serin-recognize) set -- --scp=d/wav.scp exp ;;
      serin-train) set -- --config="$top/tests/recipes/tones.conf" --epochs=1 d new ;;
      serin-decode) set -- exp d decoded ;;
      serin-validate-data) set -- d ;;
      serin-copy-matrix) set -- scp:feats.scp ark:none ;;
    esac
    "$program" "$@" > said 2>&1
    tap_is "$program: $says" "$? $(grep -oF "scp:2: $says" said | head -n 1)" "1 scp:2: $says"
  done
  serin-features --segments=segments scp:good.scp ark:none > said 2>&1
  tap_is "segments: $says" "$? $(grep -oF "segments:2: $says" said)" "1 segments:2: $says"
}

# spoil FROM TO SED: line 2 of a table with a fault; three tables alike.
spoil() {
  LC_ALL=C sed "2$1" good.scp > d/wav.scp
  LC_ALL=C sed "2$1" good.segments > segments
  LC_ALL=C sed "2$1" good.feats > feats.scp
}
cp feats.scp good.feats
spoil 's/^/\xef\xbb\xbf/'
every "byte order mark before the key"
spoil 's/$/\r/'
every "carriage return in column"
spoil 's/^/ /'
every "white space before the key"
spoil 's/ /\xff /'
every "invalid UTF-8, bytes ff 20"
spoil 's/ /\xc2\xa0 /'
every "character U+00A0"

# In a directory a pipe is no table, in a model's folder no configuration.
spoil p
cp good.scp d/wav.scp
for file in wav.scp text utt2emo; do
  mv d/$file kept
  mkfifo d/$file
  tap_refuses "a pipe for $file" "d/$file: a pipe or a device, expected a file" timeout 20 serin-decode exp d decoded
  tap_refuses "and to be validated" "d/$file: a pipe or a device, expected a file" timeout 20 serin-validate-data d
  rm d/$file
  mv kept d/$file
done
for file in config.json vocab.json labels.json; do
  mv exp/$file kept
  mkfifo exp/$file
  tap_refuses "a pipe for $file" "exp/$file: a pipe or a device, expected a file" timeout 20 serin-decode exp d decoded
  rm exp/$file
  mv kept exp/$file
done
for file in fingerprint train.tsv; do
  cp -r exp again
  rm again/$file
  mkfifo again/$file
  tap_refuses "a pipe for $file" "a pipe or a device, expected a file" timeout 20 serin-train --config="$top/tests/recipes/tones.conf" --epochs=1 d again
  rm -rf again
done
mkfifo index.json
mkdir hf
cp exp/config.json hf
mkfifo hf/model.safetensors.index.json
tap_refuses "a pipe for an index" "a pipe or a device, expected a file" timeout 20 serin-info hf
# Named on the command line it is read.
tap_ok "a pipe by name" bash -c 'serin-features scp:<(cat good.scp) ark:none'
tap_done
