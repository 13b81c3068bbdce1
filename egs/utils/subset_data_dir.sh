#!/usr/bin/env bash
# A part of a data directory, every table cut alike: the first N utterances, N spread over the whole, the shortest, N of
# each speaker, or those listed.
first=false             # true: the first N, not N spread evenly
shortest=false          # true: the N shortest, by utt2dur or utt2num_frames
per_spk=false           # true: N of each speaker, spread evenly over theirs
spk_list=               # a file of speakers instead of N
utt_list=               # a file of utterances instead of N
help_message="Usage: utils/subset_data_dir.sh [--first true|--shortest true|--per-spk true] <data-dir> <N> <new-dir>
       utils/subset_data_dir.sh --utt-list FILE|--spk-list FILE <data-dir> <new-dir>"
case ${1-} in           # Kaldi's spellings
  --first | --shortest | --per-spk) [[ ${2-} == true || ${2-} == false ]] || set -- "$1" true "${@:2}" ;;
esac
# shellcheck source=egs/utils/parse_options.sh
. "$(dirname "$0")/parse_options.sh"
# shellcheck source=egs/utils/data_tables.sh
. "$(dirname "$0")/data_tables.sh"
set -euo pipefail
export LC_ALL=C

die() { echo "$0: $1" >&2; exit 1; }
listed=$spk_list$utt_list
[[ -z $spk_list || -z $utt_list ]] || die "--spk-list and --utt-list exclude each other"
if [[ -n $listed ]]; then
  [[ $# -eq 2 ]] || { echo "$help_message" >&2; exit 1; }
  [[ -r $listed ]] || die "cannot read the list $listed"
  from=$1 to=$2
else
  [[ $# -eq 3 ]] || { echo "$help_message" >&2; exit 1; }
  from=$1 n=$2 to=$3
  [[ $n =~ ^[1-9][0-9]{0,8}$ ]] || die "expected a number of utterances, found \"$n\""
fi
[[ -s $from/utt2spk ]] || die "$from/utt2spk is missing or empty"
[[ ! $from -ef $to ]] || die "$from cannot become a part of itself"
keys=$(mktemp)
trap 'rm -f "$keys"' EXIT

# N lines spread evenly over the input, in order.
spread() { awk -v n="$1" '{ line[NR] = $0 } END { for (i = 1; i <= NR; i++) if (NR <= n || int(i * n / NR) > int((i - 1) * n / NR)) print line[i] }'; }

if [[ -n $utt_list ]]; then
  filter_by "$utt_list" "$from/utt2spk"
elif [[ -n $spk_list ]]; then
  list=$spk_list awk 'BEGIN { while ((getline line < ENVIRON["list"]) > 0) { split(line, f, " "); wanted[f[1]] } } $2 in wanted' "$from/utt2spk"
elif [[ $per_spk == true ]]; then
  awk -v n="$n" '{ of[$2]++ } NR == FNR { next }
    { i = ++seen[$2]; m = of[$2] / 2; if (m <= n || int(i * n / m) > int((i - 1) * n / m)) print }' "$from/utt2spk" "$from/utt2spk"
elif [[ $shortest == true ]]; then
  for f in utt2dur utt2num_frames; do [[ ! -s $from/$f ]] || break; done
  [[ -s $from/$f ]] || die "$from has neither utt2dur nor utt2num_frames"
  sort -s -k 2,2g "$from/$f" | awk -v n="$n" 'NR <= n' | sort
elif [[ $first == true ]]; then
  awk -v n="$n" 'NR <= n' "$from/utt2spk"
else
  spread "$n" < "$from/utt2spk"
fi > "$keys"
[[ -s $keys ]] || die "no utterance of $from is left"
copy_tables "$from" "$to" "$keys"
echo "$0: $to: $(wc -l < "$to/utt2spk") of $(wc -l < "$from/utt2spk") utterances"
