#!/usr/bin/env bash
# Models that are begun with: keys that were given apply or are refused by name, others are the model's, and exp/config says what is
# done. What is done to texts goes with the model.
# shellcheck source=tests/recipes/tap.sh disable=SC2317
. "${srcdir:-.}/tests/recipes/tap.sh"
PATH=$PWD/tests/recipes:$PATH
cd "$tap_dir" || exit 1
conf=$top/tests/recipes/tones.conf
sizes=(--width=48 --heads=2 --inner=96 --layers=2 --pos-kernel=7 --pos-groups=4)
bert=(--bert-width=16 --bert-layers=1 --bert-heads=2 --bert-inner=32)
quick=(--learning-rate=1e-3 --bin-masks=0 --time-masks=0 --speed=0 --max-updates=1)
values() { local f=$1; shift; for k; do grep -h "^$k=" "$f" | sed 's/.*=//'; done | tr '\n' ' '; }
json() { local f=$1; shift; for k; do grep -h "\"$k\":" "$f" | sed 's/.*: //; s/,$//'; done | tr '\n' ' '; }

make_tones train 24 1
serin-make-vocab --type=pieces --least=1 train/text vocab.txt 2> /dev/null
tap_ok "a model" serin-train --config="$conf" --max-updates=1 train a
tap_ok "BERT" serin-pretrain-bert "${quick[@]}" "${bert[@]}" --pieces=vocab.txt train/text bert

# ---- what was not said is the model's
tap_ok "begun with, without a word about sizes" serin-train "${quick[@]}" --init-model=a train plain
tap_is "the configuration says them" "$(values plain/config width heads inner layers pos-kernel pos-groups bins)" "48 2 96 2 7 4 40 "
tap_is "and the dropout" "$(values plain/config dropout attention-dropout layer-drop mask-time-prob)" "0.1 0.1 0 0 "
tap_ok "sizes that are the model's" serin-train "${quick[@]}" "${sizes[@]}" --init-model=a train same
tap_ok "change nothing" cmp plain/model.safetensors same/model.safetensors
tap_ok "the configuration makes it again" serin-train --config=plain/config train again
tap_ok "to the bit" cmp plain/model.safetensors again/model.safetensors

# ---- dropout and masks
drop=(--dropout=0.3 --attention-dropout=0.2 --activation-dropout=0.25 --layer-drop=0.05 --head-dropout=0.35 --mask-time-prob=0.5 --mask-time-length=2)
dropped="0.3 0.2 0.25 0.05 0.35 0.5 2 "
tap_ok "dropout and masks" serin-train "${quick[@]}" "${drop[@]}" --init-model=a train drop
tap_is "are the model's" "$(json drop/config.json hidden_dropout attention_dropout activation_dropout layerdrop final_dropout \
  mask_time_prob mask_time_length)" "$dropped"
tap_is "and recorded" "$(values drop/config dropout attention-dropout activation-dropout layer-drop head-dropout mask-time-prob \
  mask-time-length)" "$dropped"
tap_is "and done" "$(json drop/config.json apply_spec_augment feat_proj_dropout)" "true 0.3 "
tap_ok "which changes the result" bash -c '! cmp -s plain/model.safetensors drop/model.safetensors'
tap_ok "the same with sizes of a file" serin-train "${quick[@]}" "${drop[@]}" --model-config=a/config.json train shape
tap_is "is that of the file otherwise" "$(values shape/config width dropout mask-time-prob)$(json shape/config.json hidden_dropout)" "48 0.3 0.5 0.3 "
tap_ok "masks taken away" serin-train "${quick[@]}" --init-model=drop --mask-time-prob=0 train unmasked
tap_is "are none" "$(json unmasked/config.json apply_spec_augment hidden_dropout)" "false 0.3 "

# ---- sizes that are others
for other in width=64 heads=4 inner=32 layers=1 pre-norm=false pos-kernel=5 pos-groups=2 bins=20 stack=2 front-end=conv cmvn=utterance; do
  tap_refuses "$other" "init-model=a: what its weights are made for cannot be changed: $other, where it has" \
    serin-train "${quick[@]}" --init-model=a --$other train x
