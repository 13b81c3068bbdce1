#!/usr/bin/env bash
# The main job on a synthetic corpus: emotion, words, gender and style from speech, one network, trained from scratch,
# cross-validated by session. Takes minutes on two processors and needs no data but espeak-ng. With --exp it runs experiments of
# the paper instead, and prints its tables.
stage=0
stop_stage=3
utts=1000               # utterances of the corpus; more of its options: --corpus-opts, see local/make_corpus.sh
corpus_opts=
folds="1 2"             # of five: all, or numbers, or names
dev=none                # next: keep a speaker for choosing the model
nj=                     # folds at once
train_opts=             # more options of serin-train, --seed=2 say
decode_opts=--beam=8    # of serin-decode
dir=exp/joint
exp=                    # experiments of the paper, say "1 2 13-15"; utils/experiments.txt has their parts
help_message="Usage: ./run.sh [--stage N] [--stop-stage N] [--utts 1000] [--corpus-opts '...']
  [--folds 1,2|all|Ses01,Ses04] [--dev none|next] [--nj N] [--train-opts '...'] [--decode-opts '...'] [--dir exp/joint]
  [--exp '1 2 13-15']"
cd "$(dirname "$0")"
# shellcheck source=egs/mini/cmd.sh
. ./cmd.sh
# shellcheck source=egs/utils/parse_options.sh
. utils/parse_options.sh
# shellcheck source=egs/mini/path.sh
. ./path.sh
set -euo pipefail

if [ "$stage" -le 0 ] && [ "$stop_stage" -ge 0 ]; then
  echo "$0: stage 0: espeak-ng speaks the corpus, laid out as IEMOCAP is"
  # shellcheck disable=SC2086
  local/make_corpus.sh --utts "$utts" --nj "$(nproc)" --cmd "$train_cmd" $corpus_opts data/corpus
fi

if [ "$stage" -le 1 ] && [ "$stop_stage" -ge 1 ]; then
  echo "$0: stage 1: data directory, by the recipe for IEMOCAP"
  (cd ../iemocap && local/prepare_data.sh "$OLDPWD/data/corpus" "$OLDPWD/data/all")
fi

if [ -n "$exp" ]; then
  if [ "$stage" -le 2 ] && [ "$stop_stage" -ge 2 ]; then
    echo "$0: stage 2: experiments $exp"
    utils/run_experiments.sh --folds "$folds" --dev "$dev" --nj "$nj" --train-opts "$train_opts" \
      --decode-opts "$decode_opts" --corpus "synthetic, $utts utterances" "$exp" data/all exp
  fi
  if [ "$stage" -le 3 ] && [ "$stop_stage" -ge 3 ]; then
    echo "$0: stage 3: tables"
    local/tables.sh exp > exp/tables.txt
    cat exp/tables.txt
  fi
  exit 0
fi

if [ "$stage" -le 2 ] && [ "$stop_stage" -ge 2 ]; then
  echo "$0: stage 2: training and decoding"
  utils/train_folds.sh --folds "$folds" --dev "$dev" --nj "$nj" \
    --train-opts "$train_opts" --decode-opts "$decode_opts" data/all "$dir"
fi

if [ "$stage" -le 3 ] && [ "$stop_stage" -ge 3 ]; then
  echo "$0: stage 3: scores"
  utils/score_folds.sh --corpus "synthetic, $utts utterances" data/all "$dir"
fi
