#!/usr/bin/env bash
# Pairs of what was said and what a recogniser heard, from Common Voice: the text that the corrector (AEC) is trained on before it sees the
# emotional corpus. --models are recognisers, those of the folds of an experiment say: parts of the data are shared out among them, so
# that the corrector learns from the mistakes of all. No model may have heard these clips in training; --own adds what the folds
# answered for utterances that were kept from them.
stage=0
stop_stage=2
commonvoice=            # the folder with train.tsv and clips/, or a release that has en/ in it
tsv=validated           # tables to read, say "train dev"
clips=0                 # at most so many, spread evenly; 0: all
models=                 # folders of serin-train's, with spaces
own=                    # an experiment of utils/train_folds.sh, whose data directory is the second word: "exp/exp02 data/all"
beam=20
nbest=5                 # hypotheses of each clip
jobs=                   # parts, and jobs [as many as processors]
text_norm=upper,nfkd,strip-marks,digits,tags,punctuation,collapse
dir=exp/hypotheses      # where text and hypotheses go
help_message="Usage: ./run.sh --commonvoice DIR --models 'exp/exp02/Ses01 exp/exp02/Ses02' [--tsv 'train dev'] [--clips N] [--nbest 5] [--beam 20]
  [--own 'EXP DATA'] [--jobs N] [--dir exp/hypotheses] [--stage N] [--stop-stage N]
Leaves <dir>/text and <dir>/hypotheses (keys end in -1, -2 …), which serin-train-aec and --aec-data of other recipes read; with --own,
the same and what the other folds answered in <dir>/<fold>, for the corrector of that fold. Stages: 0 tables, 1 recognition in jobs, 2 joining."
# shellcheck source=egs/utils/one_group.sh
. "$(dirname "$0")/utils/one_group.sh"
from=$PWD
cd "$(dirname "$0")"
# shellcheck source=egs/commonvoice/cmd.sh
. ./cmd.sh
_paths="commonvoice dir config"
# shellcheck source=egs/utils/parse_options.sh
. utils/parse_options.sh
# shellcheck source=egs/commonvoice/path.sh
. ./path.sh
# shellcheck source=egs/utils/words.sh
. utils/words.sh
set -euo pipefail
die() { echo "$0: $1" >&2; exit 1; }
absolute() { (cd "$from" && realpath "$1"); }
[[ $clips =~ ^[0-9]+$ ]] || die "--clips is a number, found \"$clips\""
[[ $nbest =~ ^[1-9][0-9]?$ && $beam =~ ^[1-9][0-9]*$ && $nbest -le $beam ]] || die "--nbest is from 1 to --beam, found $nbest and $beam"
recognisers=()
listed=()
split_words listed "$models"
for m in "${listed[@]}"; do
  m=$(absolute "$m")
  [[ -f $m/vocab.json ]] || die "$m/vocab.json is missing: $m is no recogniser of serin-train's"
  recognisers+=("$m")
done
data=data/all

