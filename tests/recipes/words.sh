#!/usr/bin/env bash
# serin-train with words: BERT on texts and on what CTC writes down, every fusion, the second stage, and what is refused.
# shellcheck source=tests/recipes/tap.sh disable=SC2317
. "${srcdir:-.}/tests/recipes/tap.sh"
PATH=$PWD/tests/recipes:$PATH
cd "$tap_dir" || exit 1
conf=$top/tests/recipes/tones.conf
small=(--bert-width=16 --bert-layers=1 --bert-heads=2 --bert-inner=32 --fusion-heads=2 --pieces=vocab.txt)
train() { serin-train --config="$conf" "${small[@]}" "$@"; }
accuracy() { serin-score-labels "test/$1" "$2/$1" 2> /dev/null | sed -n 's/^%UA \([0-9]*\).*/\1/p'; }
tap_least() { if [[ $2 -ge $3 ]]; then tap_is "$1" x x; else tap_is "$1" "$2" "$3 or more"; fi }

make_tones train 100 1 && make_tones test 24 2
tap_ok "pieces" serin-make-vocab --type=pieces --least=1 train/text vocab.txt
tap_is "begin with BERT's own" "$(head -5 vocab.txt | tr '\n' ' ')" "[PAD] [UNK] [CLS] [SEP] [MASK] "
tap_is "and hold every word" "$(cut -d ' ' -f 2- train/text | tr 'A-Z ' 'a-z\n' | grep .. | sort -u)" \
  "$(sed 1,5d vocab.txt | grep -v '##' | grep .. | sort)"

# ---- text alone
tap_ok "text" train --input=text --lambda-ctc=0 --lambda-gender=0 --lambda-style=0 --epochs=2 train text
tokens=$(awk '{ n += NF + 1 } END { print n }' train/text)      # a word is one, and [CLS] and [SEP]
tap_has "tells what it reads" .err "100 utterances, $tokens tokens; development: 0"
tap_is "and how fast: in texts and in tokens" "$(sed -nE 's/.* s of updates, ([0-9]+) utterances\/s, ([0-9]+) tokens\/s, peak .*/\1 \2/p' .err |
  awk -v per="$tokens" '{ d = $1 * per / 100 / $2; print ($1 > 0), (d > 0.9 && d < 1.1) }')" "1 1"
tap_is "there is no time in them" "$(grep -cE 'real time|minutes|FLOP' .err)" 0
tap_ok "what it costs" train --input=text --lambda-ctc=0 --lambda-gender=0 --lambda-style=0 --epochs=9 --estimate=1 train cost
tap_is "is told for a text" "$(grep -cE "^CPU seconds an utterance: updates [0-9.e-]+ features 0; read $tokens tokens, [0-9]+ MiB, " .out)" 1
tap_ok "is decoded" serin-decode text test text/out
tap_is "with an emotion each" "$(wc -l < text/out/utt2emo)" 24
mkdir mute mute_test
cp train/{text,utt2*} mute && cp test/text mute_test
tap_ok "the same without any sound" train --input=text --lambda-ctc=0 --lambda-gender=0 --lambda-style=0 --epochs=2 \
  --dev-dir=mute mute text2
tap_ok "gives the same bytes" cmp text/model.safetensors text2/model.safetensors
tap_ok "is decoded without sound" serin-decode text2 mute_test text2/out
tap_ok "and answers the same" cmp text/out/utt2emo text2/out/utt2emo
sed -i '$d' mute/utt2emo
tap_refuses "an utterance without a label" "mute/utt2emo: no line for utterance" train --input=text --lambda-ctc=0 --epochs=1 mute x
rm mute/text
tap_refuses "no text, either" "mute/text: missing, and the model reads nothing else" train --input=text --lambda-ctc=0 mute x
rm -r mute

# ---- both
for fusion in self cross gate tgf-gate; do
  tap_ok "fusion $fusion" train --input=both --fusion=$fusion --train-text=noisy --epochs=1 train "exp-$fusion"
done
tap_is "which has time, as its sound has" "$(grep -cE ' s of updates, [0-9]+ times real time, [0-9.]+ GFLOP/s|100 utterances, [0-9.]+ minutes; ' .err)" 2
tap_is "attention is as the paper prints it" "$(grep -c residual exp-self/config exp-self/fusion.json | cut -d : -f 2 | tr '\n' ' ')$(
  grep -hoE 'fusion-residual=.*|"residual": [a-z]*' exp-self/config exp-self/fusion.json | tr '\n' ' ')" '1 1 fusion-residual=false "residual": false '
