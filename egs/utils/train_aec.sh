#!/usr/bin/env bash
# The corrector of recognised words for each fold: hypotheses of its training utterances (aec_hypotheses.sh), WordPieces of its
# training texts unless --bert has them, and serin-train-aec. Writes <exp-dir>/<fold>/model, which train_folds.sh --init-aec
# takes. Started again, it goes on where it was.
conf=conf/train.conf    # of the recogniser that makes the hypotheses; one or more
aec_conf=conf/aec.conf  # of serin-train-aec
aec_data=               # folder with text and hypotheses besides (egs/commonvoice), or with a folder of such for each fold
bert=                   # folder of published weights to begin with
folds=all               # these, dev and nj, as aec_hypotheses.sh has them
dev=none
nj=
parts=2                 # as aec_hypotheses.sh has them, and so the last two
pretrain=none           # the same; words or both: the corrector begins with the fold's BERT
train_opts="--input=speech --lambda-gender=0 --lambda-style=0"
decode_opts=
clean=false
retrain=false           # true: finished models that are not of what is asked for are trained anew
train_cmd=${train_cmd:-utils/run.pl}
help_message="Usage: utils/train_aec.sh [options] <data-dir> <exp-dir>
e.g.:  utils/train_aec.sh --folds 1,2 data/all exp/aec
Options: --conf conf/train.conf --aec-conf conf/aec.conf --aec-data DIR --bert DIR --folds all|1,2 --dev none --parts 2 --train-opts ''
  --pretrain none|speech|words|both --decode-opts '' --nj N --clean true|false --retrain true|false"
# shellcheck source=egs/utils/one_group.sh
. utils/one_group.sh
# shellcheck source=egs/utils/parse_options.sh
. utils/parse_options.sh
# shellcheck source=egs/utils/hold.sh
. utils/hold.sh
# shellcheck source=egs/utils/stamp.sh
. utils/stamp.sh
set -euo pipefail
export LC_ALL=C

[[ $# -eq 2 ]] || { echo "$help_message" >&2; exit 1; }
data=$1 exp=$2
[[ -r $aec_conf ]] || { echo "$0: cannot read $aec_conf, which --aec-conf names" >&2; exit 1; }
for f in text hypotheses; do
  [[ -z $aec_data || -s $aec_data/$f ]] || { echo "$0: $aec_data/$f is missing or empty: --aec-data is what egs/commonvoice/run.sh made" >&2; exit 1; }
done
hold "$exp/.lock"
utils/aec_hypotheses.sh --conf "$conf" --folds "$folds" --dev "$dev" --nj "$nj" --parts "$parts" --pretrain "$pretrain" \
  --clean "$clean" --retrain "$retrain" --train-opts "$train_opts" --decode-opts "$decode_opts" "$data" "$exp"

# Pairs of --aec-data beside the fold's own. What the corpus itself has in them is the fold's already, or must not be heard of: no text of
# an utterance that the fold does not train on, whoever says it.
add_pairs() {           # folder, fold's folder, text, hypotheses
  awk '
    { key = $1; said = $0; sub(/^[^ ]+ */, "", said) }
    FILENAME == ARGV[1] { trained[key]; next }
    FILENAME == ARGV[2] { corpus[key]; if (!(key in trained)) kept[said]; next }
    !(key in corpus) && !(said in kept)' "$2/utts" "$data/text" "$1/text" | sort - "$2/text" > "$3"
  awk '
    FILENAME == ARGV[1] { text[$1]; next }
    FILENAME == ARGV[2] { print; own[$1]; next }
    { key = $1; sub(/-[0-9]+$/, "", key); if (!($1 in own) && ($1 in text || key in text)) print }' "$3" "$2/hypotheses" "$1/hypotheses" | sort > "$4"
  echo "$0: $(basename "$2"): $(wc -l < "$2/hypotheses") pairs of its own, $(($(wc -l < "$4") - $(wc -l < "$2/hypotheses"))) of $1"
}

while IFS= read -r f; do
  dir=$exp/$f
  begin=(--pieces="$dir/pieces.txt")
  if [[ -n $bert ]]; then begin=(--init-bert="$bert")
  elif [[ $pretrain == @(words|both) ]]; then begin=(--init-bert="$data/folds/$f/pretrain/bert"); fi
  text=$dir/text heard=$dir/hypotheses
  if [[ -n $aec_data ]]; then
    mkdir -p "$dir/pairs"
    text=$dir/pairs/text heard=$dir/pairs/hypotheses
    add_pairs "$(if [[ -d $aec_data/$f ]]; then echo "$aec_data/$f"; else echo "$aec_data"; fi)" "$dir" "$text" "$heard"
  fi
  stamp=$(printf 'command: %s\nconfiguration: %s\ntexts: %s\nhypotheses: %s' "${begin[*]}" \
    "$(cksum < "$aec_conf")" "$(cksum < "$text")" "$(cksum < "$heard")")
  if is_finished "$dir" "$stamp"; then continue; fi
  rm -rf "$dir/done" "$dir/model"
  if [[ ${begin[0]} == --pieces=* ]]; then
    $train_cmd --quote true "$exp/log/pieces.$f.log" serin-make-vocab --type=pieces "$text" "$dir/pieces.txt"
  fi
  $train_cmd --quote true --num-threads "$(nproc)" "$exp/log/train.$f.log" \
    serin-train-aec --config="$aec_conf" "${begin[@]}" "$text" "$heard" "$dir/model"
  sed -n "s/.*: the model of the fewest word errors/word errors of its development share/p" "$exp/log/train.$f.log" |
    while IFS= read -r line; do echo "$f: $line"; done
  echo "$stamp" > "$dir/done"
  if $clean; then rm -rf "$dir/model/checkpoints"; fi
done < "$exp/folds"
