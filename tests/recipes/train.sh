#!/usr/bin/env bash
# serin-train and serin-decode end to end on tones: they learn, they repeat to the byte, they stop and go on, and what
# they decode does not depend on company.
# shellcheck source=tests/recipes/tap.sh
. "${srcdir:-.}/tests/recipes/tap.sh"
PATH=$PWD/tests/recipes:$PATH
cd "$tap_dir" || exit 1
conf=$top/tests/recipes/tones.conf

# accuracy TABLE: the unweighted accuracy on test/TABLE, as an integer.
accuracy() { serin-score-labels "test/$1" "${2:-exp/decode}/$1" 2> /dev/null | sed -n 's/^%UA \([0-9]*\).*/\1/p'; }
# tap_least NAME FOUND LEAST
tap_least() { if [[ $2 -ge $3 ]]; then tap_is "$1" x x; else tap_is "$1" "$2" "$3 or more"; fi }

make_tones train 100 1 && make_tones test 60 2

tap_ok "trains" serin-train --config="$conf" --dev-dir=test train exp
tap_ok "decodes" serin-decode --log-probs=ark,t:together.ark exp test exp/decode
for table in utt2emo utt2gender utt2style; do
  tap_least "$table is learnt" "$(accuracy $table)" 90
done
wer=$(serin-score-text test/text exp/decode/text 2> /dev/null | sed -n 's/^%WER \([0-9]*\).*/\1/p')
tap_least "words are learnt" "$((100 - ${wer:-100}))" 80
tap_is "train.tsv: a line an epoch" "$(awk -F '\t' 'NF == 18' exp/train.tsv | wc -l)" 31
tap_is "train.tsv: columns" "$(head -1 exp/train.tsv | tr '\t' ' ')" \
  "step epoch seconds loss loss_emo loss_ctc loss_gender loss_style dev_ua dev_wer rate accuracy dev_loss dev_accuracy loss_aec loss_cl grad_norm clipped"
tap_more "gradients have a norm" "$(awk -F '\t' 'NR > 1 && $17 > 0 && $18 >= 0 && $18 <= 100 { n++ } END { print n + 0 }' exp/train.tsv)" 29
if ! command -v serin-copy-matrix > /dev/null; then
  tap_skip "probabilities are those of the labels" "serin-copy-matrix is not built"
else
  tap_is "probabilities are those of the labels" "$(serin-copy-matrix scp:exp/decode/emotion.scp ark,t:- 2> /dev/null |
    awk 'NF > 3 { best = 1; for (i = 2; i <= 3; i++) if ($i > $best) best = i; print substr("ahs", best, 1) }')" \
    "$(cut -d ' ' -f 2 exp/decode/utt2emo | cut -c 1)"
fi

tap_ok "decodes one by one" serin-decode --batch-seconds=0.1 --log-probs=ark,t:alone.ark exp test alone
for table in text utt2emo utt2gender utt2style; do
  tap_ok "$table is the same alone" cmp exp/decode/$table alone/$table
done
tap_is "log probabilities alone and in company differ by less than 1e-4" "$(paste together.ark alone.ark |
  awk '$1 ~ /^-?[0-9]/ { n = NF / 2; for (i = 1; i <= n; i++) { d = $i - $(i + n); if (d > 1e-4 || d < -1e-4) bad++ } }
       END { print bad + 0 }')" 0
tap_ok "decodes with a beam" serin-decode --beam=8 exp test beam
tap_least "which agrees with the greedy one where the model is sure" "$(comm -12 exp/decode/text beam/text | wc -l)" 54

tap_ok "trains again" serin-train --config="$conf" --dev-dir=test train again
tap_ok "to the same bytes" cmp exp/model.safetensors again/model.safetensors
tap_ok "a finished run is left as it is" serin-train --config="$conf" --dev-dir=test train again
tap_ok "with the same bytes" cmp exp/model.safetensors again/model.safetensors
tap_ok "another seed" serin-train --config="$conf" --seed=2 --epochs=2 train other
tap_fails "gives other bytes" differ cmp exp/model.safetensors other/model.safetensors

# The whole corpus as one batch, once.
for reduction in utterance sum; do
  serin-train --config="$conf" --ctc-reduction=$reduction --batch-seconds=1000 --max-updates=1 train "$reduction" 2> /dev/null
done
tap_is "a sum over the batch is so many times its mean" "$(awk -F '\t' 'FNR == 2 { x[FILENAME] = $6 }
  END { printf "%.4g", x["sum/train.tsv"] / x["utterance/train.tsv"] }' {sum,utterance}/train.tsv)" 100