tap_is "without a norm" "$(grep -ac 'fusion.acoustic.self.norm' exp-self/model.safetensors)" 0
tap_ok "with residual and norm" train --input=both --fusion=self --fusion-residual=true --train-text=noisy --epochs=1 train residual
tap_ok "is another model" bash -c 'serin-decode residual test residual/out && grep -aq fusion.acoustic.self.norm residual/model.safetensors'
tap_is "in the words of before" "$(sed -i 's/"residual": true/"plain": false/' residual/fusion.json && grep -c plain residual/fusion.json)" 1
tap_ok "it is read" serin-decode --no-verify residual test residual/out2
tap_ok "as it was" cmp residual/out/emotion.ark residual/out2/emotion.ark
sed -i '/"plain"/d' residual/fusion.json
tap_refuses "but not without either" "residual, one_sided, sigmoid_first, dropout or init is missing" serin-decode --no-verify residual test residual/out3
tap_ok "the temporal gate" train --input=both --fusion=tgf --train-text=asr --lambda-cl=0.1 train tgf
tap_ok "decodes" serin-decode --beam=4 tgf test tgf/out
for table in utt2emo utt2gender utt2style; do tap_least "$table is learnt" "$(accuracy $table tgf/out)" 60; done
tap_is "a gate of each piece" "$(serin-copy-matrix ark:tgf/out/gate_text.ark ark,t:- 2> /dev/null | grep -c '^ ')" \
  "$(serin-copy-matrix ark:tgf/out/gate_text.ark ark,t:- 2> /dev/null | grep '^ ' | awk '$1 > 0 && $1 < 1' | wc -l)"
tap_is "of each sound" "$(wc -l < tgf/out/gate_speech.scp)" 24
tap_ok "are drawn" serin-plot --kind=gates tgf/out test/utt2emo gates.svg
tap_is "a curve of each emotion in speech and in text" "$(grep -c '<polyline' gates.svg)" \
  $((2 * $(cut -d ' ' -f 2 test/utt2emo | sort -u | wc -l)))
tap_ok "all of the gate" serin-decode --gates=all tgf test whole
means() { serin-copy-matrix "ark:$1/gate_text.ark" ark,t:- 2> /dev/null | grep '^ ' | awk '
  { sum = n = 0; for (i = 1; i <= NF; i++) if ($i ~ /^[0-9]/) { sum += $i; n++ } print sum / n, n }'; }
tap_is "whose mean is the gate of before" "$(paste -d ' ' <(means whole) <(means tgf/out) |
  awk '{ d = $1 - $3; if ($2 != 16 || $4 != 1 || d > 1e-4 || d < -1e-4) bad++ } END { print (NR > 50), bad + 0 }')" "1 0"
tap_ok "is drawn as well" serin-plot --kind=gates whole test/utt2emo whole.svg
tap_refuses "of a fusion without" "exp-self/out/gate_speech.ark: No such file" bash -c \
  'serin-decode exp-self test exp-self/out && serin-plot --kind=gates exp-self/out test/utt2emo none.svg'
tap_ok "one by one" serin-decode --beam=4 --batch-seconds=0.1 tgf test alone
tap_ok "the same" cmp tgf/out/utt2emo alone/utt2emo
tap_ok "single sounds" serin-recognize --beam=4 --scp=test/wav.scp tgf
tap_is "the same, too" "$(sed 's/.*"emotion":"\([a-z]*\)".*/\1/' .out)" "$(cut -d ' ' -f 2 tgf/out/utt2emo)"
tap_ok "on its own words, concatenated" train --input=both --train-text=asr --epochs=2 train heard
tap_ok "again" train --input=both --train-text=asr --epochs=2 train heard2
tap_ok "gives the same bytes" cmp heard/model.safetensors heard2/model.safetensors

# Experiment 13 that learns no words and reads the reference is experiment 9.
options() { awk -v n="$1" '!/^#/ && $1 == n { $1 = $2 = $3 = $4 = ""; print }' "$top/egs/utils/experiments.txt"; }
# shellcheck disable=SC2046
{
  tap_ok "experiment 9" train --lambda-ctc=0 --lambda-gender=0 --lambda-style=0 --epochs=1 $(options 9) train exp9
  tap_ok "experiment 13 without words of its own" train --lambda-ctc=0 --lambda-gender=0 --lambda-style=0 --epochs=1 $(options 13) \
    --train-text=ref --test-text=ref train exp13
}
tap_ok "is the same to the bit" cmp exp9/model.safetensors exp13/model.safetensors
for m in exp9 exp13; do tap_ok "$m is decoded" serin-decode $m test $m/out; done
tap_ok "to the same answers" cmp exp9/out/emotion.ark exp13/out/emotion.ark

