#!/usr/bin/env bash
# Cuts a data directory into N parts of about the same size, <data-dir>/split<N>/1 and so on; the utterances of a speaker
# stay together, unless --per-utt asks otherwise.
per_utt=false
help_message="Usage: utils/split_data.sh [--per-utt true] <data-dir> <N>"
case ${1-} in           # Kaldi's spelling
  --per-utt) [[ ${2-} == true || ${2-} == false ]] || set -- "$1" true "${@:2}" ;;
esac
# shellcheck source=egs/utils/parse_options.sh
. "$(dirname "$0")/parse_options.sh"
# shellcheck source=egs/utils/data_tables.sh
. "$(dirname "$0")/data_tables.sh"
set -euo pipefail
export LC_ALL=C

[[ $# -eq 2 ]] || { echo "$help_message" >&2; exit 1; }
data=$1 n=$2
die() { echo "$0: $1" >&2; exit 1; }
[[ $n =~ ^[1-9][0-9]{0,3}$ ]] || die "expected a number of parts, found \"$n\""
[[ -s $data/utt2spk ]] || die "$data/utt2spk is missing or empty"
if [[ $per_utt == true ]]; then
  what=utterances field=1 dir=$data/split${n}utt
else
  what=speakers field=2 dir=$data/split$n
fi
units=$(awk -v f="$field" '{ print $f }' "$data/utt2spk" | sort -u | wc -l)
[[ $units -ge $n ]] || die "$data has $units $what, too few for $n parts"
rm -rf "$dir"
mkdir "$dir"

# A speaker goes where the middle of its utterances lies, and no part stays empty.
dir=$dir awk -v f="$field" -v n="$n" '
    NR == FNR { total++; of[$f]++; if (of[$f] == 1) { unit[++units] = $f } next }
    FNR == 1 {
        for (u = 1; u <= units; u++) {
            want = int((before + of[unit[u]] / 2) * n / total) + 1
            if (want > p + 1 || p == 0) want = p + 1
            if (want < p) want = p
            if (n - want > units - u) want = n - (units - u)
            part[unit[u]] = p = want
            before += of[unit[u]]
        }
    }
    { print $1 > (ENVIRON["dir"] "/keys." part[$f]) }' "$data/utt2spk" "$data/utt2spk"
for ((p = 1; p <= n; p++)); do
  copy_tables "$data" "$dir/$p" "$dir/keys.$p"
  rm "$dir/keys.$p"
done