done
tap_refuses "two of them" "width=64, where it has 48; layers=3, where it has 2" serin-train "${quick[@]}" --init-model=a --width=64 --layers=3 train x
tap_ok "one in a file" serin-train "${quick[@]}" --config=<(echo inner=7) --init-model=a train told
tap_has "is told" .err "init-model=a: the model's own count, not those of the configuration: inner=7, where it has 96"
tap_is "and the model's is done and recorded" "$(values told/config inner)$(cmp plain/model.safetensors told/model.safetensors)" "96 "
tap_refuses "beside a file of sizes" "model-config=a/config.json: what its weights are made for cannot be changed: width=64, where it has 48" \
  serin-train --model-config=a/config.json --width=64 train x
sed 's/.*/& 0 0 0 0 0 0/' <(cut -d ' ' -f 1 train/text) > labels
tap_refuses "pre-training" "width=64, where it has 48" serin-pretrain-hubert --init-model=a --width=64 train labels x

# ---- BERT
both=(--config="$conf" --input=both --train-text=noisy --max-updates=1 --fusion-heads=2)
tap_ok "a BERT to begin with" serin-train "${both[@]}" --init-bert=bert --bert-dropout=0.4 train words
tap_is "its sizes are recorded" "$(values words/config bert-width bert-layers bert-heads bert-inner bert-dropout)" "16 1 2 32 0.4 "
tap_is "its dropout is the given one" "$(json words/bert_config.json hidden_dropout_prob attention_probs_dropout_prob)$(
  json words/fusion.json dropout)" "0.4 0.4 0.4 "
for other in bert-width=32 bert-layers=2 bert-heads=4 bert-inner=16; do
  tap_refuses "$other" "init-bert=bert: what its weights are made for cannot be changed: $other, where it has" \
    serin-train "${both[@]}" --init-bert=bert --$other train x
done
tap_refuses "pre-training it" "bert-width=32, where it has 16" serin-pretrain-bert --init-bert=bert --bert-width=32 train/text x
tap_refuses "the corrector" "bert-layers=2, where it has 1" serin-train-aec --init-bert=bert --bert-layers=2 train/text train/text x
tap_ok "adapters in both encoders" serin-train "${both[@]}" --init-model=a --init-bert=bert --adapter-dim=4 train adapted
tap_is "are in both" "$(grep -aoE '(hubert|bert)\.encoder\.layers?\.0\.adapter\.up\.weight' adapted/model.safetensors | sort -u | wc -l)" 2

# ---- the second stage
second=("${quick[@]}" --stage=2 --init-model=words --lambda-ctc=0 --adapter-dim=4)
tap_ok "a second stage" serin-train "${second[@]}" train second
tap_is "says what it is of" "$(values second/config input fusion fusion-heads width bert-width bert-dropout test-text)" "both concat 2 48 16 0.4 asr "
for other in input=speech fusion=tgf fusion-heads=4 fusion-dim=8 fusion-residual=true gate-form=one-sided head-hidden=8 text-norm=upper bert-width=8; do
  tap_refuses "$other" "$other, where it has" serin-train "${second[@]}" --$other train x
done
sed 's/^\[unused[0-9]*\]$/&x/; $s/$/x/' vocab.txt > others.txt
sed 's/"B"/"X"/' words/vocab.json > others.json
tap_refuses "pieces" "pieces=others.txt, where it has others" serin-train "${second[@]}" --pieces=others.txt train x
tap_refuses "characters" "vocabulary=others.json, where it has others" serin-train "${second[@]}" --vocabulary=others.json train x
tap_refuses "a corrector" "aec=frozen, where it has none" serin-train "${second[@]}" --aec=frozen train x
tap_refuses "pieces of a model without words" "pieces=vocab.txt, where it has none" serin-train "${second[@]}" --init-model=a --pieces=vocab.txt train x
tap_refuses "files that are not there" "nowhere.txt" serin-train "${second[@]}" --pieces=nowhere.txt train x
tap_ok "the same pieces and characters" serin-train "${second[@]}" --pieces=vocab.txt --vocabulary=words/vocab.json train second2
tap_is "are recorded" "$(values second2/config pieces vocabulary)" "vocab.txt words/vocab.json "
tap_ok "and change nothing" cmp second/model.safetensors second2/model.safetensors
tap_ok "others in a file" serin-train "${second[@]}" --config=<(echo pieces=others.txt) train second3
tap_has "are told" .err "pieces=others.txt, where it has others"
tap_is "and not recorded" "$(values second3/config pieces)" " "
tap_ok "the reference when recognising" serin-train "${second[@]}" --test-text=ref train reference
tap_is "is what BERT reads" "$(json reference/fusion.json words)" '"ref" '
tap_ok "a third stage" serin-train "${quick[@]}" --stage=2 --init-model=second --lambda-ctc=0 train third
tap_is "keeps the adapters there are" "$(values third/config adapter-dim)$(json third/config.json serin_adapter_dim)" "4 4 "
tap_refuses "of another size" "adapter-dim=8, where it has 4" serin-train "${second[@]}" --init-model=second --adapter-dim=8 train x

