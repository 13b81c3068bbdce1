#!/usr/bin/env bash
# What experiments came to: the paper's tables with its figures beside ours, means and deviations, and whether one experiment
# is better than another. Printed, and kept in <exp-dir>/tables.txt; <exp-dir>/report.html shows
# the same and leads to each experiment's own report.
compare="1<2 1<13 13<14 13<15 13<16 14<17 15<17 30<34 34<35 34<36 34<37"
help_message="Usage: utils/paper_tables.sh [--compare '1<2 13<14'] <tables, say 1,2,4> <exp-dir>
e.g.:  utils/paper_tables.sh 1,2,3,4,5,6 exp"
# shellcheck source=egs/utils/parse_options.sh
. utils/parse_options.sh
set -euo pipefail
export LC_ALL=C

[[ $# -eq 2 ]] || { echo "$help_message" >&2; exit 1; }
exp=$2
trap 'rm -f "$exp/tables.tmp"' EXIT
{
  utils/paper_tables.pl "$1" "$exp"
  echo
  utils/compare_experiments.sh "$compare" "$exp"
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
