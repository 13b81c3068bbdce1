#!/usr/bin/env bash
# MELD's tables: text utt2spk spk2utt utt2emo utt2gender utt2dialogue utt2fold, which is the publisher's split, and with clips the
# list of sounds that extract_audio.sh is to make. Never writes into the corpus.
text_norm=upper,nfkd,strip-marks,digits,tags,punctuation,collapse    # as serin-normalize has it; none: as transcribed
counts=conf/full_release.counts     # what must be found; "": anything
known_bad=conf/known_bad.txt
help_message="Usage: local/prepare_data.sh [options] <parts> <data-dir>     (parts: what local/find_corpus.sh wrote)
Options: --text-norm '$text_norm' --counts '$counts' --known-bad '$known_bad'"
# shellcheck source=egs/utils/parse_options.sh
. utils/parse_options.sh
set -euo pipefail
export LC_ALL=C

[[ $# -eq 2 ]] || { echo "$help_message" >&2; exit 1; }
die() { echo "$0: $1" >&2; exit 1; }
parts=$1 data=$2
part() { sed -n "s/^$1 //p" "$parts"; }
mkdir -p "$data"
tmp=$(mktemp -d "$data/new.XXXXXX")
trap 'rm -rf "$tmp"' EXIT

local/read_csv.pl "$known_bad" conf/genders.txt "$(part train_csv)" "$(part dev_csv)" "$(part test_csv)" "$tmp"
if [[ -n $counts ]] && ! awk '
    /^#/ { next }
    NR == FNR { found[$1, $2] = $3; next }
    found[$1, $2] + 0 != $3 { printf "%s %s: expected %d rows, found %d\n", $1, $2, $3, found[$1, $2] > "/dev/stderr"; bad = 1 }
    END { exit bad }' "$tmp/counts" "$counts"; then
  die "the csv files are not those of the release ($counts); --counts '' goes on with them"
fi
serin-normalize --print-args=false --norm="$text_norm" "$tmp/text" "$tmp/normal" 2> "$tmp/log" || { cat "$tmp/log" >&2; exit 1; }
mv "$tmp/normal" "$tmp/text"
echo "text empty $(awk 'NF == 1' "$tmp/text" | wc -l)" >> "$tmp/counts"
utils/utt2spk_to_spk2utt.pl "$tmp/utt2spk" > "$tmp/spk2utt"

# Which file is whose clip; clips without a row, and leftovers, are counted.
if grep -q '_clips ' "$parts"; then
  touch "$tmp/problems"
  for split in train dev test; do
    utils/find_files.sh "$(part ${split}_clips)" -name '*.mp4' ! -name '._*' | awk -v part="$split" '
        { name = $0; sub(/.*\//, "", name); sub(/\.mp4$/, "", name); print part " " name "\t" $0 }'
  done > "$tmp/files"
  awk -F '\t' -v dir="$tmp" '
      FILENAME ~ /files$/ { file[$1] = $2; next }
      FILENAME ~ /problems$/ { if (/ left out: /) { sub(/ .*/, ""); sub(/-/, " "); wanted[$0] } next }
      { split($0, f, " "); clip = f[2] " " f[3]; wanted[clip]
        if (clip in file) print f[1] "\t" file[clip] > (dir "/sources"); else print f[1], "there is no clip" > (dir "/missing") }
      END { for (c in file) if (!(c in wanted)) { n++; print c > (dir "/unlabelled") } }' "$tmp/files" "$tmp/problems" "$tmp/clips"
  if [[ -s $tmp/missing ]]; then
    head -n 10 "$tmp/missing" >&2
    die "$(wc -l < "$tmp/missing") of $(wc -l < "$tmp/clips") clips are missing (above: the first): copy them again, or list them in $known_bad"
  fi
  if [[ -f $tmp/unlabelled ]]; then
    sed -E 's/ /-/; s/$/ clip without a row/' "$tmp/unlabelled" | sort > "$tmp/unlabelled.sorted"
    mv "$tmp/unlabelled.sorted" "$tmp/unlabelled"
  fi
fi
rm -f "$data"/{wav.scp,utt2dur,unlabelled,problems,sources} "$tmp"/{files,log}
sort -o "$tmp/counts" "$tmp/counts"
mv "$tmp"/* "$data"
utils/validate_data_dir.sh --no-wav true "$data"
