#!/usr/bin/env bash
# An encoder from the data themselves (docs/pretrain.md): of speech, <dir>/hubert, by clusters of the MFCC of a data directory
# and masked prediction of them, for --init-model of serin-train; or of words, <dir>/bert, by masked words of its texts, for
# --init-bert. Started again, it goes on where it was, and does nothing when all that decides the result is as it was.
what=speech             # or words
conf=conf/train.conf    # one or more, for serin-pretrain-hubert and serin-pretrain-bert; what a later one says wins
clusters=50
mfcc_opts="--deltas=2 --cmvn=mean-variance"     # of serin-features
labels_per_frame=3      # frames of 10 ms in one of the encoder's
more_text=              # words: a text beside that of the data directory
without=                # words: a speaker of the data directory whose texts are left out
opts=                   # more options of serin-pretrain-hubert or serin-pretrain-bert
threads=1
retrain=false           # true: finished models that are not of what is asked for are trained anew
train_cmd=${train_cmd:-utils/run.pl}
help_message="Usage: utils/pretrain.sh [options] <data-dir> <dir>
e.g.:  utils/pretrain.sh --conf 'conf/train.conf conf/pretrain.conf' data/train exp/pretrain
Options: --what speech|words --conf conf/train.conf --clusters 50 --mfcc-opts '$mfcc_opts'
  --labels-per-frame 3 --more-text FILE --without SPEAKER --opts '' --threads N --retrain true|false"
# shellcheck source=egs/utils/one_group.sh
. utils/one_group.sh
# shellcheck source=egs/utils/parse_options.sh
. utils/parse_options.sh
# shellcheck source=egs/utils/words.sh
. utils/words.sh
# shellcheck source=egs/utils/hold.sh
. utils/hold.sh
# shellcheck source=egs/utils/stamp.sh
. utils/stamp.sh
set -euo pipefail
export LC_ALL=C

[[ $# -eq 2 ]] || { echo "$help_message" >&2; exit 1; }
data=$1 dir=$2
die() { echo "$0: $1" >&2; exit 1; }
[[ $what == speech || $what == words ]] || die "--what is speech or words, found \"$what\""
[[ -z $more_text || -s $more_text ]] || die "$more_text, which --more-text names, is missing or empty"
model=$([[ $what == speech ]] && echo hubert || echo bert)
opts_words=() mfcc_words=()
split_words opts_words "$opts"
split_words mfcc_words "$mfcc_opts"
confs=()
split_words confs "$conf"
for c in "${confs[@]}"; do [[ -r $c ]] || die "cannot read $c, which --conf names"; done
hold "$dir/.lock"

stamp=$(printf 'command: %s\nconfiguration: %s\ndata: %s' \
  "$what --clusters=$clusters $mfcc_opts --labels-per-frame=$labels_per_frame ${without:+--without=$without }$opts" "$(cat "${confs[@]}" | cksum)" \
  "$(cat "$data/wav.scp" "$data/text" ${more_text:+"$more_text"} 2> /dev/null | cksum)")
if is_finished "$dir/$model" "$stamp"; then exit 0; fi
if [[ ! -f $dir/$model.begun || $(< "$dir/$model.begun") != "$stamp" ]]; then rm -rf "${dir:?}/$model" "$dir/$model".*; fi
echo "$stamp" > "$dir/$model.begun"

if [[ $what == speech ]]; then
  if [[ ! -s $dir/hubert.labels ]]; then
    segments=()
    if [[ -f $data/segments ]]; then segments=(--segments="$data/segments"); fi
    $train_cmd --quote true "$dir/log/mfcc.log" serin-features --allow-failures --type=mfcc "${mfcc_words[@]}" "${segments[@]}" "scp:$data/wav.scp" "ark:$dir/mfcc.ark"
    $train_cmd --quote true --num-threads "$threads" "$dir/log/kmeans.log" serin-kmeans --clusters="$clusters" "ark:$dir/mfcc.ark" "$dir/hubert.npy"
    $train_cmd --quote true "$dir/log/labels.log" serin-kmeans --assign "$dir/hubert.npy" "ark:$dir/mfcc.ark" "$dir/hubert.labels"
    rm "$dir/mfcc.ark"
  fi
  $train_cmd --quote true --num-threads "$threads" "$dir/log/hubert.log" serin-pretrain-hubert "${confs[@]/#/--config=}" \
    --labels-per-frame="$labels_per_frame" "${opts_words[@]}" "$data" "$dir/hubert.labels" "$dir/hubert"
else
  { kept=$without awk 'NR == FNR { speaker[$1] = $2; next } ENVIRON["kept"] == "" || speaker[$1] != ENVIRON["kept"] { print "corpus-" $0 }' \
      "$data/utt2spk" "$data/text"
    if [[ -n $more_text ]]; then sed 's/^/more-/' "$more_text"; fi; } | sort > "$dir/bert.text"
  $train_cmd --quote true "$dir/log/pieces.log" serin-make-vocab --type=pieces "$dir/bert.text" "$dir/bert.vocab"
  $train_cmd --quote true --num-threads "$threads" "$dir/log/bert.log" serin-pretrain-bert "${confs[@]/#/--config=}" --pieces="$dir/bert.vocab" "${opts_words[@]}" \
    "$dir/bert.text" "$dir/bert"
fi
rm -rf "$dir/$model/checkpoints"
echo "$stamp" > "$dir/$model/done"
