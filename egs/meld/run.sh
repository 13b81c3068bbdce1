#!/usr/bin/env bash
# The paper's experiments on MELD (30 to 37), from MELD.Raw.tar.gz or its folder to RESULTS.md: trained on its train, chosen on its
# dev, scored on its test. With the folders of published weights the networks have the paper's sizes; without, they are small
# ones from scratch.
stage=0
stop_stage=5
meld=                   # MELD.Raw.tar.gz, or a folder with it, or with what is in it; it is only read
exp="30 32-34"          # experiments of the paper; utils/experiments.txt has their parts. 32 alone needs no sound
hubert=                 # folder of HuBERT's weights (large)
bert=                   # of BERT's (base, uncased)
aec_data=               # what egs/commonvoice/run.sh made for the corrector
counts=conf/full_release.counts     # what must be found; "": anything
nj=                     # jobs that extract sound
seeds=1                 # say "1 2 3": their spread is in the tables
retrain=false           # true: finished models that are not of what is asked for are trained anew
train_opts=             # more options of serin-train, --seed=2 say
decode_opts=--beam=8    # of serin-decode
estimate=10             # seconds to time each kind of network before it is trained; 0: no prediction
help_message="Usage: ./run.sh --meld DIR|MELD.Raw.tar.gz [--exp '30 32-34'] [--hubert DIR --bert DIR] [--aec-data DIR] [--stage N] [--stop-stage N]
  [--retrain true|false] [--nj N] [--seeds '1 2 3'] [--train-opts '...'] [--decode-opts '...'] [--counts FILE|''] [--estimate SECONDS]
Stages: 0 unpacks what is packed (into corpus/) and makes the tables, 1 extracts the sound (ffmpeg), 2 predicts the cost, 3 trains,
decodes and scores, 4 prints the paper's tables, 5 writes RESULTS.md."
# shellcheck source=egs/utils/one_group.sh
. "$(dirname "$0")/utils/one_group.sh"
from=$PWD
command="egs/meld/run.sh$(printf ' %q' "$@")"
cd "$(dirname "$0")"
# shellcheck source=egs/meld/cmd.sh
. ./cmd.sh
_paths="meld hubert bert aec_data counts config"
# shellcheck source=egs/utils/parse_options.sh
. utils/parse_options.sh
# shellcheck source=egs/utils/reads.sh
. utils/reads.sh
# shellcheck source=egs/meld/path.sh
. ./path.sh
set -euo pipefail
die() { echo "$0: $1" >&2; exit 1; }

[[ $estimate =~ ^[0-9]+$ ]] || die "--estimate is a whole number of seconds, found \"$estimate\""
kind=scratch
for d in hubert bert; do
  if [[ -z ${!d} ]]; then continue; fi
  [[ -f ${!d}/config.json ]] || die "${!d} holds no config.json: it is no folder of published weights"
  kind=pretrained
done
# Experiments ask for what they read.
sound=false
while read -r what n; do
  if [[ $what == speech ]]; then sound=true option=hubert; else option=bert; fi
  [[ $kind == scratch || -n ${!option} ]] || die "experiment $n reads $what: --$option is missing (--hubert and --bert go together where both are read)"
done < <(reads "$exp")
data=data/all dir=exp/$kind
experiments() {
  utils/run_experiments.sh --folds test --dev dev --seeds "$seeds" --train-opts "$train_opts" --decode-opts "$decode_opts" \
    --corpus "MELD" --has meld --conf-dir "conf/$kind" --hubert "$hubert" --bert "$bert" --aec-data "$aec_data" --clean true --retrain "$retrain" "$@" "$exp" "$data" "$dir"
}

if [ "$stage" -le 0 ] && [ "$stop_stage" -ge 0 ]; then
  echo "$0: stage 0: tables"
  [[ -n $meld ]] || die "--meld says where the corpus is (--help)"
  mkdir -p data
  if $sound && [[ ! -d corpus ]]; then utils/need_disk.sh 25 corpus; fi
  local/find_corpus.sh "$meld" corpus $sound > data/parts
  local/prepare_data.sh --counts "$counts" data/parts "$data"
fi

if [ "$stage" -le 1 ] && [ "$stop_stage" -ge 1 ] && $sound; then
  echo "$0: stage 1: sound"
  utils/need_disk.sh 3 data
  local/make_audio.sh --nj "$nj" --cmd "$train_cmd" "$data" data/sounds
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
  utils/paper_tables.sh 7,8 "$dir"
fi

if [ "$stage" -le 5 ] && [ "$stop_stage" -ge 5 ]; then
  echo "$0: stage 5: RESULTS.md"
  utils/write_results.sh --title "MELD, networks $kind" --command "$command" --tables 7,8 "$data" "$dir" > RESULTS.md.new
  mv RESULTS.md.new RESULTS.md
fi
