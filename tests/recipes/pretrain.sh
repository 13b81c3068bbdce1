#!/usr/bin/env bash
# Pre-training from nothing: clusters, masked frames, the next clusters, masked words; that serin-train takes what comes out,
# that a stopped run goes on to the same bytes, and what is refused.
# shellcheck source=tests/recipes/tap.sh disable=SC2317
. "${srcdir:-.}/tests/recipes/tap.sh"
PATH=$PWD/tests/recipes:$PATH
cd "$tap_dir" || exit 1
conf=$top/tests/recipes/tones.conf
hubert=(serin-pretrain-hubert --config="$conf" --labels-per-frame=3 --span-length=4 --final-dim=16)
small=(--bert-width=16 --bert-layers=1 --bert-heads=2 --bert-inner=32 --pieces=vocab.txt)
bert() { serin-pretrain-bert "${small[@]}" --batch-seconds=60 "$@"; }
# column NAME TSV: of the last line.
column() { awk -F '\t' -v name="$1" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) c = i } END { print $c }' "$2"; }
# tap_more NAME FOUND THAN
tap_more() { if awk "BEGIN { exit !($2 > $3) }"; then tap_is "$1" x x; else tap_is "$1" "$2" "more than $3"; fi }

make_tones train 60 1 && make_tones test 20 2
for part in train test; do serin-features --type=mfcc --deltas=2 scp:$part/wav.scp ark:$part.ark 2> /dev/null; done
tap_ok "clusters" serin-kmeans --clusters=8 ark:train.ark km.npy
for part in train test; do serin-kmeans --assign km.npy ark:$part.ark $part.labels 2> /dev/null; done
dev=(--dev-dir=test --dev-frame-labels=test.labels)

# ---- HuBERT
tap_ok "masked frames" "${hubert[@]}" --epochs=20 "${dev[@]}" --select=best train train.labels pre
tap_has "the log has the development's accuracy" .err "development loss"
tap_is "by which the model is chosen" "$(grep -cE 'the model is that of update [0-9]+, accuracy [0-9]' .err)" 1
tap_more "more than the most frequent cluster is learnt" "$(column dev_accuracy pre/train.tsv)" "$(cut -d ' ' -f 2- test.labels |
  tr ' ' '\n' | sort | uniq -c | sort -rn | awk '{ n += $1; if (NR == 1) most = $1 } END { print 100 * most / n }')"
tap_more "of the training data, too" "$(column accuracy pre/train.tsv)" 40
tap_ok "again" "${hubert[@]}" --epochs=20 "${dev[@]}" --select=best train train.labels again
tap_ok "gives the same bytes" cmp pre/model.safetensors again/model.safetensors
"${hubert[@]}" --epochs=20 "${dev[@]}" --select=best train train.labels stopped 2> log &
pid=$!
while [[ $(wc -l 2> /dev/null < stopped/train.tsv || echo 0) -lt 4 ]] && kill -0 $pid 2> /dev/null; do sleep 0.02; done
kill -TERM $pid
wait $pid
tap_is "a signal ends it with its exit status" $? 143
tap_ok "the same command goes on" "${hubert[@]}" --epochs=20 "${dev[@]}" --select=best train train.labels stopped
tap_has "from where it was" .err "resuming after update"
tap_ok "to the same bytes" cmp pre/model.safetensors stopped/model.safetensors
tap_is "and the same course" "$(cut -f 1,2,4- stopped/train.tsv)" "$(cut -f 1,2,4- pre/train.tsv)"
tap_ok "frames that are not masked count, too" "${hubert[@]}" --epochs=1 --unmasked-weight=0.5 train train.labels unmasked
tap_ok "serin-train goes on from it" serin-train --config="$conf" --epochs=10 --init-model=pre train exp
tap_has "with the encoder's weights" .err "pre: "
tap_ok "serin-decode knows the result" serin-decode exp test exp/decode
tap_is "as a model like any other" "$(wc -l < exp/decode/utt2emo)" 20
tap_ok "states of a layer" serin-states --layer=1 pre scp:train/wav.scp ark:states.ark
tap_ok "make the next clusters" serin-kmeans --clusters=10 ark:states.ark km2.npy
tap_ok "labels" serin-kmeans --assign km2.npy ark:states.ark labels2
tap_ok "with which it goes on" "${hubert[@]}" --labels-per-frame=1 --epochs=1 --init-model=pre train labels2 pre2
tap_ok "HuBERT with convolutions" serin-pretrain-hubert --config="$conf" --front-end=conv --conv-width=16 --cmvn=utterance \
  --labels-per-frame=2 --epochs=1 --max-updates=3 --batch-seconds=3 train train.labels conv
