#!/usr/bin/env bash
# Cross-validation: for each fold of utt2fold, trains on the other folds and decodes this one. Writes <exp-dir>/<fold>
# (the model), <exp-dir>/<fold>/decode, <exp-dir>/log, and <exp-dir>/folds, the names of the folds. Started again, it
# goes on where it was. A model whose options, configuration and data are those of <exp-dir>/<fold>/done is left alone, and so are
# its answers where those of decoding are as <exp-dir>/<fold>/decode/done says; a finished model of others is not overwritten.
conf=conf/train.conf    # one or more, a list of words.sh; what a later one says wins
folds=all               # all, or names of folds, or their numbers (1 is the first), with spaces or commas
dev=none                # kept from training, to choose the model on: next, the first speaker behind the test speakers; a fold; or a
                        # file with a fold and its speaker a line
init_exp=               # for a second stage: an experiment whose model of the same fold to go on from
init_aec=               # folder of train_aec.sh: each fold's corrector
pieces=false            # true: BERT's WordPieces are made of the training texts of the fold
pretrain=none           # speech, words or both: encoders are pre-trained on the training part of the fold, by pretrain.sh
more_text=              # words: a text that BERT reads besides
only_pretrain=false     # true: that is all that is done
clean=false             # true: checkpoints of a fold that is done, and its warm-up, are removed; at full size they are several GB
retrain=false           # true: finished models that are not of what is asked for are trained anew
train_opts=             # more options of serin-train
decode_opts=            # of serin-decode
nj=                     # folds at once [as many as processors; on a cluster all]
threads=                # of each [processors / nj; on a cluster 1]
train_cmd=${train_cmd:-utils/run.pl}
decode_cmd=${decode_cmd:-utils/run.pl}
help_message="Usage: utils/train_folds.sh [options] <data-dir> <exp-dir>
e.g.:  utils/train_folds.sh --folds 1,2 data/all exp/joint
Options: --conf conf/train.conf --folds all|1,2 --dev none|next|FOLD|FILE --train-opts '' --decode-opts '' --nj N
  --threads N --init-exp exp/stage1 --init-aec exp/aec --pieces true|false --pretrain none|speech|words|both --more-text FILE
  --only-pretrain true|false --clean true|false --retrain true|false"
# shellcheck source=egs/utils/one_group.sh
. utils/one_group.sh
# shellcheck source=egs/utils/parse_options.sh
. utils/parse_options.sh
# shellcheck source=egs/utils/dev_speaker.sh
. utils/dev_speaker.sh
# shellcheck source=egs/utils/folds.sh
. utils/folds.sh
# shellcheck source=egs/utils/words.sh
. utils/words.sh
# shellcheck source=egs/utils/setting.sh
. utils/setting.sh
# shellcheck source=egs/utils/hold.sh
. utils/hold.sh
# shellcheck source=egs/utils/lone_labels.sh
. utils/lone_labels.sh
# shellcheck source=egs/utils/stamp.sh
. utils/stamp.sh
set -euo pipefail
export LC_ALL=C

