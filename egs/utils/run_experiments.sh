#!/usr/bin/env bash
# Trains and scores experiments of the paper, each in <exp-dir>/expNN (with another seed than 1 in <exp-dir>/seedN/expNN), those
# they go on from before them. Started again, it does what is missing. experiments.txt says which parts each has; train.conf,
# exp.conf and, for second stages, stage2.conf of --conf-dir say what this corpus makes of them.
folds=all               # these, to more_text, as train_folds.sh has them
dev=none
nj=
seeds=1                 # of the weights and of training, say "1 2 3"; pre-training is done once, the corrector made with each
train_opts=
decode_opts=
clean=false
retrain=false           # true: finished models that are not of what is asked for are trained anew
pretrain=none
more_text=
conf_dir=conf
hubert=                 # folder of published weights that speech begins with
bert=                   # that words begin with; else WordPieces are made of the training texts
aec_data=               # pairs for the corrector besides (egs/commonvoice)
estimate=0              # seconds: instead of training, time each kind of experiment for so long and tell what all of it will take
corpus=                 # its name, for the tables
has=                    # what of the column "needs" of experiments.txt is there, say "meld,pretrained"
help_message='Usage: utils/run_experiments.sh [options] "<experiments>" <data-dir> <exp-dir>
e.g.:  utils/run_experiments.sh --folds 1,2 "1 2 13-15 17" data/all exp
Options: --folds all|1,2 --dev none|next --nj N --seeds "1 2 3" --train-opts "" --decode-opts "" --corpus NAME --has ""
  --conf-dir conf --hubert DIR --bert DIR --aec-data DIR --estimate SECONDS --clean true|false --retrain true|false
  --pretrain none|speech|words|both --more-text FILE'
# shellcheck source=egs/utils/one_group.sh
. utils/one_group.sh
# shellcheck source=egs/utils/parse_options.sh
. utils/parse_options.sh
# shellcheck source=egs/utils/words.sh
. utils/words.sh
# shellcheck source=egs/utils/setting.sh
. utils/setting.sh
# shellcheck source=egs/utils/hold.sh
. utils/hold.sh
# shellcheck source=egs/utils/folds.sh
. utils/folds.sh
# shellcheck source=egs/utils/dev_speaker.sh
. utils/dev_speaker.sh
set -euo pipefail
export LC_ALL=C

