#!/usr/bin/env bash
# Any Kaldi data directory with wav.scp and utt2emo, and what else there is of text, utt2spk, utt2gender, utt2style, utt2fold: a
# cross-validated score, a report, and a model trained on all of it. docs/your-corpus.md goes through it.
stage=1
stop_stage=4
data=
folds=5                 # made of speakers where there is no utt2fold
name=                   # of the results: data/NAME, exp/NAME [the directory's]
hubert=                 # folder of published weights of HuBERT; else a small network from scratch
nj=                     # folds at once
retrain=false           # true: finished models that are not of what is asked for are trained anew
train_opts=             # more options of serin-train
decode_opts=--beam=8    # of serin-decode
pipes=false             # true: wav.scp has commands, which are run
text_norm=upper,nfc,tags,punctuation,collapse
help_message="Usage: ./run.sh --data DIR [--folds K] [--name NAME] [--hubert DIR] [--stage N] [--stop-stage N] [--nj N]
  [--train-opts '...'] [--decode-opts '...'] [--text-norm upper,…|none] [--pipes true|false] [--retrain true|false]
Stages: 1 checks and copies the directory, 2 trains and decodes fold by fold, 3 scores, 4 trains a model on everything."
# shellcheck source=egs/utils/one_group.sh
. "$(dirname "$0")/utils/one_group.sh"
from=$PWD
command="egs/generic/run.sh$(printf ' %q' "$@")"
cd "$(dirname "$0")"
# shellcheck source=egs/generic/cmd.sh
. ./cmd.sh
_paths="data hubert config"
# shellcheck source=egs/utils/parse_options.sh
. utils/parse_options.sh
# shellcheck source=egs/generic/path.sh
. ./path.sh
# shellcheck source=egs/utils/words.sh
. utils/words.sh
# shellcheck source=egs/utils/hold.sh
. utils/hold.sh
# shellcheck source=egs/utils/stamp.sh
. utils/stamp.sh
# shellcheck source=egs/utils/lone_labels.sh
. utils/lone_labels.sh
set -euo pipefail
die() { echo "$0: $1" >&2; exit 1; }

[[ -n $data ]] || die "--data says where the data directory is (--help)"
data=$(realpath "$data")
name=${name:-$(basename "$data")}
all=data/$name exp=exp/$name
conf=conf/train.conf
if [[ -n $hubert ]]; then
  [[ -f $hubert/config.json ]] || die "$hubert holds no config.json: it is no folder of published weights"
  conf+=" conf/pretrained.conf"
  train_opts="$(quote_words --init-model="$hubert") $train_opts"
fi

hold "data/.$name.lock"
if [ "$stage" -le 1 ] && [ "$stop_stage" -ge 1 ]; then
  echo "$0: stage 1: data directory"
  local/prepare_data.sh --base "$from" --folds "$folds" --pipes "$pipes" --text-norm "$text_norm" "$data" "$all"
fi
# Tasks without a table, or with one label only in what is trained for a fold, are off.
mapfile -t parts < <(awk '{ print $2 }' "$all/utt2fold" | sort -u)
for task in ctc/text gender/utt2gender style/utt2style; do
  table=${task#*/}
  if [[ ! -f $all/$table ]] || { [[ $task != ctc/* ]] && lone_labels "$all/$table" "$all/utt2fold" none "${parts[@]}" | grep -q ' -$'; }; then
    if [[ -f $all/$table ]]; then echo "$0: $table has one label only in what is trained for a fold: ${task%/*} is left out"; fi
    train_opts="--lambda-${task%/*}=0 $train_opts"
  fi
done

if [ "$stage" -le 2 ] && [ "$stop_stage" -ge 2 ]; then
  echo "$0: stage 2: training and decoding"
  utils/train_folds.sh --conf "$conf" --nj "$nj" --clean true --retrain "$retrain" --train-opts "$train_opts" --decode-opts "$decode_opts" "$all" "$exp"
fi

if [ "$stage" -le 3 ] && [ "$stop_stage" -ge 3 ]; then
  echo "$0: stage 3: scores"
  utils/score_folds.sh --corpus "$name" "$all" "$exp"
  utils/write_results.sh --title "$name" --command "$command" "$all" "$exp" > "$exp/RESULTS.md"
fi

if [ "$stage" -le 4 ] && [ "$stop_stage" -ge 4 ]; then
  echo "$0: stage 4: a model of everything"
  confs=() words=()
  split_words confs "$conf"
  split_words words "$train_opts"
  train=(serin-train "${confs[@]/#/--config=}" "${words[@]}" "$all" "$exp/model")
  stamp=$(printf 'command: %s\nconfiguration: %s\ndata: %s' "$(quote_words "${train[@]}")" "$(cat "${confs[@]}" | cksum)" \
    "$(cat "$all"/{wav.scp,text,segments,utt2*} 2> /dev/null | cksum)")
  if ! is_finished "$exp/model" "$stamp"; then
    if [[ -f $exp/model/done ]]; then rm -rf "$exp/model"; fi
    $train_cmd --quote true --num-threads "$(nproc)" "$exp/log/train.all.log" "${train[@]}"
    echo "$stamp" > "$exp/model/done"
    rm -rf "$exp/model/checkpoints"
  fi
  echo "the model: $PWD/$exp/model; try: serin-recognize $PWD/$exp/model SOUND"
fi
