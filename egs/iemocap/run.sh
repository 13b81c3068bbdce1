#!/usr/bin/env bash
# The paper's experiments on IEMOCAP, from the corpus as it was released to RESULTS.md: five folds by session or ten by talker.
# With the folders of published weights the networks have the paper's sizes; without, they are small ones from scratch.
stage=0
stop_stage=5
iemocap=                # the folder IEMOCAP_full_release; it is only read
exp=17                  # experiments of the paper, say "1 2 13-15"; utils/experiments.txt has their parts
cv=session              # or talker
hubert=                 # folder of HuBERT's weights (large)
bert=                   # of BERT's (base, uncased)
aec_data=               # what egs/commonvoice/run.sh made for the corrector
counts=conf/full_release.counts     # what must be found; "": anything
text_norm=upper
folds=all               # or numbers
dev=                    # as utils/train_folds.sh has it [conf/dev_session.txt or conf/dev_talker.txt where models are chosen on somebody, else none]
nj=                     # folds at once
seeds=1                 # say "1 2 3": their spread is in the tables
retrain=false           # true: finished models that are not of what is asked for are trained anew
train_opts=             # more options of serin-train, --seed=2 say
decode_opts=--beam=8    # of serin-decode
estimate=10             # seconds to time each kind of network before it is trained; 0: no prediction
help_message="Usage: ./run.sh --iemocap DIR [--exp '1 2 13-15'] [--cv session|talker] [--hubert DIR --bert DIR] [--aec-data DIR]
  [--stage N] [--stop-stage N] [--retrain true|false] [--folds all|1,2] [--dev none|next|FILE] [--nj N] [--seeds '1 2 3']
  [--train-opts '...'] [--decode-opts '...']
  [--text-norm upper|none] [--counts FILE|''] [--estimate SECONDS]
Stages: 0 looks at the corpus, 1 prepares it, 2 predicts the cost, 3 trains, decodes and scores, 4 prints the paper's tables,
5 writes RESULTS.md. --stop-stage 2 tells the cost and trains nothing."
# shellcheck source=egs/utils/one_group.sh
. "$(dirname "$0")/utils/one_group.sh"
from=$PWD
command="egs/iemocap/run.sh$(printf ' %q' "$@")"
cd "$(dirname "$0")"
# shellcheck source=egs/iemocap/cmd.sh
. ./cmd.sh
_paths="iemocap hubert bert aec_data counts dev config"
# shellcheck source=egs/utils/parse_options.sh
. utils/parse_options.sh
# shellcheck source=egs/utils/reads.sh
. utils/reads.sh
# shellcheck source=egs/utils/setting.sh
. utils/setting.sh
# shellcheck source=egs/iemocap/path.sh
. ./path.sh
set -euo pipefail
die() { echo "$0: $1" >&2; exit 1; }

[[ $estimate =~ ^[0-9]+$ ]] || die "--estimate is a whole number of seconds, found \"$estimate\""
[[ $cv == session || $cv == talker ]] || die "--cv is session or talker, found \"$cv\""
kind=scratch
for d in hubert bert; do
  if [[ -z ${!d} ]]; then continue; fi
  [[ -f ${!d}/config.json ]] || die "${!d} holds no config.json: it is no folder of published weights"
  kind=pretrained
done
# Experiments ask for what they read.
while read -r what n; do
  option=$(if [[ $what == speech ]]; then echo hubert; else echo bert; fi)
  [[ $kind == scratch || -n ${!option} ]] || die "experiment $n reads $what: --$option is missing (--hubert and --bert go together where both are read)"
done < <(reads "$exp")
data=data/$cv dir=exp/$kind-$cv
# A speaker is kept from training where the model is chosen on somebody.
if [[ -z $dev ]] && needs_dev "conf/$kind/train.conf conf/$kind/exp.conf" "$train_opts"; then dev=conf/dev_$cv.txt; fi
experiments() {
  utils/run_experiments.sh --folds "$folds" --dev "${dev:-none}" --nj "$nj" --seeds "$seeds" \
    --train-opts "$train_opts" \
    --decode-opts "$decode_opts" --corpus "IEMOCAP, by $cv" --conf-dir "conf/$kind" --hubert "$hubert" --bert "$bert" --aec-data "$aec_data" \
    --clean true --retrain "$retrain" "$@" "$exp" "$data" "$dir"
}

if [ "$stage" -le 0 ] && [ "$stop_stage" -ge 0 ]; then
  echo "$0: stage 0: is it the corpus, and all of it?"
  [[ -n $iemocap ]] || die "--iemocap says where the corpus is (--help)"
  local/check_corpus.sh "$iemocap"
  # Checkpoints of a fold at full size: weights, both moments and the selected weights.
  if [[ $kind == pretrained ]]; then utils/need_disk.sh 40 exp; else utils/need_disk.sh 1 exp; fi
fi

if [ "$stage" -le 1 ] && [ "$stop_stage" -ge 1 ]; then
  echo "$0: stage 1: data directory"
  [[ -n $iemocap ]] || die "--iemocap says where the corpus is (--help)"
  local/prepare_data.sh --folds "$cv" --text-norm "$text_norm" --counts "$counts" "$iemocap" "$data"
fi

if [ "$stage" -le 2 ] && [ "$stop_stage" -ge 2 ] && [ "$estimate" -gt 0 ]; then
  echo "$0: stage 2: what experiments $exp will cost"
  experiments --estimate "$estimate"
fi

if [ "$stage" -le 3 ] && [ "$stop_stage" -ge 3 ]; then
  echo "$0: stage 3: experiments $exp"
  experiments
fi

if [ "$stage" -le 4 ] && [ "$stop_stage" -ge 4 ]; then
  echo "$0: stage 4: tables"
  utils/paper_tables.sh 1,2,3,4,5,6 "$dir"
fi

if [ "$stage" -le 5 ] && [ "$stop_stage" -ge 5 ]; then
  echo "$0: stage 5: RESULTS.md"
  utils/write_results.sh --title "IEMOCAP, folds by $cv, networks $kind" --command "$command" "$data" "$dir" > RESULTS.md.new
  mv RESULTS.md.new RESULTS.md
fi