if [ "$stage" -le 0 ] && [ "$stop_stage" -ge 0 ]; then
  echo "$0: stage 0: tables"
  [[ -n $commonvoice ]] || die "--commonvoice says where the corpus is (--help)"
  corpus=$(realpath "$commonvoice")
  for place in "$corpus" "$corpus/en" "$corpus"/*/en; do [[ ! -d $place/clips ]] || break; done
  [[ -d $place/clips ]] || die "$corpus has no clips/, nor en/clips/: is it a release of Common Voice, unpacked?"
  tables=()
  for t in $tsv; do
    [[ -f $place/$t.tsv ]] || die "$place/$t.tsv is missing; there are: $(cd "$place" && echo ./*.tsv)"
    tables+=("$place/$t.tsv")
  done
  rm -rf $data.new
  mkdir -p $data.new
  local/read_tsv.pl "$clips" "$place/clips" $data.new "${tables[@]}"
  serin-normalize --print-args=false --norm="$text_norm" $data.new/text $data.new/normal
  mv $data.new/normal $data.new/text
  utils/utt2spk_to_spk2utt.pl $data.new/utt2spk > $data.new/spk2utt
  if cmp -s $data.new/wav.scp $data/wav.scp && cmp -s $data.new/text $data/text; then
    rm -r $data.new         # parts that are recognised stay
  else
    rm -rf $data
    mv $data.new $data
  fi
  echo "$0: $(wc -l < $data/text) clips of $(wc -l < $data/spk2utt) speakers"
fi

if [ "$stage" -le 1 ] && [ "$stop_stage" -ge 1 ]; then
  echo "$0: stage 1: recognition"
  [[ ${#recognisers[@]} -gt 0 ]] || die "--models says what to recognise with (--help)"
  [[ -s $data/text ]] || die "stage 0 has not run"
  jobs=${jobs:-$(nproc)}
  split=$data/split${jobs}utt
  request="${recognisers[*]} beam $beam nbest $nbest"
  if [[ ! -f $split/request || $(< "$split/request") != "$request" ]]; then
    utils/split_data.sh --per-utt true $data "$jobs"
    echo "$request" > "$split/request"
  fi
  # Part J is heard by model J modulo their number.
  for ((j = 1; j <= jobs; j++)); do ln -sfn "${recognisers[(j - 1) % ${#recognisers[@]}]}" "$split/$j/model"; done
  $train_cmd --quote true --num-threads 1 JOB=1:"$jobs" "$split/log/hypotheses.JOB.log" \
    local/hypotheses.sh "$split/JOB/model" "$split/JOB" "$beam" "$nbest"
fi

# Sorted; a text is kept when somebody heard it.
finish() {              # folder
  awk 'NR == FNR { key = $1; sub(/-[0-9]+$/, "", key); heard[key]; next } $1 in heard' "$1/hypotheses.new" "$1/text.new" | sort > "$1/text"
  sort -o "$1/hypotheses" "$1/hypotheses.new"
  rm "$1"/*.new
}
if [ "$stage" -le 2 ] && [ "$stop_stage" -ge 2 ]; then
  echo "$0: stage 2: joining"
  jobs=${jobs:-$(nproc)}
  split=$data/split${jobs}utt
  mkdir -p "$dir"
  cat "$split"/*/problems > "$dir/problems"
  cat "$split"/*/hypotheses > "$dir/hypotheses.new"
  cp $data/text "$dir/text.new"
  if [[ -n $own ]]; then
    # What each fold wrote down of the utterances it was not trained on, one hypothesis each.
    pair=()
    split_words pair "$own"
    [[ ${#pair[@]} -eq 2 ]] || die "--own is an experiment and its data directory, found \"$own\""
    exp=$(absolute "${pair[0]}") its_data=$(absolute "${pair[1]}")
    [[ -s $exp/folds ]] || die "$exp/folds is missing: it is no experiment of utils/train_folds.sh"
    # The corrector of a fold must not know its texts, so each fold has a folder, with what the others wrote down.
    mapfile -t folds < "$exp/folds"
    for f in "${folds[@]}"; do
      mkdir -p "$dir/$f"
      cp "$dir/hypotheses.new" "$dir/text.new" "$dir/$f"
      for g in "${folds[@]}"; do
        if [[ $g == "$f" ]]; then continue; fi
        sed -E 's/^([^ ]+)/\1-1/' "$exp/$g/decode/text" >> "$dir/$f/hypotheses.new"
        awk 'NR == FNR { heard[$1]; next } $1 in heard' "$exp/$g/decode/text" "$its_data/text" >> "$dir/$f/text.new"
      done
      finish "$dir/$f"
    done
  fi
  finish "$dir"
  echo "$0: $(wc -l < "$dir/hypotheses") hypotheses of $(wc -l < "$dir/text") texts; $(wc -l < "$dir/problems") clips left out: $dir/problems"
fi