# The mean square of the convolutions' output is over the frames of the update, as the loss is over what it predicts.
still=(--front-end=conv --conv-width=16 --cmvn=utterance --labels-per-frame=2 --max-updates=1 --unmasked-weight=0.5 --dropout=0 --attention-dropout=0
  --activation-dropout=0)
one_update() {
  serin-pretrain-hubert --config="$conf" "${still[@]}" "${@:2}" train train.labels "$1" 2> /dev/null
  awk -F '\t' 'NR == 2 { print $4, $17 }' "$1/train.tsv"
}
whole=$(one_update one --batch-utterances=100)
tap_near "an update cut by utterances is the same" "$(one_update by3 --batch-utterances=3 --accumulate=20)" "$whole"
tap_near "and by seconds" "$(one_update by2s --batch-seconds=2 --accumulate=100)" "$whole"
tap_ok "serin-train goes on from that" serin-train --config="$conf" --epochs=1 --max-updates=2 --init-model=conv train conv2

tap_refuses "labels of another rate" 'labels-per-frame=1, stand for' "${hubert[@]}" --labels-per-frame=1 train train.labels bad
sed '2s/ [0-9]*$//; 2s/ [0-9]*$//; 2s/ [0-9]*$//' train.labels > short
tap_refuses "labels of fewer frames" "utterance \"$(sed -n '2s/ .*//p' short)\": " "${hubert[@]}" train short bad
sed 3d train.labels > fewer
tap_refuses "a missing key" "fewer: no line for utterance \"$(sed -n '3s/ .*//p' train.labels)\" of train" "${hubert[@]}" train fewer bad
sed '2s/ [0-9]*/ x7/' train.labels > wrong
tap_refuses "what is no cluster" 'wrong:2: "x7" of "' "${hubert[@]}" train wrong bad
sed '1s/ [0-9]*/ 99/' test.labels > beyond
tap_refuses "a cluster the training data lack" "beyond: test has cluster 99, the training data's go to 7" \
  "${hubert[@]}" --dev-dir=test --dev-frame-labels=beyond train train.labels bad
tap_refuses "labels that are not there" "none: No such file" "${hubert[@]}" train none bad
tap_refuses "nothing masked" "span-prob=0: nothing is masked" "${hubert[@]}" --span-prob=0 train train.labels bad
tap_refuses "serin-train with a task" "pretrain=frames learns no task" serin-train --pretrain=frames --frame-labels=train.labels train bad
tap_refuses "other labels than the run began with" "training-data was" "${hubert[@]}" --epochs=20 "${dev[@]}" --select=best train \
  <(awk '{ $3 = ($3 + 1) % 8; print }' train.labels) pre
tap_is "nothing is left of what was refused" "$(find bad -name '*.safetensors' 2> /dev/null)" ""

# ---- BERT
for i in {1..300}; do
  printf 't%03d THE %s %s\n' "$i" "$( ((i % 2)) && echo "CAT EATS FISH" || echo "DOG CHEWS BONES")" "$( ((i % 3)) && echo NOW || echo AGAIN)"
