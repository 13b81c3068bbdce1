#!/usr/bin/env bash
# Emotion, words and gender from real speech: the Berlin database, one network from scratch, each of its ten speakers
# in turn left out. --emodb is the folder as its publisher ships it (wav/*.wav), or one with a folder per emotion.
stage=1
stop_stage=3
emodb=
classes=4               # 4: ang hap neu sad; 7: and bor dis fea
folds=all               # all, or numbers (1 is the first), or speakers
dev=none                # next: keep a speaker for choosing the model
nj=                     # folds at once
pretrain=none           # speech: the encoder is first pre-trained on the training part of each fold
counts=true             # false: a corpus that is not complete, too
retrain=false           # true: finished models that are not of what is asked for are trained anew
train_opts=             # more options of serin-train, --seed=2 say
decode_opts=--beam=8    # of serin-decode
dir=exp/joint
help_message="Usage: ./run.sh --emodb DIR [--stage N] [--stop-stage N] [--classes 4|7] [--folds all|1,2|03,08]
  [--dev none|next] [--nj N] [--train-opts '...'] [--decode-opts '...'] [--dir exp/joint] [--pretrain none|speech] [--retrain true|false] [--counts true|false]"
# shellcheck source=egs/utils/one_group.sh
. "$(dirname "$0")/utils/one_group.sh"
from=$PWD
cd "$(dirname "$0")"
# shellcheck source=egs/emodb/cmd.sh
. ./cmd.sh
_paths="emodb dev dir config"
# shellcheck source=egs/utils/parse_options.sh
. utils/parse_options.sh
# shellcheck source=egs/emodb/path.sh
. ./path.sh
set -euo pipefail
data=data/all$classes

if [ "$stage" -le 1 ] && [ "$stop_stage" -ge 1 ]; then
  [ -n "$emodb" ] || { echo "$0: --emodb says where the corpus is (--help)" >&2; exit 1; }
  echo "$0: stage 1: data directory"
  local/prepare_data.sh --counts "$counts" --classes "$classes" "$emodb" "$data"
fi

if [ "$stage" -le 2 ] && [ "$stop_stage" -ge 2 ]; then
  echo "$0: stage 2: training and decoding, a speaker at a time"
  utils/train_folds.sh --folds "$folds" --dev "$dev" --nj "$nj" --retrain "$retrain" --pretrain "$pretrain" \
    --train-opts "$train_opts" --decode-opts "$decode_opts" "$data" "$dir"
fi

if [ "$stage" -le 3 ] && [ "$stop_stage" -ge 3 ]; then
  echo "$0: stage 3: scores"
  utils/score_folds.sh --corpus "EmoDB, $classes classes" "$data" "$dir"
fi
