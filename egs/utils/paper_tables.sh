#!/usr/bin/env bash
# What experiments came to: the paper's tables with its figures beside ours, means and deviations, and for each table whether one
# experiment is better than another, for those that the paper compares. Printed, and kept in <exp-dir>/tables.txt; <exp-dir>/report.html shows
# the same and leads to each experiment's own report.
compare=                # these pairs, in a table of their own, instead of the paper's
help_message="Usage: utils/paper_tables.sh [--compare '1<2 13<14'] <tables, say 1,2,4> <exp-dir>
e.g.:  utils/paper_tables.sh 1,2,3,4,5,6 exp"
# shellcheck source=egs/utils/parse_options.sh
. utils/parse_options.sh
set -euo pipefail
export LC_ALL=C

[[ $# -eq 2 ]] || { echo "$help_message" >&2; exit 1; }
exp=$2
trap 'rm -f "$exp"/{tables,differences}.tmp' EXIT
{
  utils/paper_tables.pl "$1" "$exp"
  if [[ -n $compare ]]; then
    echo
    utils/compare_experiments.sh "$compare" "$exp"
  else
    awk -F ' *[|] *' -v tables=",${1// /,}," '
      /^Table/ { n = $1; gsub(/[^0-9]/, "", n) }
      $1 == "compare" && index(tables, "," n ",") { print n, $2 }' utils/paper_tables.txt |
      while read -r table pairs; do
        utils/compare_experiments.sh --title "Differences in table $table" "$pairs" "$exp" > "$exp/differences.tmp"
        if [[ -s $exp/differences.tmp ]]; then echo; cat "$exp/differences.tmp"; fi
      done
  fi
} > "$exp/tables.tmp"
mv "$exp/tables.tmp" "$exp/tables.txt"
cat "$exp/tables.txt"
scored=()
for dir in "$exp"/exp[0-9][0-9]; do
  if [[ -f $dir/scores.json ]]; then scored+=("$dir"); fi
done
if ((${#scored[@]} > 0)); then
  if ! serin-report --tables="$exp/tables.txt" "$exp/report.html" "${scored[@]}" > "$exp/report.log" 2>&1; then
    cat "$exp/report.log" >&2
    exit 1
  fi
  rm "$exp/report.log"
  echo
  echo "report: $(cd "$exp" && pwd)/report.html"
fi
