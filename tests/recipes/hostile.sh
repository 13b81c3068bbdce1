#!/usr/bin/env bash
# Names that would be commands, paths or escapes if anybody read them so: in words of jobs, in every table, in every corpus, in paths
# of options. "canary" is a program that leaves a file; it must never have run.
# shellcheck source=tests/recipes/tap.sh disable=SC1003,SC2016,SC2059,SC2154,SC2317
. "$(dirname "$0")/tap.sh"
build=$PWD
[[ -x tests/recipes/make_tones ]] || tap_skip_all "make_tones is not built"
export SERIN_BUILD=$build tap_dir
cd "$tap_dir" || exit 1
mkdir bin egs
printf '#!/bin/sh\necho "$0 $*" >> "%s/hit"\n' "$tap_dir" > bin/canary
chmod +x bin/canary
PATH=$tap_dir/bin:$PATH
for r in utils generic emodb fsdd iemocap meld commonvoice mini; do cp -r "$top/egs/$r" egs; rm -rf egs/$r/{data,exp,corpus}; done
utils=$tap_dir/egs/utils
# nothing_ran NAME: neither the canary nor a file in a place that no name may lead to.
nothing_ran() { tap_is "$1: nothing ran" "$(cat "$tap_dir/hit" 2> /dev/null; cd "$tap_dir" && ls -d X outside/X 2> /dev/null)" "outside/X"; }
mkdir outside
touch outside/X

