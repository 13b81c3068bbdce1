#!/usr/bin/env bash
# Makes a data directory whole: takes byte order marks, carriage returns and blanks in front of keys off its tables, ends
# their last lines, sorts them, drops lines with a key that came before, and keeps the utterances that every table has. What
# was there is kept in <data-dir>/.backup.
help_message="Usage: utils/fix_data_dir.sh <data-dir>"
# shellcheck source=egs/utils/parse_options.sh
. "$(dirname "$0")/parse_options.sh"
# shellcheck source=egs/utils/data_tables.sh
. "$(dirname "$0")/data_tables.sh"
set -euo pipefail
export LC_ALL=C

[[ $# -eq 1 ]] || { echo "$help_message" >&2; exit 1; }
data=$1
die() { echo "$0: $1" >&2; exit 1; }
[[ -s $data/utt2spk ]] || die "$data/utt2spk is missing or empty"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

rm -rf "$data/.backup"
mkdir "$data/.backup"
mkdir "$tmp/sorted"
for f in "${utterance_tables[@]}" "${other_tables[@]}"; do
  [[ -f $data/$f ]] || continue
  cp "$data/$f" "$data/.backup"
  tr -d '\r' < "$data/$f" |
    awk '{ sub(/^[ \t]*(\357\273\277)?[ \t]*/, "") } NF > 0 && !($1 in seen) { seen[$1]; print }' | sort -k 1,1 > "$tmp/sorted/$f"
done

# Utterances of every table; with segments those whose recording is there.
awk '{ print $1 }' "$tmp/sorted/utt2spk" > "$tmp/keys"
for f in "${utterance_tables[@]}" wav.scp; do
  [[ -f $tmp/sorted/$f ]] || continue
  case $f in
    segments) filter_by "$tmp/sorted/wav.scp" <(awk '{ print $2, $1 }' "$tmp/sorted/segments") | awk '{ print $2 }' ;;
    wav.scp) if [[ -f $tmp/sorted/segments ]]; then cat "$tmp/keys"; else cat "$tmp/sorted/wav.scp"; fi ;;
    feats.scp | utt2*) awk 'NF > 1' "$tmp/sorted/$f" ;;
    *) cat "$tmp/sorted/$f" ;;
  esac > "$tmp/has"
  filter_by "$tmp/has" "$tmp/keys" > "$tmp/common"
  mv "$tmp/common" "$tmp/keys"
done
[[ -s $tmp/keys ]] || die "no utterance is in every table of $data"
before=$(tr -d '\r' < "$data/utt2spk" | awk 'NF > 0 { n++ } END { print n + 0 }')
copy_tables "$tmp/sorted" "$data" "$tmp/keys"
after=$(wc -l < "$data/utt2spk")
echo "$0: $data: kept $after of $before utterances; what was there is in $data/.backup"
