#!/usr/bin/env bash
# Several data directories made one. A table that only some of them have is left out, and said so; utterances may not
# occur twice.
help_message="Usage: utils/combine_data_dir.sh <new-dir> <data-dir> …"
# shellcheck source=egs/utils/parse_options.sh
. "$(dirname "$0")/parse_options.sh"
# shellcheck source=egs/utils/data_tables.sh
. "$(dirname "$0")/data_tables.sh"
set -euo pipefail
export LC_ALL=C

[[ $# -ge 2 ]] || { echo "$help_message" >&2; exit 1; }
die() { echo "$0: $1" >&2; exit 1; }
to=$1
shift
for from in "$@"; do
  [[ -s $from/utt2spk ]] || die "$from/utt2spk is missing or empty"
  [[ ! $from -ef $to ]] || die "$to cannot be made of itself"
done
segmented=0
for from in "$@"; do [[ ! -f $from/segments ]] || segmented=$((segmented + 1)); done
[[ $segmented -eq 0 || $segmented -eq $# ]] || die "some of the directories have segments and some have none"
twice=$(cat "${@/%//utt2spk}" | awk '{ print $1 }' | sort | uniq -d | head -n 3 | tr '\n' ' ')
[[ -z $twice ]] || die "utterances in more than one of them: $twice"

mkdir -p "$to"
for f in "${utterance_tables[@]}" wav.scp spk2gender reco2dur; do
  having=()
  for from in "$@"; do [[ ! -f $from/$f ]] || having+=("$from/$f"); done
  if [[ ${#having[@]} -eq $# ]]; then
    # Speakers and recordings may be shared; what is said of them must then agree.
    sort -u "${having[@]}" > "$to/$f.tmp"
    twice=$(awk '{ print $1 }' "$to/$f.tmp" | uniq -d | head -n 3 | tr '\n' ' ')
    [[ -z $twice ]] || { rm "$to/$f.tmp"; die "$f says different things of $twice"; }
    mv "$to/$f.tmp" "$to/$f"
  elif [[ ${#having[@]} -gt 0 ]]; then
    echo "$0: left out $f, which only ${#having[@]} of $# directories have" >&2
    rm -f "$to/$f"
  fi
done
"$(dirname "$0")/utt2spk_to_spk2utt.pl" "$to/utt2spk" > "$to/spk2utt"
echo "$0: $to: $(wc -l < "$to/utt2spk") utterances"