# ---- words
words=('$(canary)' '`canary`' ';canary;' 'a;canary' '|canary' 'a|canary' '&canary&' '>X' $'a\ncanary\n' "'\$(canary)'" '"$(canary)"' "it's \"\$(canary)\""
  'a b;canary' '$(canary${IFS}x)' '${x:=`canary`}' '$((a[$(canary)]))' '<(canary)' '{canary,}' '*' '~' '\' 'é博' $'\x1b[2J\xc2\x9b' '#x' '!x' '-n' 'JOB')
"$utils/run.pl" --quote true words.log printf '<%s>\n' "${words[@]}"
tap_is "quoted words are words" "$(sed '1,3d' words.log | head -n -2)" "$(printf '<%s>\n' "${words[@]}")"
tap_is "the log is plain" "$(head -n 1 words.log | LC_ALL=C grep -cP '[\x00-\x1f\x7f]|\xc2[\x80-\x9f]')" 0
tap_is "its first line can be pasted" "$(eval "$(head -n 1 words.log | cut -c 3-)")" "$(printf '<%s>\n' "${words[@]}")"
for word in "${words[@]:0:16}"; do
  case $word in '>X') continue ;; esac
  "$utils/run.pl" one.log echo "$word" > /dev/null 2>&1
  "$utils/run.pl" one.log echo "data/$word/x" > /dev/null 2>&1
done
nothing_ran "words"
# shellcheck source=egs/utils/words.sh
. "$utils/words.sh"
given=('--a=$(canary)' "--b=it's" '--c="x  y"' '--d=\' '--e=é&|;*?~#' '--f')
split_words again "$(quote_words "${given[@]}")"
tap_is "lists of options keep their words" "$(printf '<%s>\n' "${again[@]}")" "$(printf '<%s>\n' "${given[@]}")"
tap_fails "quotes that do not close" 'unpaired quotes' split_words again "--a='x"

# ---- every table, from the directory to scores and a model
"$build/tests/recipes/make_tones" tones 40 1
generic=$tap_dir/egs/generic
sed 's/^lambda-ctc.*/lambda-ctc=1/; /^epochs/d; /^batch-seconds/d; /^learning-rate/d; /^speed/d' "$top/egs/generic/conf/train.conf" > "$generic/conf/train.conf"
grep -v lambda "$top/tests/recipes/tones.conf" | sed 's/^epochs=.*/epochs=1/' >> "$generic/conf/train.conf"
names=('$(canary)' '`canary`;x&' $'|ecanary&\'"\\1é' '*')
place="$tap_dir/my \"data\" \$(canary) 'é"
mkdir -p "$place/wav"
n=0
while read -r key _ text; do
  name=${names[n % 4]} id=$(printf '%s-%03d' "${names[n % 4]}" $n)
  sound="$place/wav/$id \$(canary).wav"
  cp "tones/wav/$key.wav" "$sound"
  echo "$id $sound" >> "$place/wav.scp"
  echo "$id $text \$(CANARY);canary" >> "$place/text"
  echo "$id $name" >> "$place/utt2spk"
  echo "$id $name" >> "$place/utt2fold"
  echo "$id $(awk -v k="$key" '$1 == k { print $2 == "ang" ? "$(canary)" : "a&b<\"" }' tones/utt2emo)" >> "$place/utt2emo"
  echo "$id $((n % 8 < 4))" | sed 's/ 0$/ m/; s/ 1$/ f/' >> "$place/utt2gender"
  echo "$id $([[ $((n % 3)) == 0 ]] && echo ';canary' || echo "'\`canary\`")" >> "$place/utt2style"
  n=$((n + 1))
done < tones/text
for table in wav.scp text utt2spk utt2fold utt2emo utt2gender utt2style; do sort -o "$place/$table" "$place/$table"; done
weights="$tap_dir/my \"models\" \$(canary) 'é/h"
mkdir -p "${weights%/h}"
cp -r "$top/tests/parity/hubert-group" "$weights"
run() { "$generic/run.sh" --nj 2 --text-norm collapse --decode-opts "" "$@"; }
tap_ok "folds, speakers, labels, texts and files of any name" run --data "$place" --name 'my $(canary) name' --train-opts --stage=1
mv .out said
tap_is "every fold is scored" "$(sed -n 's/^\(fold \)\{0,1\}\(.*[^ ]\)  *10  *[0-9.]* .*/\2/p' said | sort)" "$(printf '%s\n' "${names[@]}" | sort)"
tap_ok "published weights in such a place" run --data "$place" --name weights --folds 2 --hubert "$weights" --stop-stage 2 \
  --train-opts "--epochs=1 --accumulate=1 --select=last --batch-seconds=6"
nothing_ran "tables"
cd egs/generic || exit 1
PATH=$PWD/utils:$build/recipes/bin:$PATH
tap_ok "who chooses the model, of any name" utils/train_folds.sh --conf conf/train.conf --folds 1 --dev next "data/my \$(canary) name" "exp/it's \$(canary)"
tap_ok "hypotheses, of any name" utils/aec_hypotheses.sh --conf conf/train.conf --folds 2 --dev next "data/my \$(canary) name" "exp/aec & \$(canary)"
tap_ok "parts, of any name" bash -c 'utils/split_data.sh "$1" 4 && utils/subset_data_dir.sh --spk-list <(echo "\$(canary)") "$1" "$1/a \$(canary)"' - "data/my \$(canary) name"
tap_is "are what they should be" "$(wc -l < "data/my \$(canary) name/a \$(canary)/utt2spk")" 10
nothing_ran "scripts"
for table in segments spk2utt utt2dur spk2gender feats.scp reco2dur; do
  rm -rf bad
  cp -r "$place" bad
  awk '{ print $1, "$(canary)|canary;`canary`|" }' bad/utt2spk > bad/$table
  serin-validate-data bad > "$tap_dir/.out" 2>&1
  utils/train_folds.sh --conf conf/train.conf --folds 1 bad bad/exp > "$tap_dir/.out" 2>&1
  nothing_ran "$table"
done
rm -rf bad
cp -r "$place" bad
sed -i 's/ .*/ canary |/' bad/wav.scp
tap_fails "commands in wav.scp are refused" 'wav.scp:1: ' run --data bad --name bad
nothing_ran "wav.scp"
tap_fails "unless they are asked for" 'wav.scp:1: ' run --data bad --name bad --pipes true
tap_ok "then they ran" test -s "$tap_dir/hit"
rm -f "$tap_dir/hit"
for fold in ../../../outside ../../../outside/X . .. .x a/b -x $'a\x1b[2J'; do
  cp "$place/wav.scp" "$place/text" "$place/utt2emo" "$place/utt2spk" bad
  F=$fold awk '{ print $1, ENVIRON["F"] }' "$place/utt2spk" > bad/utt2fold
  tap_fails "the fold $(tr -c '[:print:]' '?' <<< "$fold")" 'has a fold that cannot be the name of a folder' utils/train_folds.sh --conf conf/train.conf bad exp/bad
  tap_fails "is refused where hypotheses are made" 'has a fold that cannot be the name of a folder' utils/aec_hypotheses.sh --conf conf/train.conf bad exp/bad
  tap_fails "and told by the validator" 'utt2fold:1: ' utils/validate_data_dir.sh --no-text true bad
done
nothing_ran "folds"

# ---- every corpus
silence() { { printf 'RIFF\244\014\0\0WAVEfmt \020\0\0\0\001\0\001\0\200>\0\0\0}\0\0\002\0\020\0data\200\014\0\0'; head -c 3200 /dev/zero; } > "$1"; }
refused="a file's name has control characters"
cd ../emodb || exit 1
mkdir -p "$tap_dir/e \$(canary)/wav"
silence "$tap_dir/e \$(canary)/wav/03a01Fa.wav"
tap_ok "EmoDB" local/prepare_data.sh --counts false "$tap_dir/e \$(canary)" data/all
silence "$tap_dir/e \$(canary)/wav/03a02W"$'x\n03a02Wb.wav\tcanary |\t.wav'
tap_fails "a command in a name of EmoDB's" "$refused" local/prepare_data.sh --counts false "$tap_dir/e \$(canary)" data/all
cd ../fsdd || exit 1
mkdir -p "$tap_dir/f/recordings"
cp "$tap_dir/tones/wav/$(head -n 1 "$tap_dir/tones/text" | cut -d ' ' -f 1).wav" "$tap_dir/f/recordings/4_x;\`canary\`_4.wav"
for n in 0 1 2; do cp "$tap_dir/tones/wav/$(cut -d ' ' -f 1 "$tap_dir/tones/text" | sed -n "$((n + 1))p").wav" "$tap_dir/f/recordings/${n}_\$(canary)_$((5 * n)).wav"; done
tap_ok "FSDD" local/prepare_data.sh --counts false "$tap_dir/f" data/all
tap_ok "trained into such a place" ./run.sh --stage 2 --dir "exp/my \$(canary) 'place" --train-opts "--epochs=1 --lambda-emotion=0"
silence "$tap_dir/f/recordings/"$'2_x_1\n0_canary | _3.wav'
tap_fails "a command in a name of FSDD's" "$refused" local/prepare_data.sh --counts false "$tap_dir/f" data/all
cd ../iemocap || exit 1
"$top/tests/recipes/make_iemocap.pl" --scale 200 conf/full_release.counts "$tap_dir/i \$(canary)" > /dev/null
tap_ok "IEMOCAP" ./run.sh --iemocap "$tap_dir/i \$(canary)" --counts "" --stop-stage 1
"$top/tests/recipes/make_weights.pl" "${weights%/h}"
cp conf/dev_session.txt "${weights%/h}/my list"
tap_ok "IEMOCAP with weights from such a place, its cost first" ./run.sh --iemocap "$tap_dir/i \$(canary)" --counts "" --folds 1 --exp 14 --estimate 1 \
  --hubert "${weights%/h}/hubert" --bert "${weights%/h}/bert" --dev "${weights%/h}/my list" --train-opts "--epochs=1 --select=last" --stop-stage 3
tap_has "is scored" "$tap_dir/.out" "pooled  "
dialogue=$(find "$tap_dir/i \$(canary)/Session1/sentences/wav" -mindepth 1 -maxdepth 1 -name 'Ses*' | head -n 1)
silence "$dialogue/Ses01F_x"$'\ncanary |\t_F000.wav'
tap_fails "a command in a name of IEMOCAP's" "$refused" ./run.sh --iemocap "$tap_dir/i \$(canary)" --counts "" --stop-stage 1
cd ../meld || exit 1
mkdir -p "$tap_dir/m"/{train_splits,dev_splits_complete,output_repeated_splits_test} data
for part in train dev test; do
  printf 'Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime\r\n1,$(canary);`canary` |,$(canary)/../x;canary,joy,neutral,0,0,8,21,0,1\r\n' > "$tap_dir/m/${part}_sent_emo.csv"
done
for clips in train_splits dev_splits_complete output_repeated_splits_test; do touch "$tap_dir/m/$clips/dia0_utt0.mp4"; done
local/find_corpus.sh "$tap_dir/m" corpus true > data/parts
tap_ok "MELD" local/prepare_data.sh --counts "" --known-bad /dev/null data/parts data/all
tap_is "its speakers are plain" "$(cut -d ' ' -f 2 data/all/utt2spk | sort -u)" canary_x_canary
touch "$tap_dir/m/train_splits/"$'x\ndia0_utt0\tcanary |.mp4'
tap_fails "a command in a name of MELD's" "$refused" local/prepare_data.sh --counts "" --known-bad /dev/null data/parts data/all
cd ../commonvoice || exit 1
mkdir -p "$tap_dir/c \$(canary)/clips"
cp "$tap_dir"/tones/wav/*.wav "$tap_dir/c \$(canary)/clips"
clip=$(basename "$(find "$tap_dir/tones/wav" -name '*.wav' | head -n 1)")
printf 'client_id\tpath\tsentence\nabc\t%s\t$(canary);`canary`\n' "$clip" > "$tap_dir/c \$(canary)/validated.tsv"
tap_ok "Common Voice" ./run.sh --commonvoice "$tap_dir/c \$(canary)" --stop-stage 0
for row in 'abc\tx.mp3 ; canary |' '$(canary)\tx.mp3' 'abc\t../../x.mp3'; do
  printf "client_id\tpath\tsentence\n$row\thello\n" > "$tap_dir/c \$(canary)/dev.tsv"
  tap_fails "a command in a table of Common Voice's" 'make no key' ./run.sh --commonvoice "$tap_dir/c \$(canary)" --tsv dev --stop-stage 0
done
model="$generic/exp/my \$(canary) name/model"
tap_ok "recognisers of any name" ./run.sh --commonvoice "$tap_dir/c \$(canary)" --models "$(quote_words "$model")" --jobs 1 --beam 5 --dir 'exp/of $(canary)'
nothing_ran "corpora"
cd ../mini || exit 1
if command -v espeak-ng > /dev/null; then
  sed 's/i am so$/i am $(canary) `canary` so/' local/grammar.txt > "$tap_dir/grammar \$(canary)"
  tap_ok "the synthetic corpus" ./run.sh --utts 20 --data "data \$(canary) é" --corpus-opts "$(quote_words --grammar "$tap_dir/grammar \$(canary)")" --pretrain none --stop-stage 1
  nothing_ran "sentences that are spoken"
else
  tap_skip "the synthetic corpus" "espeak-ng is not installed"
fi
tap_done
