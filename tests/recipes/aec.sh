#!/usr/bin/env bash
# The corrector: serin-train-aec by itself, frozen and joint in a recogniser, in its second stage, and what is refused.
# shellcheck source=tests/recipes/tap.sh disable=SC2317
. "${srcdir:-.}/tests/recipes/tap.sh"
PATH=$PWD/tests/recipes:$PATH
cd "$tap_dir" || exit 1
conf=$top/tests/recipes/tones.conf
small=(--pieces=pieces.txt --bert-width=32 --bert-layers=1 --bert-heads=2 --bert-inner=64 --bert-dropout=0 --aec-layers=1)
aec() { serin-train-aec "${small[@]}" --epochs=9 --learning-rate=0.008 "$@"; }
train() { serin-train --config="$conf" --input=both --fusion-heads=2 "$@"; }
wer() { serin-score-text "$1" "$2" 2> /dev/null | sed -n 's/^%WER \([0-9.]*\).*/\1/p'; }

# Words of A to D; the recogniser is said to hear every D twice.
make_tones train 60 1 && make_tones test 24 2
awk 'BEGIN { srand(3); for (i = 0; i < 1000; i++) { s = ""; for (w = 0; w < 2; w++) { s = s " "; n = 2 + int(rand() * 2)
  for (k = 0; k < n; k++) s = s substr("ABCD", 1 + int(rand() * 4), 1) } printf "u%04d%s\n", i, s } }' > said
awk '{ k = $1; $1 = ""; gsub("D", "DD"); print k "-1" $0 }' said > heard
serin-make-vocab --type=pieces --least=1000000 said pieces.txt 2> /dev/null

# ---- by itself
tap_ok "a corrector" aec said heard aec
tap_is "mends what can be mended" "$(sed -n 's/.*errors: \([0-9]*\)[.0-9]* % before correction, \([0-9]*\).*/\1 \2/p' .err |
  awk '{ print ($1 > 30), ($2 < 5) }')" "1 1"
tap_is "in a folder that is a BERT" "$(cd aec && echo *)" "checkpoints config.json lock model.safetensors vocab.txt"
tap_ok "serin-info" serin-info aec
tap_has "knows what it is for" .out "serin-train --init-aec"
timeout -s INT 0.2 serin-train-aec "${small[@]}" --epochs=9 --learning-rate=0.008 said heard again 2> /dev/null
tap_ok "interrupted and resumed" aec said heard again
tap_ok "it is the same to the bit" cmp aec/model.safetensors again/model.safetensors
awk '{ printf "v%04d %s\n", NR, NR % 20 < 10 ? "AB CD" : "D" NR % 20 }' said > again.said
tap_ok "texts that many say" aec --epochs=1 --dev-share=0.5 again.said again.said many
tap_is "are on one side each" "$(sed -n 's/.* pairs, \([0-9]*\) more for development.*/\1/p' .err | awk '{ print $1 % 50, ($1 > 0 && $1 < 1000) }')" "0 1"
tap_ok "noise alone" serin-train-aec "${small[@]}" --epochs=1 --noise=0.2 said said noise
tap_refuses "a hypothesis of nobody" 'heard2:1: "x-1": no text of it in said' bash -c "echo 'x-1 AB' > heard2 && serin-train-aec ${small[*]} said heard2 x"
tap_refuses "nothing to learn from" "no pair to learn from" bash -c "sed 's/ .*//' heard > heard2 && serin-train-aec ${small[*]} said heard2 x"
tap_refuses "another run's folder" "of a run with other settings or data" aec --learning-rate=0.004 said heard aec
tap_has "by name" .err "learning-rate was 0.008, is 0.004"
tap_refuses "another seed" "seed was 1, is 2" aec --seed=2 said heard aec
tap_refuses "another decay" "decay was 0.01, is 0.1" aec --decay=0.1 said heard aec
tap_refuses "another schedule" "schedule was cosine, is linear" aec --schedule=linear said heard aec
tap_refuses "other pairs" "data was" aec heard heard aec
tap_refuses "no pieces" "needs pieces=vocab.txt" serin-train-aec said heard x

