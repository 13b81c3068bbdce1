#!/usr/bin/env bash
# Scores what train_folds.sh decoded: the folds' answers pooled, each task scored by fold and pooled with 95 % intervals (of
# dialogues, by utt2dialogue, or else of speakers, and of utterances in each), scores.json, a table of all (results.txt, also printed) and report.html.
name=                   # of the experiment [the last part of exp-dir]
corpus=                 # of the report
help_message="Usage: utils/score_folds.sh [--name NAME] [--corpus NAME] <data-dir> <exp-dir>
e.g.:  utils/score_folds.sh --corpus EmoDB data/all exp/joint"
# shellcheck source=egs/utils/parse_options.sh
. utils/parse_options.sh
# shellcheck source=egs/utils/data_tables.sh
. utils/data_tables.sh
set -euo pipefail
export LC_ALL=C

[[ $# -eq 2 ]] || { echo "$help_message" >&2; exit 1; }
data=$1 exp=$2
die() { echo "$0: $1" >&2; exit 1; }
[[ -s $exp/folds ]] || die "$exp/folds is missing: train_folds.sh has not run"
name=${name:-$(basename "$exp")}
mapfile -t folds < "$exp/folds"
if [[ -f $exp/select && $(< "$exp/select") == test ]]; then corpus+="${corpus:+, }epochs chosen on the test data"; fi

mkdir -p "$exp/decode"
rm -f "$exp"/scores.json "$exp"/score_*.txt
keys=
decoded=("${folds[@]/#/"$exp/"}")
for f in text text_aec utt2emo utt2gender utt2style; do
  [[ -f ${decoded[0]}/decode/$f ]] || continue
  sort -m "${decoded[@]/%//decode/$f}" > "$exp/decode/$f"
  keys=$exp/decode/$f
done
rm -f "$exp"/decode/gate_*.ark
for f in gate_speech.ark gate_text.ark; do
  if [[ -f ${decoded[0]}/decode/$f ]]; then cat "${decoded[@]/%//decode/$f}" > "$exp/decode/$f"; fi
done
[[ -n $keys ]] || die "nothing is decoded in ${decoded[0]}/decode"
utils/subset_data_dir.sh --utt-list "$keys" "$data" "$exp/ref" > /dev/null

# Labels are those of the models, which may answer what the scored folds lack.
models=()
for d in "${decoded[@]}"; do if [[ -f $d/labels.json ]]; then models+=("$d"); fi; done
score() {               # program section table, more options
  local program=$1 section=$2 table=$3 behind=()
  shift 3
  [[ -f $exp/decode/$table && -f $exp/ref/${table%_aec} ]] || return 0
  if [[ $program == *labels ]]; then behind=("${models[@]}"); fi
  if ! "$program" --folds="$exp/ref/utt2fold" --clusters="$(cluster_table "$exp/ref")" --json="$exp/scores.json" --section="$section" \
      --name="$name" --corpus="$corpus" "$@" "$exp/ref/${table%_aec}" "$exp/decode/$table" "${behind[@]}" \
      > "$exp/score_$section.txt" 2> "$exp/log/score_$section.log"; then
    cat "$exp/log/score_$section.log" >&2
    exit 1
  fi
}
groups=()
if [[ -f $exp/ref/utt2style ]]; then groups=(--groups="$exp/ref/utt2style"); fi
score serin-score-labels emotion utt2emo "${groups[@]}"
score serin-score-text text text "${groups[@]}" --details="$exp/decode/details"
score serin-score-text corrected text_aec "${groups[@]}" --versus="$exp/decode/text"
score serin-score-labels gender utt2gender
score serin-score-labels style utt2style

if ! serin-report "$exp/report.html" "$exp" > "$exp/results.txt" 2> "$exp/log/report.log"; then
  cat "$exp/log/report.log" >&2
  exit 1
fi
echo
cat "$exp/results.txt"
echo
echo "report: $(cd "$exp" && pwd)/report.html"
