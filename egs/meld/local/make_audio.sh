#!/usr/bin/env bash
# Extracts the clips that prepare_data.sh listed, in jobs, and completes the data directory with wav.scp and utt2dur. Started again it
# extracts what is missing.
nj=                     # jobs [processors]
cmd=${decode_cmd:-utils/run.pl}
help_message="Usage: local/make_audio.sh [--nj N] [--cmd utils/run.pl] <data-dir> <folder for the sounds>"
# shellcheck source=egs/utils/parse_options.sh
. utils/parse_options.sh
set -euo pipefail
export LC_ALL=C

[[ $# -eq 2 ]] || { echo "$help_message" >&2; exit 1; }
die() { echo "$0: $1" >&2; exit 1; }
data=$1 sounds=$2
command -v ffmpeg > /dev/null || die "ffmpeg is missing; on Debian: apt-get install ffmpeg"
[[ -s $data/sources ]] || die "$data/sources is missing: prepare_data.sh found no clips"
total=$(wc -l < "$data/sources")
nj=${nj:-$(nproc)}
if ((nj > total)); then nj=$total; fi
mkdir -p "$data/extract"
dir=$data/extract awk -v nj="$nj" '{ print > (ENVIRON["dir"] "/list." (NR - 1) % nj + 1) }' "$data/sources"
echo "$0: $total clips, $nj jobs"
if ! $cmd --quote true --num-threads 1 --max-jobs-run "$nj" JOB=1:"$nj" "$data/extract/extract.JOB.log" \
    local/extract_audio.sh "$data/extract/list.JOB" "$sounds"; then
  grep -h '^BAD' "$data"/extract/extract.*.log | cut -d ' ' -f 2- | head -n 10 >&2
  die "$(cat "$data"/extract/extract.*.log | grep -c '^BAD') clips were not extracted (above: the first): copy them again, or list them in conf/known_bad.txt with \"drop\""
fi
folder=$(cd "$sounds" && pwd)
folder=$folder awk -F '\t' '{ print $1, ENVIRON["folder"] "/" $1 ".wav" }' "$data/sources" | sort > "$data/wav.scp"
# 44 bytes of header, or 78 with ffmpeg's note, then two for each sample; the table is for predictions, exact to 2 ms.
find "$folder" -name '*.wav' ! -name '.*' -printf '%f\t%s\n' | awk -F '\t' '{ sub(/\.wav$/, "", $1); printf "%s %.3f\n", $1, ($2 - 44) / 32000 }' |
  sort > "$data/utt2dur.all"
join <(cut -d ' ' -f 1 "$data/wav.scp") "$data/utt2dur.all" > "$data/utt2dur"
rm "$data/utt2dur.all"
utils/validate_data_dir.sh "$data"
echo "sound padded $(awk '$2 <= 0.102' "$data/utt2dur" | wc -l)" >> "$data/counts"
echo "sound over-60-s $(awk '$2 > 60' "$data/utt2dur" | wc -l)" >> "$data/counts"
sort -u -o "$data/counts" "$data/counts"