[[ $# -eq 3 ]] || { echo "$help_message" >&2; exit 1; }
asked=$1 data=$2 exp=$3
die() { echo "$0: $1" >&2; exit 1; }

declare -A after needs tasks options
while read -r n a w t o; do
  [[ -n $n && $n != \#* ]] || continue
  after[$n]=$a needs[$n]=$w tasks[$n]=$t options[$n]=$o
done < utils/experiments.txt

if [[ -f $conf_dir/aec.conf ]]; then has+=,aec; fi
if [[ -n $hubert || $pretrain == @(speech|both) ]]; then has+=,pretrained; fi

# ---- what is asked for, and whether it can be run: all of it is checked before any of it begins
chosen=()
for word in ${asked//,/ }; do
  [[ $word =~ ^0*([1-9][0-9]?)(-0*([1-9][0-9]?))?$ ]] || die "\"$word\" is no experiment: give numbers from 1 to 37, or ranges as 13-15"
  for ((n = BASH_REMATCH[1]; n <= ${BASH_REMATCH[3]:-BASH_REMATCH[1]}; n++)); do
    [[ -v after[$n] ]] || die "there is no experiment $n; the paper has 1 to 37"
    chosen+=("$n")
  done
done
[[ ${#chosen[@]} -gt 0 ]] || die "no experiment is asked for"
[[ $seeds =~ ^[1-9][0-9]*([\ ,]+[1-9][0-9]*)*$ ]] || die "--seeds are numbers from 1, found \"$seeds\""

declare -A meaning=(
  [aec]="$conf_dir/aec.conf, the settings of the corrector"
  [meld]="the MELD corpus, and this is another"
  [pretrained]="an encoder that was trained before, published or by --pretrain speech: adapters alone cannot teach a random one"
)
lacks() {               # experiment: a line for each thing it needs that is not there, and so for those it goes on from
  local n=$1 need task table
  for need in ${needs[$n]//,/ }; do
    if [[ $need != - && ,$has, != *,$need,* ]]; then echo "${meaning[$need]}"; fi
  done
  for task in ${tasks[$n]//,/ }; do
    case $task in emotion) table=utt2emo ;; ctc | cl) table=text ;; gender | style) table=utt2$task ;; *) continue ;; esac
    if [[ ! -f $data/$table ]]; then echo "$data/$table"; fi
  done
  if [[ ${after[$n]} != - ]]; then lacks "${after[$n]#=}"; fi
}
refused=0
for n in "${chosen[@]}"; do
  while read -r what; do
    echo "$0: experiment $n needs $what" >&2
    refused=1
  done < <(lacks "$n" | sort -u)
done
((refused == 0)) || die "nothing was begun; leave these out of \"$asked\""
shopt -s nullglob
if [[ $dev == none ]] && needs_dev "$(quote_words "$conf_dir"/{train,exp,stage2}.con[f])" "$train_opts"; then
  die "$conf_dir chooses models on development data (select=best, patience), and --dev is none"
fi
shopt -u nullglob

# ---- running
name_of() { local n=${1%%-*}; printf 'exp%02d%s' "$n" "${1#"$n"}"; }

lambdas() {             # tasks: those that are not among them weigh nothing
  local task
  for task in emotion ctc gender style; do
    [[ ,$1, == *,$task,* ]] || printf -- '--lambda-%s=0 ' "$task"
  done
  if [[ ,$1, == *,cl,* ]]; then printf -- '--lambda-cl=0.1 '; fi
}

# Sets conf, fold_opts (of train_folds.sh) and train (of serin-train) for an experiment.
prepare() {
  local n=$1 before=${after[$1]#=} words=false
  if [[ ${options[$n]} == *--input=[bt]* ]]; then words=true; fi
  conf=$(quote_words "$conf_dir/train.conf") fold_opts=()
  train="$(lambdas "${tasks[$n]}")${options[$n]}"
  if ((estimate > 0)); then train=${train% --aec=frozen*}; fi    # there is none yet, and it costs little beside the rest
  if [[ -f $conf_dir/exp.conf ]]; then conf+=" $(quote_words "$conf_dir/exp.conf")"; fi
  if [[ $before != - ]]; then
    conf+=" $(quote_words "$conf_dir/stage2.conf")"
    fold_opts=(--init-exp "$exp/$(name_of "$before")")
  else
    if [[ -n $hubert && ${options[$n]} != *--input=text* ]]; then train+=" $(quote_words --init-model="$hubert")"; fi
    if [[ $train == *--aec=* ]]; then fold_opts=(--init-aec "$exp/aec")
    elif $words && [[ -n $bert ]]; then train+=" $(quote_words --init-bert="$bert")"; elif $words; then fold_opts=(--pieces true); fi
  fi
  train+=" $train_opts"
}

# The corrector of each fold, which all experiments share, and before it the encoders that it and its recognisers begin with.
make_aec() {
  [[ ! -v finished[aec] ]] || return 0
  finished[aec]=1
  echo "$0: the corrector"
  if [[ $pretrain != none ]]; then
    utils/train_folds.sh --conf "$conf" --folds "$folds" --dev "$dev" --nj "$nj" --pretrain "$pretrain" --more-text "$more_text" \
      --pieces true --only-pretrain true --retrain "$retrain" "$data" "$exp/aec"
  fi
  utils/train_aec.sh --conf "$conf" --aec-conf "$conf_dir/aec.conf" --aec-data "$aec_data" --bert "$bert" --pretrain "$pretrain" --folds "$folds" \
    --dev "$dev" --nj "$nj" --clean "$clean" --retrain "$retrain" \
    --train-opts "--input=speech --lambda-gender=0 --lambda-style=0${hubert:+ $(quote_words --init-model="$hubert")} $train_opts" "$data" "$exp/aec"
}

declare -A finished
run() {                 # experiment
  local n=$1 name before conf fold_opts train
  name=$(name_of "$n")
  [[ ! -v finished[$n] ]] || return 0
  before=${after[$n]#=}
  if [[ $before != - ]]; then run "$before"; fi
  finished[$n]=1
  if [[ ${after[$n]} == =* ]]; then
    ln -sfn "$(name_of "$before")" "$exp/$name"
    return
  fi
  prepare "$n"
  if [[ ${options[$n]} == *--aec=* ]]; then make_aec; fi
  echo "$0: experiment $n"
  (
    hold "$exp/$name/.lock"
    utils/train_folds.sh --conf "$conf" --folds "$folds" --dev "$dev" --nj "$nj" --clean "$clean" --retrain "$retrain" --pretrain "$pretrain" \
      --more-text "$more_text" "${fold_opts[@]}" \
      --decode-opts "$decode_opts" --train-opts "$train" "$data" "$exp/$name"
    utils/score_folds.sh --corpus "$corpus" "$data" "$exp/$name"
  )
}

run_seed() {            # seed: into the folder that is its own
  local n exp=$exp train_opts=$train_opts
  finished=()
  if (($1 > 1)); then exp+=/seed$1 train_opts+=" --seed=$1"; fi
  mkdir -p "$exp"
  for n in "${chosen[@]}"; do run "$n"; done
}

mkdir -p "$exp"
if ((estimate > 0)); then
  # shellcheck source=egs/utils/estimate.sh
  . utils/estimate.sh
  for n in "${chosen[@]}"; do tell_cost "$n"; done
  if [[ $seeds == *[,\ ]* ]]; then echo "for each of the seeds $seeds, which are counted in what follows"; fi
  sum=$(awk -v sum="$sum" -v n="$(wc -w <<< "${seeds//,/ }")" 'BEGIN { print n * sum }')
  tell_sum
  exit
fi
for seed in ${seeds//,/ }; do run_seed "$seed"; done
