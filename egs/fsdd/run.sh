#!/usr/bin/env bash
# Spoken English digits, spelled by CTC: the Free Spoken Digit Dataset, its own split (recordings 0 to 4 of each digit
# and speaker are the test). --fsdd is the folder with recordings/.
stage=1
stop_stage=3
fsdd=
counts=true             # false: a corpus that is not complete, too
retrain=false           # true: finished models that are not of what is asked for are trained anew
train_opts=             # more options of serin-train, --seed=2 say
decode_opts=--beam=8    # of serin-decode
dir=exp/ctc
help_message="Usage: ./run.sh --fsdd DIR [--stage N] [--stop-stage N]
  [--train-opts '...'] [--decode-opts '...'] [--dir exp/ctc] [--retrain true|false] [--counts true|false]"
# shellcheck source=egs/utils/one_group.sh
. "$(dirname "$0")/utils/one_group.sh"
from=$PWD
cd "$(dirname "$0")"
# shellcheck source=egs/fsdd/cmd.sh
. ./cmd.sh
_paths="fsdd dir config"
# shellcheck source=egs/utils/parse_options.sh
. utils/parse_options.sh
# shellcheck source=egs/fsdd/path.sh
. ./path.sh
set -euo pipefail

if [ "$stage" -le 1 ] && [ "$stop_stage" -ge 1 ]; then
  [ -n "$fsdd" ] || { echo "$0: --fsdd says where the corpus is (--help)" >&2; exit 1; }
  echo "$0: stage 1: data directory"
  local/prepare_data.sh --counts "$counts" "$fsdd" data/all
fi

if [ "$stage" -le 2 ] && [ "$stop_stage" -ge 2 ]; then
  echo "$0: stage 2: training and decoding"
  utils/train_folds.sh --folds test --retrain "$retrain" --train-opts "$train_opts" --decode-opts "$decode_opts" data/all "$dir"
fi

if [ "$stage" -le 3 ] && [ "$stop_stage" -ge 3 ]; then
  echo "$0: stage 3: scores"
  utils/score_folds.sh --corpus FSDD data/all "$dir"
fi
