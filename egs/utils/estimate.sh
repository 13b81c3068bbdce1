# Sourced by run_experiments.sh --estimate: what experiments will cost on this machine. Each kind of network (speech, text, both)
# is made at its full size and updated for some seconds with a few utterances; the rest is arithmetic. Second stages count as two
# thirds of their first, since frozen weights need no gradients of their own. Pre-training and the corrector are not counted.
# shellcheck shell=bash disable=SC2046,SC2034,SC2086,SC2154,SC2317
estimates=$exp/estimate
processors=$(nproc)
sum=0

# Speech, text or both, or adapters for speech: what the experiment reads, or the one it goes on from.
kind_of() {
  case ${options[$1]} in
    *--freeze-encoders*) echo adapters ;;
    *--input=text*) echo text ;;
    *--input=both*) echo both ;;
    *--input=speech*) echo speech ;;
    *) kind_of "${after[$1]#=}" ;;
  esac
}

# $estimates/KIND: "CPU seconds a second: updates R features F; heard S s, M MiB, P parameters", of texts "CPU seconds an utterance: …; read T tokens, …"
calibrate() {           # experiment, kind
  local conf fold_opts train confs opts c
  prepare "$1"
  split_words confs "$conf"
  c="$(cat "${confs[@]}") $hubert $bert $train_opts"
  if [[ -s $estimates/$2 && $(< "$estimates/$2.request") == "$c" ]]; then return 0; fi
  echo "$c" > "$estimates/$2.request"
  utils/subset_data_dir.sh "$data" 24 "$estimates/data" > /dev/null
  opts=("${confs[@]/#/--config=}")
  # The corrector reads with a BERT of its own, and is not there yet: its share is left out.
  train=${train//--aec=frozen/} train=${train//--test-text=aec/}
  if [[ $train == *--input=[bt]* && $train != *--init-bert=* ]]; then
    serin-make-vocab --type=pieces "$data/text" "$estimates/pieces.txt" 2> "$estimates/pieces.log"
    opts+=(--pieces="$estimates/pieces.txt")
  fi
  split_words train "$train"
  OMP_NUM_THREADS=$processors serin-train "${opts[@]}" "${train[@]}" --estimate="$estimate" --accumulate=1 --epochs=1000 --cache-dir= --select=last --patience=0 \
    "$estimates/data" "$estimates/run.$2" > "$estimates/$2.tmp" 2> "$estimates/$2.log" ||
    { tail -n 5 "$estimates/$2.log" >&2; die "experiment $1 cannot be timed, log is in $estimates/$2.log"; }
  rm -rf "$estimates/run.$2"
  mv "$estimates/$2.tmp" "$estimates/$2"
}

# For each of the chosen folds: seconds and utterances of what it trains on, seconds (utterances, where these are unknown) of everything, and
# whether seconds are known. Neither the test part nor whom --dev keeps is trained on.
training_data() {
  local f kept all chosen
  choose_folds "$data" "$folds"
  for f in "${chosen[@]}"; do
    kept=
    if [[ $dev == next || -f $dev ]]; then kept=$(dev_speaker "$f"); fi
    fold=$f dev=$dev kept=$kept awk '
      FILENAME == ARGV[1] { speaker[$1] = $2; next }
      FILENAME == ARGV[2] { of[$1] = $2; next }
      { seconds[$1] = $2; timed = 1 }
      END {
        for (u in of) {
          all += timed ? seconds[u] : 1
          if (of[u] != ENVIRON["fold"] && of[u] != ENVIRON["dev"] && speaker[u] != ENVIRON["kept"]) { train += seconds[u]; n++ }
        }
        print train + 0, n + 0, all, timed + 0
      }' "$data/utt2spk" "$data/utt2fold" "$(if [[ -f $data/utt2dur ]]; then echo "$data/utt2dur"; else echo /dev/null; fi)"
  done
}

declare -A told
tell_cost() {           # experiment, and before it those it goes on from
  local n=$1 first=${after[$1]#=} kind conf fold_opts train share=1
  if [[ $first != - ]]; then tell_cost "$first"; share=0.667; fi
  if [[ -v told[$n] || ${after[$n]} == =* ]]; then return 0; fi
  told[$n]=1
  while [[ ${after[$first]-} != "" && ${after[$first]} != - ]]; do first=${after[$first]#=}; done
  [[ $first != - ]] || first=$n
  kind=$(kind_of "$n")
  mkdir -p "$estimates"
  calibrate "$first" "$kind"
  prepare "$n"
  awk -v n="$n" -v kind="$kind" -v share="$share" -v epochs="$(setting epochs "$conf" "$train")" -v p="$processors" \
    -v sample="$(wc -l < "$estimates/data/utt2spk")" '
    FILENAME == ARGV[1] { rate = $6; front = $8; heard = $10; memory = $12; next }
    FILENAME == ARGV[2] { train += $1; utterances += $2; all += $3; chosen++; if ($4) timed = 1 }
    END {
        # A sound whose length is not known lasts as long as those that were timed.
        if (kind == "text") train = utterances
        else if (!timed) { train = utterances * heard / sample; all *= heard / sample }
        hours = (train * epochs * rate * share + all * front) / 3600
        printf "experiment %s (%s): %d epochs of %d folds, ", n, kind, epochs, chosen
        if (kind == "text") printf "%d texts to train on in each, %.3g s of CPU for one", utterances / chosen, rate * share
        else printf "%.1f h of training data in each, %.3g s of CPU for a second of it", train / chosen / 3600, rate * share
        printf ": %s of CPU, %s on %d processors; %.1f GB of memory for each fold\n", time(hours), time(hours / p), p, memory / 1024
        print hours > "/dev/stderr"
    }
    function time(h) { return h >= 1 ? sprintf("%.0f h", h) : sprintf("%.0f min", h * 60 + 0.5) }
    ' "$estimates/$kind" <(training_data) 2> "$estimates/hours"
  sum=$(awk -v sum="$sum" '{ print sum + $1 }' "$estimates/hours")
}

tell_sum() {
  awk -v h="$sum" -v p="$processors" 'BEGIN {
      printf "all of it: %.1f h of CPU, %.1f h on %d processors; on n machines at once (SERIN_JOBS) an n-th of that, up to one for each fold\n", h, h / p, p }'
}
