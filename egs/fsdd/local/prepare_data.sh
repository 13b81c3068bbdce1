#!/usr/bin/env bash
# From the Free Spoken Digit Dataset to a Kaldi data directory with wav.scp text utt2spk spk2utt utt2fold. File names
# tell all: <digit>_<speaker>_<index>.wav. Folds are test (index 0 to 4, as the publisher asks) and train.
# Never writes into the corpus.
counts=true             # true: refuse a corpus that is not complete
help_message="Usage: local/prepare_data.sh [--counts true|false] <fsdd-dir> <data-dir>
e.g.:  local/prepare_data.sh /corpora/free-spoken-digit-dataset data/all"
# shellcheck source=egs/utils/parse_options.sh
. utils/parse_options.sh
set -euo pipefail
export LC_ALL=C

[[ $# -eq 2 ]] || { echo "$help_message" >&2; exit 1; }
die() { echo "$0: $1" >&2; exit 1; }
[[ -d $1/recordings ]] || die "no directory $1/recordings"
corpus=$(cd "$1" && pwd)
data=$2
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

utils/find_files.sh "$corpus/recordings" -name '[0-9]_*_*.wav' | awk -F / -v dir="$tmp" '
    BEGIN { split("ZERO ONE TWO THREE FOUR FIVE SIX SEVEN EIGHT NINE", word, " ") }
    {
        split(substr($NF, 1, length($NF) - 4), name, "_")
        speaker = name[2]
        utt = speaker "-" name[1] "-" sprintf("%02d", name[3])
        print utt, $0 > (dir "/wav.scp")
        print utt, word[name[1] + 1] > (dir "/text")
        print utt, speaker > (dir "/utt2spk")
        print utt, name[3] < 5 ? "test" : "train" > (dir "/utt2fold")
    }'
[[ -s $tmp/wav.scp ]] || die "no recordings under $corpus/recordings, expected 0_george_0.wav and the like"
for f in "$tmp"/*; do sort -o "$f" "$f"; done

found=$(wc -l < "$tmp/wav.scp")
[[ $counts == false || $found -eq 3000 ]] ||
  die "expected 3000 recordings, found $found (--counts false: go on with these)"
mkdir -p "$data"
mv "$tmp"/* "$data"
utils/utt2spk_to_spk2utt.pl "$data/utt2spk" > "$data/spk2utt"
utils/validate_data_dir.sh "$data"