[[ $# -eq 2 ]] || { echo "$help_message" >&2; exit 1; }
data=$1 exp=$2
die() { echo "$0: $1" >&2; exit 1; }
[[ -s $data/utt2fold ]] || die "$data/utt2fold is missing or empty"
confs=()
split_words confs "$conf"
[[ ${#confs[@]} -gt 0 ]] || die "--conf names no configuration"
for f in "${confs[@]}"; do [[ -r $f ]] || die "cannot read $f, which --conf names"; done
beside=$(dirname "${confs[0]}")
choose_folds "$data" "$folds"
train_words=() decode_words=()
split_words train_words "$train_opts"
split_words decode_words "$decode_opts"
[[ $dev == none || $dev == next || -f $dev ]] || is_fold "$dev" ||
  die "--dev is none, next, a file or a fold of $data/utt2fold (${all[*]}), found \"$dev\""
[[ $pretrain =~ ^(none|speech|words|both)$ ]] || die "--pretrain is none, speech, words or both, found \"$pretrain\""
hold "$exp/.lock"
# Published figures are often of the best epoch on the test data; score_folds.sh says so wherever it prints such, and
# where the first stage was chosen so.
select=$(setting select "$conf" "$train_opts")
[[ $select != test || $dev == none ]] || is_fold "$dev" || die "--select=test chooses the epoch on the test data: leave out --dev $dev"
if [[ $dev == none && $select != test ]] && ! $only_pretrain && needs_dev "$conf" "$train_opts"; then
  die "the model is chosen on development data (select=best, patience), and --dev is none: next, a fold or a file expected, or --train-opts --select=last"
fi
before=
if [[ -n $init_exp && -f $init_exp/select ]]; then before=$(< "$init_exp/select"); fi
if [[ $before == test ]]; then before="test"; else before=${select:-last}; fi
processors=$(nproc)
if [[ $train_cmd != *run.pl* ]]; then
  nj=${nj:-${#chosen[@]}} threads=${threads:-1}
else
  nj=${nj:-$((${#chosen[@]} < processors ? ${#chosen[@]} : processors))}
  threads=${threads:-$((processors / nj > 0 ? processors / nj : 1))}
fi

# ---- who is trained on, chosen on and tested: $data/folds/F/{train,dev,test}

make_parts() {          # fold, folder
  local part
  for part in train dev test; do
    fold=$1 part=$part dev=$dev awk '
      ENVIRON["part"] == ($2 == ENVIRON["fold"] ? "test" : $2 == ENVIRON["dev"] ? "dev" : "train") { print $1 }' "$data/utt2fold" > "$2/utts"
    if [[ -s $2/utts ]]; then utils/subset_data_dir.sh --utt-list "$2/utts" "$data" "$2/$part" > /dev/null; fi
  done
}
same_tables() {         # two folders: each has the files of the other, which may have folders besides
  local t
  [[ -d $1 && -d $2 ]] || { [[ ! -d $1 && ! -d $2 ]]; return; }
  for t in "$1"/* "$2"/*; do [[ -d $t ]] || cmp -s "$1/${t##*/}" "$2/${t##*/}" || return 1; done
}
# Other runs may be reading them, so they are written only where they are to be others, and when nobody reads them; nobody
# writes them until this run has ended.
hold_parts() {          # fold
  local dir=$data/folds/$1 new lock part
  mkdir -p "$dir"
  new=$(mktemp -d "$exp/.parts.XXXXXX")
  make_parts "$1" "$new"
  exec {lock}>> "$dir/.lock"
  until
    flock -s "$lock"
    same_tables "$new/train" "$dir/train" && same_tables "$new/dev" "$dir/dev" && same_tables "$new/test" "$dir/test"
  do
    if ! flock -n "$lock"; then
      echo "$0: another run is at work on $dir, with another division of the data: waiting for it" >&2
      flock "$lock"
    fi
    for part in train dev test; do
      rm -rf "${dir:?}/$part"
      if [[ -d $new/$part ]]; then cp -r "$new/$part" "$dir/$part"; fi
    done
  done
  rm -rf "$new"
}

# ---- what is done for a fold

# Sets train and decode, the commands, opts, what the options of train begin with, and stamp.
plan_fold() {           # fold
  local f=$1
  opts=("${confs[@]/#/--config=}")
  if [[ $select == test ]]; then opts+=(--dev-dir="$data/folds/$f/test")
  elif [[ $dev == next || -f $dev ]]; then opts+=(--dev-speakers="$(dev_speaker "$f")")
  elif [[ $dev != none ]]; then opts+=(--dev-dir="$data/folds/$f/dev"); fi
  if [[ -n $init_exp ]]; then opts+=(--stage=2 --init-model="$init_exp/$f"); fi
  if [[ -n $init_aec ]]; then opts+=(--init-aec="$init_aec/$f/model"); fi
  if [[ -z $init_exp && " $train_opts " != *@(--input=text|--init-model=)* && $pretrain == @(speech|both) ]]; then
    opts+=(--init-model="$data/folds/$f/pretrain/hubert")
  fi
  if $pieces && [[ $pretrain == @(words|both) ]]; then opts+=(--init-bert="$data/folds/$f/pretrain/bert")
  elif $pieces; then opts+=(--pieces="$data/folds/$f/pieces.txt"); fi
  train=(serin-train "${opts[@]}" "${train_words[@]}" "$data/folds/$f/train" "$exp/$f")
  decode=(serin-decode "${decode_words[@]}" "$exp/$f" "$data/folds/$f/test" "$exp/$f/decode")
  stamp=$(train_stamp "$f")
}
sum_of() { cat "$@" 2> /dev/null | cksum; }
train_stamp() {         # fold
  local data=$data/folds/$1 seen=() part
  for part in train dev $([[ $select != test ]] || echo test); do
    if [[ -d $data/$part ]]; then seen+=("$data/$part"/{wav.scp,text,segments,utt2*}); fi
  done
  echo "command: $(quote_words "${train[@]}")"
  echo "configuration: $(sum_of "${confs[@]}")"
  [[ $pretrain == none ]] || echo "pre-training: $(sum_of "$beside"/pretrain_{speech,words}.conf ${more_text:+"$more_text"} /dev/null)"
  echo "data: $(sum_of "${seen[@]}")"
  [[ -z $init_exp ]] || echo "first stage: $(sum_of "$init_exp/$1/done")"
  [[ -z $init_aec ]] || echo "corrector: $(sum_of "$init_aec/$1/done")"
}
decode_stamp() {        # fold
  echo "command: $(quote_words "${decode[@]}")"
  echo "data: $(sum_of "$data/folds/$1/test"/{wav.scp,text,segments,utt2*})"
  echo "model: $(sum_of "$exp/$1/done")"
}

# What the options of the fold begin with. pretrain_speech.conf and pretrain_words.conf beside the configuration, if they are
# there, say what pre-training wants else.
pretrain_conf() { local own=$beside/pretrain_$1.conf; if [[ -f $own ]]; then quote_words "$own"; fi; }
pretrain_fold() {       # fold options
  local data=$data/folds/$1 kept last="--select=last --patience=0 --select-by=auto"
  kept=$(grep -o -e '--dev-speakers=[^ ]*' <<< "$2" || true)
  # Where nobody is kept to choose an encoder on, it is the last.
  if [[ $2 == *"=$data/pretrain/hubert"* ]]; then
    utils/pretrain.sh --conf "$(quote_words "${confs[0]}") $(pretrain_conf speech)" --opts "$(if [[ -n $kept ]]; then quote_words "$kept"; else echo "$last"; fi)" \
      --threads "$threads" --retrain "$retrain" "$data/train" "$data/pretrain"
  fi
  if [[ $2 == *"=$data/pretrain/bert"* ]]; then
    utils/pretrain.sh --what words --conf "$conf $(pretrain_conf words)" --more-text "$more_text" --without "${kept#*=}" --opts "$last" \
      --threads "$threads" --retrain "$retrain" "$data/train" "$data/pretrain"
  fi
}

run_fold() {            # fold
  local f=$1 opts train decode stamp
  plan_fold "$f"
  if $only_pretrain; then
    pretrain_fold "$f" "${opts[*]}"
    return
  fi
  if ! is_finished "$exp/$f" "$stamp"; then
    if [[ -f $exp/$f/done ]]; then rm -rf "${exp:?}/$f"; fi
    rm -f "$exp/$f/decode/done"
    pretrain_fold "$f" "${opts[*]}"
    if [[ " ${opts[*]} " == *" --pieces="* ]]; then
      $decode_cmd --quote true "$exp/log/pieces.$f.log" \
        serin-make-vocab --type=pieces "$data/folds/$f/train/text" "$data/folds/$f/pieces.txt"
    fi
    $train_cmd --quote true --num-threads "$threads" "$exp/log/train.$f.log" "${train[@]}"
    echo "$stamp" > "$exp/$f/done"
    if $clean; then rm -rf "$exp/$f/checkpoints" "$exp/$f/warm"; fi
  fi
  stamp=$(decode_stamp "$f")
  if [[ -f $exp/$f/decode/done && $(< "$exp/$f/decode/done") == "$stamp" ]]; then return; fi
  rm -f "$exp/$f/decode/done"
  $decode_cmd --quote true --num-threads "$threads" "$exp/log/decode.$f.log" "${decode[@]}"
  echo "$stamp" > "$exp/$f/decode/done"
}

# Before any fold begins: is there a model that would be overwritten, and can its labels be learnt?
lacking=0
for f in "${chosen[@]}"; do
  hold_parts "$f"
  if $only_pretrain; then continue; fi
  plan_fold "$f"
  if is_finished "$exp/$f" "$stamp"; then continue; fi
  for task in emotion/utt2emo/1 gender/utt2gender/0 style/utt2style/0; do
    IFS=/ read -r task table weight <<< "$task"
    weight=$(setting "lambda-$task" "$conf" "$train_opts" | grep . || echo "$weight")
    if [[ ! -f $data/$table ]] || awk -v w="$weight" 'BEGIN { exit w + 0 > 0 }'; then continue; fi
    tell_lone_labels "$data" "$task" "$table" "$dev" "$f" || lacking=1
  done
done
((lacking == 0)) || die "nothing was begun"
echo "$before" > "$exp/select"
printf '%s\n' "${chosen[@]}" > "$exp/folds"

trap 'kill $(jobs -p) 2> /dev/null || true' EXIT
started=$SECONDS
running=0 done=0 failed=0
# When a fold fails, those that run go on to their end, and no other begins.
finish_one() {
  local status=0
  wait -n || status=$?
  running=$((running - 1))
  if ((status > 0)); then failed=$status; return 0; fi
  done=$((done + 1))
  echo "$0: $done of ${#chosen[@]} folds done in $((SECONDS - started)) s"
}
echo "$0: folds: ${chosen[*]}; $nj at once, threads: $threads"
for f in "${chosen[@]}"; do
  if ((running == nj)); then finish_one; fi
  if ((failed > 0)); then break; fi
  run_fold "$f" &
  running=$((running + 1))
done
while ((running > 0)); do finish_one; done
((failed == 0)) || die "a fold failed (status $failed); the logs are in $exp/log"