# ---- frozen
frozen=(--aec=frozen --init-aec=aec --test-text=aec)
tap_ok "a recogniser with it" train "${frozen[@]}" --train-text=aec --lambda-cl=0.1 --epochs=15 train frozen
tap_is "logs the contrast" "$(awk -F '\t' 'NR > 1 && $16 > 0' frozen/train.tsv | wc -l)" 15
tap_ok "decodes" serin-decode frozen test frozen/out
tap_is "both texts of all" "$(wc -l < frozen/out/text) $(wc -l < frozen/out/text_aec)" "24 24"
tap_ok "which differ" bash -c '! cmp -s frozen/out/text frozen/out/text_aec'
tap_ok "one by one" serin-decode --batch-seconds=0.1 frozen test alone
tap_ok "the same corrections" cmp frozen/out/text_aec alone/text_aec
tap_ok "and emotions" cmp frozen/out/utt2emo alone/utt2emo
tap_ok "greedily" serin-decode --aec-beam=1 --aec-length-penalty=0 frozen test greedy
tap_is "corrects as the beam does what it is sure of" "$(($(diff frozen/out/text_aec greedy/text_aec | grep -c '^<') < 6))" 1
tap_ok "single sounds" serin-recognize --scp=test/wav.scp frozen
tap_is "have the corrected text, too" "$(sed 's/.*"corrected":"\([^"]*\)".*/\1/' .out)" "$(sed 's/^[^ ]* *//' frozen/out/text_aec)"
tap_is "and the same emotions" "$(sed 's/.*"emotion":"\([a-z]*\)".*/\1/' .out)" "$(cut -d ' ' -f 2 frozen/out/utt2emo)"

# ---- joint
tap_ok "trained with the recogniser" train --aec=joint --init-aec=aec --lambda-aec=0.3 --test-text=aec --epochs=4 train joint
tap_is "logs its loss" "$(awk -F '\t' 'NR > 1 && $15 > 0' joint/train.tsv | wc -l)" 4
tap_ok "with a decoder of its own making" train --aec=joint --lambda-aec=0.3 "${small[@]}" --epochs=1 train fresh
tap_ok "with weight 0" train --aec=joint --init-aec=aec --train-text=asr --epochs=2 train zero
tap_ok "and without it" train --init-bert=aec --train-text=asr --epochs=2 train none
# How many tensors that both have differ.
tap_is "everything else is the same to the bit" "$(perl -0777 -e '
    sub tensors { open F, "<:raw", $_[0]; $_ = <F>; my $n = unpack "Q<", $_; my $h = substr $_, 8, $n; my %t;
      while ($h =~ /"([^"]+)":\{[^{}]*?"data_offsets":\[(\d+), ?(\d+)\]/g) { $t{$1} = substr $_, 8 + $n + $2, $3 - $2 } %t }
    my %a = tensors($ARGV[0]); my %b = tensors($ARGV[1]); my ($n, $d) = (0, 0);
    for (keys %b) { $n++; $d++ if $b{$_} ne ($a{$_} // "") } print $n > 40 ? $d : "few"' zero/model.safetensors none/model.safetensors)" 0

# ---- the second stage
second=(--stage=2 --init-model=joint --adapter-dim=4 --lambda-ctc=0 --train-text=aec)
tap_ok "a second stage that learns nothing" train "${second[@]}" --learning-rate=0 --decay=0 --average=none --epochs=1 train second
tap_ok "decodes" serin-decode second test second/out
serin-decode joint test joint/out 2> /dev/null
tap_ok "to the bit as the first" cmp joint/out/emotion.ark second/out/emotion.ark
tap_ok "one that learns" train "${second[@]}" --lambda-cl=0.1 --epochs=2 train third
serin-decode third test third/out 2> /dev/null
both() { paste -d '|' "$1/out/text" "$1/out/text_aec"; }
tap_is "corrects as the first what it hears as the first, since adapters are not the corrector's" \
  "$(comm -12 <(both joint | sort) <(both third | sort) | wc -l)" "$(comm -12 joint/out/text third/out/text | wc -l)"

# ---- adapters in a file of their own
alone=("${second[@]}" --lambda-cl=0.1 --epochs=2 --save=adapters)
tap_ok "adapters alone" train "${alone[@]}" train adapters
tap_is "are a small file" "$(($(stat -c %s adapters/model.safetensors) * 2 < $(stat -c %s third/model.safetensors)))" 1
tap_ok "which decodes" serin-decode adapters test adapters/out
tap_ok "to the bit as all of it" cmp third/out/emotion.ark adapters/out/emotion.ark
tap_ok "is read by serin-recognize, too" serin-recognize --scp=test/wav.scp adapters
tap_ok "and described" serin-info adapters
tap_ok "and trained on" train --stage=2 --init-model=adapters --adapter-dim=4 --lambda-ctc=0 --learning-rate=0 --decay=0 --average=none --epochs=1 train on
serin-decode on test on/out 2> /dev/null
tap_ok "from where it was" cmp third/out/emotion.ark on/out/emotion.ark
tap_ok "resumed" train "${alone[@]}" train adapters
mv joint joint.kept
tap_refuses "a base that is gone" "nothing is there: ln -sfn" serin-decode adapters test x
cp -r frozen joint
tap_refuses "another base" "adapters for the model with the hash" serin-recognize adapters test/wav/spk0-0000.wav
rm -r joint && mv joint.kept joint
tap_refuses "a base of adapters" "holds adapters alone; a base is a whole model" train "${second[@]}" --init-model=adapters --save=adapters train x
tap_refuses "everything as adapters" "save=adapters needs stage=2 and tune=adapters" train "${second[@]}" --tune=all --save=adapters train x

# ---- negatives
cl=(--train-text=asr --lambda-cl=0.5 --batch-seconds=2 "${small[@]}" --epochs=2)
tap_ok "negatives of the whole update" train "${cl[@]}" --accumulate=3 train batch
tap_ok "and of one batch" train "${cl[@]}" --accumulate=3 --cl-scope=micro train micro
tap_ok "are others" bash -c '! cmp -s batch/model.safetensors micro/model.safetensors'
tap_is "more of them, so the loss is greater" "$(awk -F '\t' 'FNR == 2 { x[FILENAME] = $16 }
  END { print (x["batch/train.tsv"] > x["micro/train.tsv"] + 0.3) }' batch/train.tsv micro/train.tsv)" 1

# ---- refused
tap_refuses "corrected text without a corrector" "test-text=aec needs a corrector: set aec=frozen" train --test-text=aec "${small[@]}" train x
tap_refuses "a frozen one from nowhere" "aec=frozen needs init-aec" train --aec=frozen "${small[@]}" train x
tap_refuses "one that is to learn" "lambda-aec=1 needs aec=joint, not frozen" train "${frozen[@]}" --lambda-aec=1 train x
tap_refuses "one that is not used" "init-aec=aec, but aec=none" train --init-aec=aec train x
tap_refuses "two BERTs" "brings its BERT: leave out init-bert" train "${frozen[@]}" --init-bert=aec train x
tap_refuses "speech alone" "it needs input=both" train "${frozen[@]}" --input=speech --test-text=asr train x
tap_refuses "nothing to correct" "but lambda-ctc=0" train "${frozen[@]}" --lambda-ctc=0 train x
tap_refuses "a BERT for a corrector" "no corrector's folder; serin-train-aec makes" train "${frozen[@]}" --init-aec=joint train x
tap_refuses "one that is not there" "nowhere" train "${frozen[@]}" --init-aec=nowhere train x
tap_refuses "another for the second stage" "aec=frozen, where it has joint" train "${second[@]}" --aec=frozen train x
tap_refuses "none" "aec=none, where it has joint" train "${second[@]}" --aec=none train x
tap_refuses "or that of a folder" "has the corrector of init-model, as it is: leave out init-aec=aec" train "${second[@]}" --init-aec=aec train x
tap_is "the configuration says which it is" "$(grep -hx 'aec=.*' second/config adapters/config | tr '\n' ' ')" "aec=joint aec=joint "
tap_ok "and makes it again" train --config=second/config train second2
tap_ok "to the bit" cmp second/model.safetensors second2/model.safetensors
tap_refuses "a first stage without" "none: no corrector in it, which train-text=aec needs" train "${second[@]}" --init-model=none train x
tap_done
