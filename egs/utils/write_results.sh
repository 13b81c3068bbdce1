#!/usr/bin/env bash
# RESULTS.md of a recipe, on standard output: the command, what was found in the corpus and what was left out, the paper's tables,
# then each experiment fold by fold, and what it took.
title=
command=                # that regenerates it
tables=1,2,3,4,5,6      # of the paper
help_message="Usage: utils/write_results.sh [--title TEXT] [--command TEXT] [--tables 1,2] <data-dir> <exp-dir>"
# shellcheck source=egs/utils/parse_options.sh
. utils/parse_options.sh
set -euo pipefail
export LC_ALL=C

[[ $# -eq 2 ]] || { echo "$help_message" >&2; exit 1; }
data=$1 exp=$2

printf '# %s\n\n    %s\n\n' "$title" "$command"
# shellcheck disable=SC2016
printf 'Made by `utils/write_results.sh`. %s processors, %s.\n\n' "$(nproc)" \
  "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2> /dev/null | sort -u | head -n 1)"

echo "## The corpus"
echo
if [[ -s $data/counts ]]; then
  echo "| what | number |"
  echo "|---|---|"
  sed -E 's/^(.*) ([0-9]+)$/| \1 | \2 |/' "$data/counts"
else
  echo "$(wc -l < "$data/utt2spk") utterances of $(wc -l < "$data/spk2utt") speakers."
fi
echo
for list in problems unlabelled; do
  [[ -s $data/$list ]] || continue
  echo "$(wc -l < "$data/$list") in \`$data/$list\`, by reason:"
  echo
  cut -d ' ' -f 2- "$data/$list" | sort | uniq -c | sed -E 's/^ *([0-9]+) (.*)/- \1: \2/'
  echo
done

if utils/paper_tables.sh "$tables" "$exp" > /dev/null 2>&1; then
  echo "## The paper's tables"
  echo
  cat "$exp/tables.txt"
  echo
fi

for dir in "$exp" "$exp"/exp[0-9]*; do
  [[ -s $dir/results.txt && ! -L $dir ]] || continue
  echo "## $(basename "$dir")"
  echo
  sed 's/^/    /' "$dir/results.txt"
  echo
  if [[ -s $dir/score_emotion.txt ]]; then sed 's/^/    /' "$dir/score_emotion.txt"; echo; fi
  cat "$dir"/log/train.*.log 2> /dev/null | awk '
      /^# Accounting: time=/ { split($3, t, "="); s += t[2]; split($4, p, "="); cpu += t[2] * p[2]; n++ }
      / s of updates, / { line = $0; sub(/^.*\.c:[0-9]+\) /, "", line) }
      END { if (n) printf "Training: %d fold%s, %.2f h, %.2f h of processors; the last: %s.\n\n", n, n == 1 ? "" : "s", s / 3600, cpu / 3600, line }'
done
