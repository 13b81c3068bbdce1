#!/usr/bin/env bash
# Is one experiment better than another? For each pair the difference of their scores, with the 95 % interval and the p of a
# bootstrap paired by utterance (docs/scores.md), once for each seed that both were trained with. Reads the ref and decode
# that score_folds.sh leaves in each.
bootstrap=2000          # resamples
help_message="Usage: utils/compare_experiments.sh [--bootstrap 2000] '<pairs>' <exp-dir>
e.g.:  utils/compare_experiments.sh '1<2 13<14' exp
Pairs whose experiments are not both scored are left out."
# shellcheck source=egs/utils/parse_options.sh
. utils/parse_options.sh
set -euo pipefail
export LC_ALL=C

[[ $# -eq 2 ]] || { echo "$help_message" >&2; exit 1; }
die() { echo "$0: $1" >&2; exit 1; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT
rows=()
apart=()                # pairs that cannot be compared

# What an experiment answered: of texts those that were corrected, where they were.
answers() {             # experiment, table
  if [[ -f $1/decode/$2_aec ]]; then echo "$1/decode/$2_aec"; else echo "$1/decode/$2"; fi
}

# "+1.25 [-0.50, +3.00] p 0.160" for each of the measures, with a bar between; "-" where the scorer found none.
differences() {         # scorer, table, first, second, measures
  local out=
  if [[ -f $3/decode/$2 && -f $4/decode/$2 ]] && cmp -s "$3/ref/$2" "$4/ref/$2"; then
    out=$("$1" --bootstrap="$bootstrap" --versus="$(answers "$3" "$2")" "$4/ref/$2" "$(answers "$4" "$2")" 2> "$log") ||
      { cat "$log" >&2; exit 1; }
  fi
  awk -v measures="$5" '
    compared { m[$1] = $2 " [" $4 " " $5 "] p " ($8 == "0.000" ? "<0.001" : $8) }
    /^versus / { compared = 1 }
    END {
      n = split(measures, name, " ")
      for (i = 1; i <= n; i++) printf " | %s", name[i] in m ? m[name[i]] : "-"
    }' <<< "$out"
}

compare() {             # pair, a word behind it, first, second
  local labels texts
  if ! cmp -s "$3/ref/utt2emo" "$4/ref/utt2emo"; then apart+=("$1$2"); return 0; fi
  labels=$(differences serin-score-labels utt2emo "$3" "$4" "UA WA WF1")
  texts=$(differences serin-score-text text "$3" "$4" WER)
  rows+=("| $1$2 | $(wc -l < "$4/ref/utt2emo")$labels$texts |")
}

for pair in $1; do
  [[ $pair =~ ^0*([1-9][0-9]?)\<0*([1-9][0-9]?)$ ]] || die "\"$pair\" is no pair: write 1<2"
  first=$(printf 'exp%02d' "${BASH_REMATCH[1]}") second=$(printf 'exp%02d' "${BASH_REMATCH[2]}")
  for dir in "$2" "$2"/seed[1-9]*; do
    [[ -f $dir/$first/decode/utt2emo && -f $dir/$second/decode/utt2emo ]] || continue
    seed=${dir##*/seed}
    if [[ $dir == "$2" ]]; then seed=; fi
    compare "$pair" "${seed:+, seed $seed}" "$dir/$first" "$dir/$second"
  done
done
((${#rows[@]} + ${#apart[@]} > 0)) || exit 0

echo "Differences, the second minus the first"
echo
printf '%s\n' "| pair | utterances | UA | WA | F1 | WER |" "${rows[@]}" | awk -F ' [|] ' '
  { gsub(/^[|] | [|]$/, ""); row[NR] = $0; for (i = 1; i <= NF; i++) if (length($i) > wide[i]) wide[i] = length($i) }
  END {
    for (r = 1; r <= NR; r++) {
      n = split(row[r], cell, / [|] /)
      for (i = 1; i <= n; i++) printf "| %-*s ", wide[i], cell[i]
      print "|"
      if (r > 1) continue
      for (i = 1; i <= n; i++) { rule = sprintf("%*s", wide[i] + 2, ""); gsub(/ /, "-", rule); printf "|%s", rule }
      print "|"
    }
  }'
echo
echo "In percentage points [95 % interval] with p, paired by utterance; below 0 is better for WER (after correction)."
for pair in "${apart[@]}"; do echo "Not compared: $pair, which were not scored on the same utterances with the same labels."; done