# ---- speech alone first
warm=(--input=both --fusion=tgf --train-text=asr --stage1-warm=3 --epochs=5)
tap_ok "a first stage that begins with speech alone" train "${warm[@]}" train warm
tap_is "and nothing of the first model is said to be read by nobody" "$(grep -c "no part of the model" "$tap_dir/.err")" 0
tap_is "of so many epochs" "$(tail -n 1 warm/warm/train.tsv | cut -f 2) $(tail -n 1 warm/train.tsv | cut -f 2)" "3 2"
tap_is "goes on with what was learnt of the words" \
  "$(awk 'FNR == 2 { x[FILENAME] = $6 } END { print (x["warm/train.tsv"] < x["warm/warm/train.tsv"] / 2) }' warm/{warm/,}train.tsv)" 1
train "${warm[@]}" train stopped & pid=$!
while [[ $(wc -l 2> /dev/null < stopped/warm/train.tsv || echo 0) -lt 2 ]] && kill -0 $pid 2> /dev/null; do sleep 0.02; done
kill -INT $pid && wait $pid 2> /dev/null
tap_ok "stopped in it, and again" train "${warm[@]}" train stopped
tap_ok "it is the same to the bit" cmp warm/model.safetensors stopped/model.safetensors
tap_ok "its configuration goes on with it" serin-train --config=warm/config train warm
tap_ok "and elsewhere" serin-train --config=warm/config train warm2
tap_ok "makes the same to the bit" cmp warm/model.safetensors warm2/model.safetensors
tap_refuses "nothing but speech alone" "none is left for speech and words together" train --input=both --stage1-warm=5 --epochs=5 train x
tap_refuses "words that never join" "before words join it" serin-train --config="$conf" --stage1-warm=2 train x

# ---- the second stage
second=(--stage=2 --train-text=asr --init-model=tgf --lambda-ctc=0 --adapter-dim=4 --lora-rank=2)
tap_ok "a second stage that learns nothing" train "${second[@]}" --learning-rate=0 --decay=0 --average=none --epochs=1 train second
tap_ok "decodes" serin-decode --beam=4 second test second/out
tap_ok "to the bit as the first" cmp tgf/out/emotion.ark second/out/emotion.ark
tap_ok "with the same words" cmp tgf/out/text second/out/text
tap_ok "one that learns" train "${second[@]}" --epochs=2 train third
tap_ok "decodes, too" serin-decode --beam=4 third test third/out
tap_ok "again" train "${second[@]}" --epochs=2 train third
train --input=both --fusion=tgf --train-text=asr --lambda-cl=0.1 --seed=2 --epochs=1 train tgf2 2> /dev/null
tap_refuses "but not when the first is another by now" "initial-weights was" bash -c 'mv tgf kept && mv tgf2 tgf && "$@"' - \
  serin-train --config="$conf" "${second[@]}" --epochs=2 train third