done > text
head -40 text > dev.text
tap_ok "pieces" serin-make-vocab --type=pieces text vocab.txt
tap_ok "masked words" bert --epochs=20 --learning-rate=5e-3 --dev-dir=dev.text text bert
tap_has "the log has the development's accuracy" .err "development loss"
tap_more "company tells the word" "$(column dev_accuracy bert/train.tsv)" 60
tap_ok "again" bert --epochs=20 --learning-rate=5e-3 --dev-dir=dev.text text bert2
tap_ok "gives the same bytes" cmp bert/model.safetensors bert2/model.safetensors
tap_is "a folder as Hugging Face lays it out" "$(cd bert && find config.json vocab.txt model.safetensors | wc -l)" 3
tap_ok "serin-states reads it" serin-states bert dev.text ark:/dev/null
tap_ok "serin-train goes on from it" serin-train --config="$conf" --input=both --fusion-heads=2 --init-bert=bert --epochs=1 train both
tap_has "with all of its weights" .err "bert: "
tap_refuses "no text" "empty: no text" bert "$( : > empty; echo empty)" bad
tap_refuses "lines without texts" "nothing to predict" bert "$(printf 'a\nb\n' > blank; echo blank)" bad
sed '/MASK/d' vocab.txt > nomask.txt
tap_refuses "pieces without a mask" "no [MASK]" bert --pieces=nomask.txt text bad
tap_refuses "no pieces" "needs pieces=vocab.txt" serin-pretrain-bert text bad
tap_refuses "speakers of a text" "dev-speakers=a: a text has no speakers" bert --dev-speakers=a text bad
tap_is "nothing is left of what was refused" "$(find bad -name '*.safetensors' 2> /dev/null)" ""

# ---- in a recipe: each fold's encoders are made of its own training part
ln -s "$top/egs/utils" utils
mkdir conf && cp "$conf" conf/train.conf
printf '%s\n' bert-width=16 bert-layers=1 bert-heads=2 bert-inner=32 fusion-heads=2 input=both >> conf/train.conf
echo epochs=1 | tee conf/pretrain_speech.conf > conf/pretrain_words.conf
awk '{ print $1, $2 }' train/utt2spk > train/utt2fold
fold=$(cut -d ' ' -f 2 train/utt2fold | sort -u | head -1)
folds() { utils/train_folds.sh --folds 1 --nj 1 --threads 1 --pieces true --pretrain both --more-text text --train-opts --epochs=1 "$@" train folds; }
tap_ok "folds" folds
tap_has "begin with the encoder of speech" "folds/log/train.$fold.log" "train/folds/$fold/pretrain/hubert: "
tap_has "and with BERT" "folds/log/train.$fold.log" "train/folds/$fold/pretrain/bert: "
tap_is "which nobody of the fold has taught" "$(cut -d - -f 1 "train/folds/$fold/pretrain/hubert.labels" | sort -u | grep -c "$fold")" 0
tap_is "clusters are made of the training part" "$(cut -d ' ' -f 1 "train/folds/$fold/pretrain/hubert.labels")" \
  "$(cut -d ' ' -f 1 "train/folds/$fold/train/wav.scp")"
touch mark
tap_ok "again" folds
tap_is "does nothing" "$(find folds train/folds -newer mark -name '*.safetensors')" ""
echo epochs=2 > conf/pretrain_speech.conf
rm -r folds
tap_fails "with another configuration" 'pretrain/hubert holds a finished model, and not of what is asked for now: other configuration. It stays' folds
tap_is "nothing is overwritten" "$(find train/folds/*/pretrain -newer mark -name model.safetensors)" ""
tap_ok "unless it is asked for" folds --retrain true
tap_is "speech is pre-trained anew, words are not" "$(find train/folds/*/pretrain -newer mark -name model.safetensors)" \
  "train/folds/$fold/pretrain/hubert/model.safetensors"
tap_fails "an unknown kind" '--pretrain is none, speech, words or both, found "all"' folds --pretrain all
tap_done
