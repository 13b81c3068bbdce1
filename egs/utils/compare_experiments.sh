#!/usr/bin/env bash
# Is one experiment better than another? For each pair the difference of their scores, with the 95 % interval and the p of a
# paired bootstrap (docs/scores.md), the seeds that both were trained with pooled; then for each of several seeds. With more
# than one pair, "holm" is p corrected for the pairs of the table: below 0.05 it is one that holds among so many. Reads the
# ref and decode that score_folds.sh leaves in each.
bootstrap=10000         # resamples
title="Differences"
help_message="Usage: utils/compare_experiments.sh [--bootstrap 10000] [--title Differences] '<pairs>' <exp-dir>
e.g.:  utils/compare_experiments.sh '1<2 13<14' exp
Pairs whose experiments are not both scored are left out."
# shellcheck source=egs/utils/parse_options.sh
. utils/parse_options.sh
# shellcheck source=egs/utils/data_tables.sh
. utils/data_tables.sh
set -euo pipefail
export LC_ALL=C

[[ $# -eq 2 ]] || { echo "$help_message" >&2; exit 1; }
cd "$2"                 # so that whatever its name is, no list and no note has it
exp=.
die() { echo "$0: $1" >&2; exit 1; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT
rows=()                 # of the pairs
seed_rows=()            # of single seeds
apart=()                # pairs that cannot be compared
drawn=()                # how

same() { cmp -s "$1" "$2" && cmp -s "$1" "$3"; }

# What an experiment answered, joined by commas over folders: of texts those that were corrected, where they were.
answers() {             # experiment, table, folders
  local experiment=$1 table=$2 dir list=()
  for dir in "${@:3}"; do
    if [[ -f $dir/$experiment/decode/${table}_aec ]]; then list+=("$dir/$experiment/decode/${table}_aec"); else list+=("$dir/$experiment/decode/$table"); fi
  done
  (IFS=,; echo "${list[*]}")
}

# Models of two experiments' folds, whose labels may be answered: a line for each.
models_of() {           # first, second, folders
  local dir file
  for dir in "${@:3}"; do
    for file in "$dir/$1"/*/labels.json "$dir/$2"/*/labels.json; do
      if [[ -f $file ]]; then dirname "$file"; fi
    done
  done
}

# "+1.25 [-0.50, +3.00] p 0.1600" for each of the measures, with a bar between; "-" where the scorer found none.
differences() {         # scorer, table, measures, first, second, folders
  local out='' scorer=$1 table=$2 measures=$3 first=$4 second=$5 dir models=() there=true ref=$6/$5/ref
  shift 5
  for dir; do
    if [[ ! -f $dir/$first/decode/$table || ! -f $dir/$second/decode/$table ]] || ! same "$ref/$table" "$dir/$first/ref/$table" "$dir/$second/ref/$table"; then
      there=false
    fi
  done
  if [[ $table == utt2* ]]; then mapfile -t models < <(models_of "$first" "$second" "$@"); fi
  if $there; then
    out=$("$scorer" --bootstrap="$bootstrap" --clusters="$(cluster_table "$ref")" --versus="$(answers "$first" "$table" "$@")" \
      "$ref/$table" "$(answers "$second" "$table" "$@")" "${models[@]}" 2> "$log") || { cat "$log" >&2; exit 1; }
  fi
  awk -v measures="$measures" '
    compared { m[$1] = $2 " [" $4 " " $5 "] p " $8 }
    /^versus / { compared = 1 }
    /^intervals: / { drawn = $0 }
    END {
      n = split(measures, name, " ")
      for (i = 1; i <= n; i++) printf " | %s", name[i] in m ? m[name[i]] : "-"
      print "\t" drawn
    }' <<< "$out"
}

compare() {             # pair and a word behind it, first, second, folders; fails where they cannot be compared
  local row ref=$4/$3/ref dir labels texts
  for dir in "${@:4}"; do
    if ! same "$ref/utt2emo" "$dir/$2/ref/utt2emo" "$dir/$3/ref/utt2emo"; then return 1; fi
  done
  labels=$(differences serin-score-labels utt2emo "UA WA WF1" "${@:2}") || exit 1
  texts=$(differences serin-score-text text WER "${@:2}") || exit 1
  drawn+=("${labels#*$'\t'}")
  row="| $1 | $(wc -l < "$ref/utt2emo")${labels%%$'\t'*}${texts%%$'\t'*} |"
  if [[ $1 == *", seed "* ]]; then seed_rows+=("$row"); else rows+=("$row"); fi
}

for pair in $1; do
  [[ $pair =~ ^0*([1-9][0-9]?)\<0*([1-9][0-9]?)$ ]] || die "\"$pair\" is no pair: write 1<2"
  first=$(printf 'exp%02d' "${BASH_REMATCH[1]}") second=$(printf 'exp%02d' "${BASH_REMATCH[2]}")
  dirs=()
  for dir in "$exp" "$exp"/seed[1-9]*; do
    if [[ -f $dir/$first/decode/utt2emo && -f $dir/$second/decode/utt2emo ]]; then dirs+=("$dir"); fi
  done
  ((${#dirs[@]} > 0)) || continue
  seeds=
  if ((${#dirs[@]} > 1)); then seeds=", ${#dirs[@]} seeds"; fi
  if ! compare "$pair$seeds" "$first" "$second" "${dirs[@]}"; then apart+=("$pair"); continue; fi
  [[ -n $seeds ]] || continue
  for dir in "${dirs[@]}"; do
    if [[ $dir == "$exp" ]]; then seed=1; else seed=${dir##*/seed}; fi
    compare "$pair, seed $seed" "$first" "$second" "$dir"
  done
done
((${#rows[@]} + ${#apart[@]} > 0)) || exit 0

# Holm (1979), over the rows of the pairs, for each measure.
holm() {
  awk -F ' [|] ' -v OFS=' | ' '
    { row[NR] = $0; for (c = 3; c <= NF; c++) if (match($c, /\] p [0-9.]+/)) p[c, NR] = substr($c, RSTART + 4, RLENGTH - 4) }
    END {
      for (r = 1; r <= NR; r++) {
        $0 = row[r]
        for (c = 3; c <= NF; c++) if ((c, r) in p) {
          m = corrected = 0
          for (q = 1; q <= NR; q++) m += (c, q) in p
          # The largest of (how many p are not below) * p over all p up to this one.
          for (q = 1; q <= NR; q++) if ((c, q) in p && p[c, q] <= p[c, r]) {
            n = 0
            for (s = 1; s <= NR; s++) n += (c, s) in p && p[c, s] >= p[c, q]
            if (n * p[c, q] > corrected) corrected = n * p[c, q]
          }
          end = sub(/ \|$/, "", $c) ? " |" : ""
          if (m > 1) $c = $c sprintf(" holm %.4f", corrected < 1 ? corrected : 1)
          $c = $c end
        }
        print
      }
    }'
}

echo "$title, the second minus the first"
echo
{
  echo "| pair | utterances | UA | WA | F1 | WER |"
  if ((${#rows[@]} > 0)); then printf '%s\n' "${rows[@]}" | holm; fi
  if ((${#seed_rows[@]} > 0)); then printf '%s\n' "${seed_rows[@]}"; fi
} | awk -F ' [|] ' '
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
echo "In percentage points [95 % interval] with p, paired by utterance, seeds pooled; below 0 is better for WER (after correction)."
if ((${#rows[@]} > 1)); then echo "holm: p corrected by Holm's method for the ${#rows[@]} pairs."; fi
if ((${#drawn[@]} > 0)); then printf '%s\n' "${drawn[@]}" | sed -E 's/ of [^ ]*(utt2[a-z]+)/ of \1/' | sort -u | sed 's/^i/I/; s/$/./'; fi
for pair in "${apart[@]}"; do echo "Not compared: $pair, which were not scored on the same utterances with the same labels."; done