rm -r tgf && mv kept tgf
tap_ok "the words as they were" cmp tgf/out/text third/out/text
tap_least "and keeps the emotions" "$(accuracy utt2emo third/out)" 60
# changed A B: how many tensors of the encoders, and of the CTC head, differ.
changed() {
  perl -0777 -e '
    sub tensors { open F, "<:raw", $_[0]; $_ = <F>; my $n = unpack "Q<", $_; my $h = substr $_, 8, $n; my %t;
      while ($h =~ /"([^"]+)":\{[^{}]*?"data_offsets":\[(\d+), ?(\d+)\]/g) { $t{$1} = substr $_, 8 + $n + $2, $3 - $2 } %t }
    my (%a, %b) = (); %a = tensors($ARGV[0]); %b = tensors($ARGV[1]); my ($e, $c) = (0, 0);
    for (keys %a) { next if $a{$_} eq ($b{$_} // ""); /^(hubert|bert)/ and $e++; /^lm_head/ and $c++ }
    print $e > 0 ? "encoders " : "", $c > 0 ? "head" : ""' "$1/model.safetensors" "$2/model.safetensors"
}
tap_is "the encoders are those of the first" "$(changed tgf third)" ""
tap_ok "adapters that learn from the texts, too" train "${second[@]}" --lambda-ctc=1 --epochs=2 train fourth
tap_is "leave the first's weights as they were" "$(changed tgf fourth)" ""
tap_ok "but are others" bash -c '! cmp -s third/model.safetensors fourth/model.safetensors'
tap_is "as others have no alpha" "$(grep -c serin_lora_alpha third/config.json)" 0
tap_ok "LoRA times alpha / rank" train "${second[@]}" --lora-alpha=8 --epochs=2 train alpha
tap_is "is in the folder" "$(grep -h lora_alpha alpha/config.json alpha/bert_config.json | tr -d ' \n')" '"serin_lora_alpha":8.0,"serin_lora_alpha":8.0,'
tap_ok "and another model" bash -c '! cmp -s third/model.safetensors alpha/model.safetensors && serin-decode alpha test alpha/out'
cp -r alpha alpha2 && sed -i '/lora_alpha/d' alpha2/config.json
tap_refuses "which cannot be forgotten" "configuration" serin-decode alpha2 test alpha2/out
tap_ok "dropout in the frozen encoders, when asked for" train "${second[@]}" --frozen-dropout=true --epochs=2 train blurred
tap_ok "is another regime" bash -c '! cmp -s third/model.safetensors blurred/model.safetensors'
tap_ok "adapters in the upper layer alone" train "${second[@]}" --adapter-layers=1 --epochs=1 train upper
tap_is "are nowhere else" "$(grep -aoE 'hubert.encoder.layers.[0-9]+.(adapter|lora)' upper/model.safetensors | sort -u | tr '\n' ' ')" \
  "hubert.encoder.layers.1.adapter hubert.encoder.layers.1.lora "
tap_ok "and are read again" serin-decode upper test upper/out
tap_ok "everything again" train --stage=2 --tune=all --train-text=asr --init-model=tgf --epochs=2 train fifth
tap_is "is trained" "$(changed tgf fifth)" "encoders head"
# Encoders learn at a rate of their own, what is added to them at that of fusion and heads.
added() { perl -0777 -ne 'my $n = unpack "Q<"; my $h = substr $_, 8, $n; my %k;
  while ($h =~ /"[^"]*(adapter\.up|lora\.\w+_b)\.weight":\{[^{}]*?"data_offsets":\[(\d+), ?(\d+)\]/g) {
    my ($what, $from, $to) = ($1, $2, $3);
    $k{substr $what, 0, 4} = 1 if substr($_, 8 + $n + $from, $to - $from) =~ /[^\0]/ }
  print join " ", sort keys %k' "$1/model.safetensors"; }
all=(--stage=2 --tune=all --train-text=asr --init-model=tgf --adapter-dim=4 --lora-rank=2 --decay=0 --average=none --epochs=1)
tap_ok "encoders at a rate of 0" train "${all[@]}" --encoder-learning-rate=0 train still
tap_is "stay as they are, not what is added to them" "$(changed tgf still)/$(added still)" "head/adap lora"
tap_ok "encoders alone" train "${all[@]}" --learning-rate=0 --encoder-learning-rate=1e-3 train alone-learn
tap_is "learn while all that is new does not" "$(changed tgf alone-learn)/$(added alone-learn)" "encoders /"
tap_ok "the factor of before" train --config=<(echo "encoder-rate=0.5") --rate=2e-3 --fusion-plain=false --input=both --fusion=tgf --max-updates=1 train factor
tap_has "is told as a rate" .err "write encoder-learning-rate=0.001"
tap_has "and the rate's old name" .err "--rate is an old name: write --learning-rate=2e-3"
tap_has "the contrary of fusion-plain, too" .err "write fusion-residual=true"
tap_is "which is what is done" "$(grep -E '^(encoder-)?learning-rate|^fusion-res' factor/config | tr '\n' ' ')" \
  "fusion-residual=true learning-rate=0.002 encoder-learning-rate=0.001 "
tap_ok "a first stage without words" train --lambda-ctc=0 --epochs=1 train deaf

tap_ok "adapters alone, from the beginning" train --freeze-encoders=true --adapter-dim=4 --init-model=deaf --epochs=2 train sixth
tap_is "leave the encoders as they are" "$(changed deaf sixth)" ""
tap_ok "and learn" serin-decode sixth test sixth/out

# ---- refused
tap_refuses "words without pieces" "needs pieces=vocab.txt" serin-train --config="$conf" --input=both train x
tap_refuses "no text" "set input=speech" bash -c "cp -r train mute && rm mute/text && serin-train --config=$conf --lambda-ctc=0 \
  --test-text=ref --input=both --pieces=vocab.txt mute x"
tap_refuses "nothing to read" "but lambda-ctc=0" train --input=both --lambda-ctc=0 train x
tap_refuses "text that is to be heard" "set lambda-ctc=0" train --input=text train x
tap_refuses "a stage before its first" "stage=2 needs init-model" train --stage=2 train x
tap_refuses "texts for a first stage without words" "deaf/vocab.json: missing" train --stage=2 --pieces= --init-model=deaf train x
tap_refuses "a first stage that is not there" "absent" train --stage=2 --lambda-ctc=0 --init-model=absent train x
tap_refuses "heads that do not fit" "no multiple of fusion-heads=3" train --input=both --fusion=tgf --fusion-heads=3 train x
tap_refuses "contrast without words" "needs input=both" train --lambda-cl=1 train x
tap_done