# However an update is cut into batches, its loss and its gradients are the same: 40 utterances, 20 of them shorter.
one_update() {
  serin-train --config="$conf" "${still[@]}" --max-updates=1 "${@:2}" uneven "$1" 2> /dev/null
  awk -F '\t' 'NR == 2 { print $4, $6, $17 }' "$1/train.tsv"
}
still=(--dropout=0 --attention-dropout=0 --activation-dropout=0 --head-dropout=0 --class-weights=balanced --label-smoothing=0.1)
mkdir uneven && for table in wav.scp text utt2emo utt2gender utt2style utt2spk; do head -n 40 train/$table > uneven/$table; done
awk 'NR % 2 { $0 = $1 " " $2 }  1' uneven/text > t && mv t uneven/text
for reduction in label utterance sum; do
  whole=$(one_update one --batch-utterances=40 --ctc-reduction=$reduction; rm -r one)
  for how in "--batch-utterances=2 --accumulate=20" "--batch-utterances=7 --accumulate=6" "--batch-seconds=2 --accumulate=100"; do
    # shellcheck disable=SC2086
    tap_near "$reduction: $how" "$(one_update parts --ctc-reduction=$reduction $how)" "$whole"
    rm -r parts
  done
done
tap_ok "two utterances a batch, eight batches an update" serin-train --config="$conf" --batch-utterances=2 --accumulate=8 --epochs=2 uneven pairs
tap_is "make 3 updates of 40" "$(tail -n 1 pairs/train.tsv | cut -f 1)" 6

# Ctrl-C: the step is finished, and the same command goes on.
serin-train --config="$conf" --dev-dir=test train stopped 2> log &
pid=$!
while [[ $(wc -l 2> /dev/null < stopped/train.tsv || echo 0) -lt 4 ]] && kill -0 $pid 2> /dev/null; do sleep 0.02; done
kill -TERM $pid
wait $pid
tap_is "a signal ends training with its exit status" $? 143
tap_has "and says how to go on" log "the same command goes on from there"
tap_ok "which it does" serin-train --config="$conf" --dev-dir=test train stopped
tap_has "from where it was" .err "resuming after update"
tap_ok "to the same bytes as if nothing had happened" cmp exp/model.safetensors stopped/model.safetensors
tap_is "and the same course" "$(cut -f 1,2,4- stopped/train.tsv)" "$(cut -f 1,2,4- exp/train.tsv)"

tap_ok "features from a cache" serin-train --config="$conf" --dev-dir=test --cache-dir=cache train cached
tap_ok "give the same bytes" cmp exp/model.safetensors cached/model.safetensors
tap_ok "batches of half the size, two an update" serin-train --config="$conf" --batch-seconds=3 --accumulate=2 --epochs=3 train half
tap_ok "the best model on held-out speakers" \
  serin-train --config="$conf" --dev-speakers=spk0,spk3 --select=best --patience=3 --epochs=12 train best
tap_ok "is a model" serin-decode best test best/decode
tap_ok "the best on the test data" serin-train --config="$conf" --dev-dir=test --select=test --epochs=3 train chosen
tap_has "is said to be" "$tap_dir/.err" "epoch was chosen on the test data, test"
tap_has "in every epoch" "$tap_dir/.err" ", test UA "
tap_ok "only words" serin-train --config="$conf" --lambda-emotion=0 --lambda-gender=0 --lambda-style=0 --epochs=2 train words
tap_ok "are decoded" serin-decode words test words/decode
tap_is "without emotions" "$(ls words/decode)" text

# A task of weight 0 is as if its table had never been; one whose table is missing is not guessed, and a label that nobody
# knows is masked.
lacks() {
  cp -r train "no-$1" && rm "no-$1/$2"
  tap_ok "lambda-$1=0" serin-train --config="$conf" --lambda-"$1"=0 --epochs=1 train "zero-$1"
  tap_ok "without $2" serin-train --config="$conf" --lambda-"$1"=0 --epochs=1 "no-$1" "none-$1"
  tap_ok "is the same to the bit" cmp "zero-$1/model.safetensors" "none-$1/model.safetensors"
  tap_refuses "but not learnt" "$2: missing" serin-train --config="$conf" --epochs=1 "no-$1" "x-$1"
}
lacks ctc text
lacks gender utt2gender
lacks style utt2style
cp -r train some && awk 'NR % 3 == 0 { $2 = "-" } 1' train/utt2style > some/utt2style
tap_ok "some styles unknown" serin-train --config="$conf" --dev-dir=test some some-exp
tap_ok "decode" serin-decode some-exp test some-exp/decode
tap_is "with no style of that name" "$(grep -c ' -$' some-exp/decode/utt2style)" 0
tap_least "and the others are learnt" "$(accuracy utt2style some-exp/decode)" 90

# Nothing to learn: labels dealt out anew. 60 test utterances of 3 classes; 55 % is 3.5 standard deviations above chance.
mkdir shuffled && cp train/* shuffled/ 2> /dev/null
paste -d ' ' <(cut -d ' ' -f 1 train/utt2emo) <(cut -d ' ' -f 2 train/utt2emo | awk '{ print (NR * 37) % 101, $0 }' | sort -n | cut -d ' ' -f 2) > shuffled/utt2emo
tap_ok "shuffled labels" serin-train --config="$conf" shuffled chance
tap_ok "decode" serin-decode chance test chance/decode
tap_least "at chance" "$((100 - $(accuracy utt2emo chance/decode)))" 45
tap_done