# ---- texts
mkdir digits digits_test
for i in {10..49}; do echo "u$i say $((i % 2 + 1)) now"; done > digits/text
awk '{ print $1, $3 == 1 ? "ang" : "sad" }' digits/text > digits/utt2emo
cp digits/* digits_test
norm=(--text-norm=digits)
serin-make-vocab --type=pieces --least=1 --norm=digits digits/text digits.txt 2> /dev/null
text=(--input=text --lambda-ctc=0 "${bert[@]}" "${norm[@]}" --pieces=digits.txt --learning-rate=1e-2 --average=none)
tap_ok "texts whose digits are spelt" serin-train "${text[@]}" --epochs=10 --dev-dir=digits digits spelt
tap_is "are told apart" "$(tail -n 1 spelt/train.tsv | cut -f 9)" 100
tap_is "the folder says how" "$(json spelt/config.json serin_text_norm)" '"digits" '
tap_ok "decoding" serin-decode spelt digits_test spelt/out
tap_ok "does the same" cmp spelt/out/utt2emo digits/utt2emo
tap_ok "BERT pre-trained on such texts" serin-pretrain-bert "${bert[@]}" "${norm[@]}" --pieces=digits.txt --max-updates=2 digits/text bert2
printf 'a say 1 now\n' > digit && printf 'a say one now\n' > word
for t in digit word; do tap_ok "states of a $t" serin-states bert2 $t ark,t:$t.ark; done
tap_ok "are the same" cmp digit.ark word.ark
tap_ok "a model upon it" serin-train --input=text --lambda-ctc=0 --init-bert=bert2 --max-updates=1 digits upon
tap_is "reads its texts so, too" "$(values upon/config text-norm)$(json upon/config.json serin_text_norm)" 'digits "digits" '
tap_ok "unless another is asked for" serin-train --input=text --lambda-ctc=0 --init-bert=bert2 --text-norm=none --max-updates=1 digits upon2
tap_is "which is then the model's" "$(values upon2/config text-norm)$(json upon2/config.json serin_text_norm)" "none "
serin-normalize --norm=digits digits/text spelt.text 2> /dev/null
aec=(serin-train-aec --init-bert=bert2 --aec-layers=1 --epochs=1 --noise=0.2)
tap_ok "a corrector upon it" "${aec[@]}" digits/text digits/text corrector
tap_ok "and of texts that are spelt" "${aec[@]}" spelt.text spelt.text corrector2
tap_ok "are the same to the bit" cmp corrector/model.safetensors corrector2/model.safetensors
tap_is "the folder says how" "$(json corrector/config.json serin_text_norm)" '"digits" '
tap_refuses "what is done to texts goes with a run" "text-norm was digits, is none" "${aec[@]}" --text-norm=none digits/text digits/text corrector
aec=(serin-train-aec "${bert[@]}" "${norm[@]}" --pieces=digits.txt --aec-layers=1 --epochs=1)
tap_ok "a new corrector" "${aec[@]}" digits/text digits/text corrector3
tap_ok "and of spelt texts" "${aec[@]}" spelt.text spelt.text corrector4
tap_ok "are the same to the bit" cmp corrector3/model.safetensors corrector4/model.safetensors
tap_is "and say how" "$(json corrector3/config.json serin_text_norm)" '"digits" '
tap_ok "and a second stage of it" serin-train "${quick[@]}" --stage=2 --init-model=spelt --lambda-ctc=0 --adapter-dim=4 digits spelt2
tap_is "does as the first" "$(values spelt2/config text-norm)" "digits "
tap_done
