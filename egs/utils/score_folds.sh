#!/usr/bin/env bash
# Scores what train_folds.sh decoded: the folds' answers pooled, each task scored by fold and pooled with 95 % intervals,
# scores.json, a table of all (results.txt, also printed) and report.html.
name=                   # of the experiment [the last part of exp-dir]
corpus=                 # of the report
help_message="Usage: utils/score_folds.sh [--name NAME] [--corpus NAME] <data-dir> <exp-dir>
e.g.:  utils/score_folds.sh --corpus EmoDB data/all exp/joint"
# shellcheck source=egs/utils/parse_options.sh
. utils/parse_options.sh
set -euo pipefail
export LC_ALL=C

[[ $# -eq 2 ]] || { echo "$help_message" >&2; exit 1; }
data=$1 exp=$2
die() { echo "$0: $1" >&2; exit 1; }
[[ -s $exp/folds ]] || die "$exp/folds is missing: train_folds.sh has not run"
name=${name:-$(basename "$exp")}
mapfile -t folds < "$exp/folds"

mkdir -p "$exp/decode"
rm -f "$exp"/scores.json "$exp"/score_*.txt
decoded=("${folds[@]/#/$exp/}")
for f in text utt2emo utt2gender utt2style; do
  [[ -f ${decoded[0]}/decode/$f ]] || continue
  sort -m "${decoded[@]/%//decode/$f}" > "$exp/decode/$f"
  utils/subset_data_dir.sh --utt-list "$exp/decode/$f" "$data" "$exp/ref" > /dev/null
done
[[ -d $exp/ref ]] || die "nothing is decoded in ${decoded[0]}/decode"

score() {               # program section table, more options
  local program=$1 section=$2 table=$3
  shift 3
  [[ -f $exp/decode/$table && -f $exp/ref/$table ]] || return 0
  if ! "$program" --folds="$exp/ref/utt2fold" --json="$exp/scores.json" --section="$section" --name="$name" \
      --corpus="$corpus" "$@" "$exp/ref/$table" "$exp/decode/$table" > "$exp/score_$section.txt" 2> "$exp/log/score_$section.log"; then
    cat "$exp/log/score_$section.log" >&2
    exit 1
  fi
}
groups=()
if [[ -f $exp/ref/utt2style ]]; then groups=(--groups="$exp/ref/utt2style"); fi
score serin-score-labels emotion utt2emo "${groups[@]}"
score serin-score-text text text "${groups[@]}" --details="$exp/decode/details"
score serin-score-labels gender utt2gender
score serin-score-labels style utt2style

# One table of the programs' tables: a row a fold, then mean and spread, the pooled scores, their intervals, and what
# always answering the most frequent label scores.
scored=()
for section in emotion text gender style; do
  [[ ! -s $exp/score_$section.txt ]] || scored+=("$exp/score_$section.txt")
done
awk '
  function cell(row, c, value) {
    if (!(row in place)) { place[row]; rows[++n_rows] = row }
    cells[row, c] = value
  }
  function column(c) { if (!(c in title)) { title[c]; columns[++n_columns] = c } }
  FNR == 1 {
    section = FILENAME; sub(/.*score_/, "", section); sub(/\.txt$/, "", section)
    prefix = section == "emotion" || section == "text" ? "" : section " "
    in_folds = 0
  }
  /^%(UA|WA|WF1|MF1|WER) / {
    c = prefix substr($1, 2)
    if (section != "gender" && section != "style" || $1 == "%UA") {
      column(c)
      pooled[c] = $2
      if (match($0, /95% \[ .* \]/)) interval[c] = substr($0, RSTART + 6, RLENGTH - 8)
    }
  }
  /^95% of WER/ { match($0, /\[ .* \]/); interval["WER"] = substr($0, RSTART + 2, RLENGTH - 4) }
  /^always / {
    for (i = 2; i < NF; i++) if ($i ~ /^(UA|WA|WF1|MF1)$/) majority[prefix $i] = $(i + 1)
  }
  /^fold / { in_folds = 1; split($0, head, " "); for (i in head) at[head[i]] = i; next }
  NF == 0 || /^%/ { in_folds = 0 }
  in_folds {
    row = $1; shift_by = 0
    if (/^standard deviation/) { row = "sd"; shift_by = 1 }
    if (row == "mean" || row == "sd") shift_by -= section == "text" ? 2 : 1
    if (row != "mean" && row != "sd") utterances[row] = $2
    if (section == "text") cell(row, "WER", $(4 + shift_by))
    else if (prefix != "") cell(row, prefix "UA", $(3 + shift_by))
    else for (i = 3; i <= 6; i++) cell(row, columns[i - 2], $(i + shift_by))
  }
  END {
    for (row in utterances) total += utterances[row]
    utterances["pooled"] = total
    for (i = 1; i <= n_columns; i++) {
      c = columns[i]
      cell("pooled", c, pooled[c]); cell("95% from", c, interval[c]); cell("     to", c, interval[c])
      sub(/,.*/, "", cells["95% from", c]); sub(/.*, /, "", cells["     to", c])
      cell("majority", c, c in majority ? majority[c] : "")
    }
    printf "%-12s%11s", "fold", "utterances"
    for (i = 1; i <= n_columns; i++) printf "%*s", width(i), columns[i]
    print ""
    for (r = 1; r <= n_rows; r++) {
      if (rows[r] == "mean" || rows[r] == "pooled") print ""
      printf "%-12s%11s", rows[r], known(utterances[rows[r]])
      for (i = 1; i <= n_columns; i++) printf "%*s", width(i), known(cells[rows[r], columns[i]])
      print ""
    }
  }
  function known(value) { return value == "" ? "-" : value }
  function width(i) { return length(columns[i]) > 6 ? length(columns[i]) + 2 : 8 }' "${scored[@]}" > "$exp/results.txt"

if serin-report "$exp" "$exp/report.html" 2> "$exp/log/report.log"; then
  report=$(cd "$exp" && pwd)/report.html
else
  cat "$exp/log/report.log" >&2
  exit 1
fi
echo
cat "$exp/results.txt"
echo
echo "report: $report"
