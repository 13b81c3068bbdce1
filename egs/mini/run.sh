#!/usr/bin/env bash
# The main job on a synthetic corpus: emotion, words, gender and style from speech, one network, trained from scratch,
# cross-validated by session. Takes minutes on two processors and needs no data but espeak-ng. With --exp it runs experiments of
# the paper instead, on a harder corpus (conf/hard.conf, conf/noisy.conf), and prints its tables.
stage=0
stop_stage=3
utts=                   # utterances of the corpus [1000; for experiments 1500]
corpus_opts=            # more options of local/make_corpus.sh
folds="1 2"             # of five: all, or numbers, or names
dev=none                # next: keep a speaker for choosing the model
nj=                     # folds at once
pretrain=               # none, speech, words or both: encoders first pre-trained on each fold's training part [speech; with --exp both]
more_sentences=20000    # generated text that pre-training on words reads besides
seeds=1                 # of experiments, say "1 2 3": their spread is in the tables
retrain=false           # true: finished models that are not of what is asked for are trained anew
train_opts=             # more options of serin-train, --seed=2 say
decode_opts=--beam=8    # of serin-decode
exp=                    # experiments of the paper, say "1 2 13-15"; utils/experiments.txt has their parts
noisy=auto              # with --exp: true: a corpus with noise and many errors of recognition; auto: for 30 to 37, in the place of MELD
data=                   # where corpus and data directory are made [data; with --exp data/hard, data/noisy]
dir=                    # where models and scores go [exp/joint; with --exp exp/hard, exp/noisy]
help_message="Usage: ./run.sh [--stage N] [--stop-stage N] [--utts N] [--corpus-opts '...']
  [--folds 1,2|all|Ses01,Ses04] [--dev none|next] [--nj N] [--train-opts '...'] [--decode-opts '...'] [--data DIR]
  [--dir DIR] [--exp '1 2 13-15'] [--noisy auto|true|false] [--seeds '1 2 3']
  [--pretrain none|speech|words|both] [--more-sentences 20000] [--retrain true|false]"
# shellcheck source=egs/utils/one_group.sh
. "$(dirname "$0")/utils/one_group.sh"
from=$PWD
cd "$(dirname "$0")"
args=("$@")
# shellcheck source=egs/mini/cmd.sh
. ./cmd.sh
_paths="data dir dev config"
# shellcheck source=egs/utils/parse_options.sh
. utils/parse_options.sh
# shellcheck source=egs/mini/path.sh
. ./path.sh
# shellcheck source=egs/utils/words.sh
. utils/words.sh
set -euo pipefail
corpus_words=()
split_words corpus_words "$corpus_opts"

# Experiments of MELD's part of the paper have a corpus of their own.
if [[ -n $exp && $noisy == auto ]]; then
  clean="" late=""
  for word in ${exp//,/ }; do
    if [[ $word =~ ^0*([1-9][0-9]?)(-0*([1-9][0-9]?))?$ ]]; then
      for ((n = BASH_REMATCH[1]; n <= ${BASH_REMATCH[3]:-BASH_REMATCH[1]}; n++)); do
        if ((n >= 30 && n <= 37)); then late+=" $n"; else clean+=" $n"; fi
      done
    else
      clean+=" $word"   # run_experiments.sh says what is wrong with it
    fi
  done
  if [[ -n $clean && -n $late ]]; then
    [[ -z $data$dir ]] || { echo "$0: --exp \"$exp\" is of two corpora: leave out --data and --dir, or set --noisy" >&2; exit 1; }
    run=$PWD/run.sh
    cd "$from"
    "$run" "${args[@]}" --exp "$clean" --noisy false
    exec "$run" "${args[@]}" --exp "$late" --noisy true
  fi
  if [[ -n $late ]]; then noisy=true; fi
fi
if [[ $noisy == auto ]]; then noisy=false; fi
[[ $noisy == true || $noisy == false ]] || { echo "$0: --noisy is auto, true or false, found \"$noisy\"" >&2; exit 1; }

corpus_conf="" has="" name=synthetic
if [ -n "$exp" ]; then
  set=hard
  if $noisy; then set=noisy has=meld name="synthetic, noisy"; fi
  corpus_conf=conf/$set.conf pretrain=${pretrain:-both} data=${data:-data/$set} dir=${dir:-exp/$set}
elif $noisy; then
  echo "$0: --noisy true needs --exp" >&2
  exit 1
fi
pretrain=${pretrain:-speech} data=${data:-data} dir=${dir:-exp/joint}

if [ "$stage" -le 0 ] && [ "$stop_stage" -ge 0 ]; then
  echo "$0: stage 0: espeak-ng speaks the corpus, laid out as IEMOCAP is"
  local/make_corpus.sh ${corpus_conf:+--config "$corpus_conf"} ${utts:+--utts "$utts"} --nj "$(nproc)" --cmd "$train_cmd" \
    "${corpus_words[@]}" "$data/corpus"
fi

if [ "$stage" -le 1 ] && [ "$stop_stage" -ge 1 ]; then
  echo "$0: stage 1: data directory, by the recipe for IEMOCAP"
  case $data in /*) here="" ;; *) here=$PWD/ ;; esac
  (cd ../iemocap && local/prepare_data.sh "$here$data/corpus" "$here$data/all")
fi
if [ "$stop_stage" -ge 2 ]; then name="$name, $(wc -l < "$data/all/utt2emo") utterances"; fi

more_text=
if [[ $pretrain == words || $pretrain == both ]] && ((more_sentences > 0)); then
  more_text=$data/more_text
  if [ "$stage" -le 1 ] && [ "$stop_stage" -ge 1 ]; then
    local/make_text.sh ${corpus_conf:+--config "$corpus_conf"} --sentences "$more_sentences" "${corpus_words[@]}" "$more_text"
  fi
fi

if [ -n "$exp" ]; then
  if [ "$stage" -le 2 ] && [ "$stop_stage" -ge 2 ]; then
    echo "$0: stage 2: experiments $exp"
    utils/run_experiments.sh --folds "$folds" --dev "$dev" --nj "$nj" --seeds "$seeds" --retrain "$retrain" --train-opts "$train_opts" \
      --pretrain "$pretrain" --more-text "$more_text" \
      --decode-opts "$decode_opts" --has "$has" --corpus "$name" "$exp" "$data/all" "$dir"
  fi
  if [ "$stage" -le 3 ] && [ "$stop_stage" -ge 3 ]; then
    echo "$0: stage 3: tables"
    utils/figures.sh "$data/all" "$dir"
    local/tables.sh "$dir"
  fi
  exit 0
fi

if [ "$stage" -le 2 ] && [ "$stop_stage" -ge 2 ]; then
  echo "$0: stage 2: training and decoding"
  utils/train_folds.sh --folds "$folds" --dev "$dev" --nj "$nj" --retrain "$retrain" --pretrain "$pretrain" --more-text "$more_text" \
    --train-opts "$train_opts" --decode-opts "$decode_opts" "$data/all" "$dir"
fi

if [ "$stage" -le 3 ] && [ "$stop_stage" -ge 3 ]; then
  echo "$0: stage 3: scores"
  utils/score_folds.sh --corpus "$name" "$data/all" "$dir"
fi
