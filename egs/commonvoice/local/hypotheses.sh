#!/usr/bin/env bash
# One job: what a model hears in a part of the data, n-best. Sounds that do not decode are left out and listed in <part>/problems. Done already,
# it does nothing.
set -euo pipefail
export LC_ALL=C
[[ $# -eq 4 ]] || { echo "Usage: local/hypotheses.sh <model> <part> <beam> <nbest>" >&2; exit 1; }
model=$1 part=$2 beam=$3 nbest=$4
if [[ -s $part/hypotheses ]]; then echo "$part is done"; exit 0; fi

# Faults are lines "<dir>/wav.scp:<line>: <reason>".
: > "$part/problems"
if ! serin-validate-data --no-pipes --need=wav.scp "$part" > "$part/faults" 2>&1; then
  grep -E '/wav\.scp:[0-9]+: ' "$part/faults" > "$part/sounds" || { cat "$part/faults"; exit 1; }
  if grep -vE '/wav\.scp:[0-9]+: |^(utterances|sounds|text|utt2[a-z]+|LOG|ERROR|serin-)' "$part/faults" | grep -qE ':[0-9]+: '; then
    cat "$part/faults"
    exit 1
  fi
  awk 'NR == FNR { sub(/^.*\/wav\.scp:/, ""); split($0, f, ":"); line[f[1] + 0]; next } FNR in line { print $1 }' "$part/sounds" "$part/wav.scp" |
    sort -u > "$part/bad"
  sed -E 's/^.*\/wav\.scp:[0-9]+: *//' "$part/sounds" > "$part/problems"
  awk 'NR == FNR { bad[$1]; next } !($1 in bad)' "$part/bad" "$part/utt2spk" > "$part/good"
  utils/subset_data_dir.sh --utt-list "$part/good" "$part" "$part/usable"
fi
data=$part
if [[ -d $part/usable ]]; then data=$part/usable; fi
serin-decode --log-probs="ark:$part/log_probs.ark" "$model" "$data" "$part/decode"
serin-ctc-decode --beam="$beam" --nbest="$nbest" "$model/vocab.json" "ark:$part/log_probs.ark" "ark,t:$part/hypotheses.new"
rm "$part/log_probs.ark"
mv "$part/hypotheses.new" "$part/hypotheses"
