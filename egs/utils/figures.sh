#!/usr/bin/env bash
# Figures 2 and 3 of the paper from experiments that were run (run_experiments.sh): <exp-dir>/figure2.svg, confusion of the
# acoustic part alone (experiment 2), of the linguistic part alone on what that one heard (the models of 5 read the texts of 2;
# <exp-dir>/exp05-asr), of concatenation (13) and of TGF (14); <exp-dir>/figure3.svg, the gates of 14, else of 17. What was not
# run is left out.
help_message="Usage: utils/figures.sh <data-dir> <exp-dir>
e.g.:  utils/figures.sh data/all exp"
# shellcheck source=egs/utils/parse_options.sh
. utils/parse_options.sh
set -euo pipefail
export LC_ALL=C

[[ $# -eq 2 ]] || { echo "$help_message" >&2; exit 1; }
data=$1 exp=$2

# The models of experiment 5 read what experiment 2 heard.
read_heard() {
  local out=$exp/exp05-asr fold test
  mkdir -p "$out/log"
  cp "$exp/exp05/folds" "$out/folds"
  while read -r fold; do
    test=$out/$fold/test
    mkdir -p "$test"
    utils/subset_data_dir.sh --utt-list "$exp/exp02/$fold/decode/text" "$data" "$test" > /dev/null
    awk '{ print $0 (NF == 1 ? " " : "") }' "$exp/exp02/$fold/decode/text" > "$test/text"
    serin-decode "$exp/exp05/$fold" "$test" "$out/$fold/decode" 2> "$out/log/decode.$fold.log" ||
      { cat "$out/log/decode.$fold.log" >&2; exit 1; }
  done < "$out/folds"
  utils/score_folds.sh --name "exp05 on what exp02 heard" "$data" "$out" > /dev/null
}
if [[ -f $exp/exp05/scores.json && -f $exp/exp02/scores.json ]] && cmp -s "$exp/exp05/folds" "$exp/exp02/folds"; then read_heard; fi

panels=()
for e in exp02 exp05-asr exp13 exp14; do
  if [[ -f $exp/$e/scores.json ]]; then panels+=("$exp/$e/scores.json"); fi
done
rm -f "$exp/figure2.svg" "$exp/figure3.svg"
if ((${#panels[@]} > 0)); then
  serin-plot --kind=confusion "${panels[@]}" "$exp/figure2.svg" 2> /dev/null
  echo "figure 2 (${#panels[@]} of its 4 matrices): $exp/figure2.svg"
fi
for e in exp14 exp17; do
  if [[ -f $exp/$e/decode/gate_speech.ark ]]; then
    serin-plot --kind=gates "$exp/$e/decode" "$exp/$e/ref/utt2emo" "$exp/figure3.svg" 2> /dev/null
    echo "figure 3 (of $e): $exp/figure3.svg"
    break
  fi
done
