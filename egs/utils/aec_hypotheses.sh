#!/usr/bin/env bash
# Hypotheses for the corrector: what a recogniser writes down for the training utterances of each fold, none of which it has seen.
# The other folds, or their speakers where these folds are too few, are dealt into parts; each part is decoded by a model that was
# trained on the others. Writes <exp-dir>/<fold>/hypotheses and <exp-dir>/<fold>/text, the references. Started again, it goes on
# where it was.
conf=conf/train.conf    # of serin-train; one or more
folds=all               # these, dev (a fold or speaker that is left out) and nj, as train_folds.sh has them
dev=none
nj=
parts=2                 # into which the training folds are dealt
pretrain=none           # speech or both: the recogniser begins with the fold's encoder, which train_folds.sh --only-pretrain true made
train_opts="--input=speech --lambda-gender=0 --lambda-style=0"  # of the recogniser
decode_opts=            # of serin-decode
clean=false
retrain=false           # true: finished models that are not of what is asked for are trained anew
help_message="Usage: utils/aec_hypotheses.sh [options] <data-dir> <exp-dir>
e.g.:  utils/aec_hypotheses.sh --folds 1,2 data/all exp/aec
Options: --conf conf/train.conf --folds all|1,2 --dev none --parts 2 --pretrain none|speech|both --train-opts '' --decode-opts '' --nj N --clean true|false
  --retrain true|false"
# shellcheck source=egs/utils/one_group.sh
. utils/one_group.sh
# shellcheck source=egs/utils/parse_options.sh
. utils/parse_options.sh
# shellcheck source=egs/utils/hold.sh
. utils/hold.sh
# shellcheck source=egs/utils/dev_speaker.sh
. utils/dev_speaker.sh
# shellcheck source=egs/utils/folds.sh
. utils/folds.sh
# shellcheck source=egs/utils/words.sh
. utils/words.sh
set -euo pipefail
export LC_ALL=C

[[ $# -eq 2 ]] || { echo "$help_message" >&2; exit 1; }
data=$1 exp=$2
die() { echo "$0: $1" >&2; exit 1; }
[[ -s $data/utt2fold ]] || die "$data/utt2fold is missing or empty"
((parts >= 2)) || die "--parts $parts: at least 2 expected"
choose_folds "$data" "$folds"
hold "$exp/.lock"
printf '%s\n' "${chosen[@]}" > "$exp/folds"

for f in "${chosen[@]}"; do
  inner=$exp/$f/data
  mkdir -p "$exp/$f"
  kept=
  if [[ $dev == next || -f $dev ]]; then kept=$(dev_speaker "$f"); fi
  fold=$f dev=$dev kept=$kept awk '
    NR == FNR { speaker[$1] = $2; next }
    $2 != ENVIRON["fold"] && $2 != ENVIRON["dev"] && speaker[$1] != ENVIRON["kept"] { print $1 }' "$data/utt2spk" "$data/utt2fold" > "$exp/$f/utts"
  utils/subset_data_dir.sh --utt-list "$exp/$f/utts" "$data" "$inner" > /dev/null
  by=$inner/utt2fold
  if (($(cut -d ' ' -f 2 "$by" | sort -u | wc -l) < parts)); then by=$inner/utt2spk; fi
  count=$(cut -d ' ' -f 2- "$by" | sort -u | wc -l)
  ((count >= parts)) || die "$by has $count speakers: too few for --parts $parts"
  awk -v parts="$parts" 'NR == FNR { part[$1] = "part" k++ % parts + 1; next } { print $1, part[$2] }' \
    <(cut -d ' ' -f 2 "$by" | sort -u) "$by" > "$inner/utt2fold.new"
  mv "$inner/utt2fold.new" "$inner/utt2fold"
  begin=
  if [[ $pretrain == @(speech|both) ]]; then begin=" $(quote_words --init-model="$data/folds/$f/pretrain/hubert")"; fi
  # A part has nobody to choose a model on: speakers kept for that would be heard by no recogniser.
  utils/train_folds.sh --conf "$conf" --nj "$nj" --clean "$clean" --retrain "$retrain" --train-opts "$train_opts$begin --select=last --patience=0" --decode-opts "$decode_opts" \
    "$inner" "$exp/$f/recogniser"
  decoded=()
  while IFS= read -r part; do decoded+=("$exp/$f/recogniser/$part/decode/text"); done < "$exp/$f/recogniser/folds"
  sort -m "${decoded[@]}" > "$exp/$f/hypotheses"
  cp "$inner/text" "$exp/$f/text"
done
