#!/usr/bin/env bash
# Cross-validation as train_folds.sh and score_folds.sh run it, with stand-ins for training and decoding: who is trained on
# what, and whether the table says what the scoring programs said.
# shellcheck source=tests/recipes/tap.sh disable=SC2016,SC2317
. "$(dirname "$0")/tap.sh"
command -v serin-score-labels > /dev/null || tap_skip_all "serin-score-labels is not built"
command -v serin-score-text > /dev/null || tap_skip_all "serin-score-text is not built"
cd "$tap_dir" || exit 1
ln -s "$top/egs/utils" utils
mkdir bin conf data
PATH=$tap_dir/bin:$PATH
export train_cmd=utils/run.pl decode_cmd=utils/run.pl

cat > bin/serin-train <<'END'
#!/usr/bin/env bash
exp=${*: -1}
data=${*: -2:1}
mkdir -p "$exp"
printf '%s\n' "${@:1:$#-2}" > "$exp/options"
cut -d ' ' -f 1 "$data/utt2spk" > "$exp/heard"
[[ ! -e fail ]] || { echo "no memory for it"; exit 1; }
END
# Takes c for a where A and C speak, and loses B's and C's first words.
cat > bin/serin-decode <<'END'
#!/usr/bin/env bash
mkdir -p "$3"
sed '/^[AC]/s/ c$/ a/' "$2/utt2emo" > "$3/utt2emo"
cp "$2/utt2gender" "$3"
sed '/^[BC]/s/ [A-Z]* / /' "$2/text" > "$3/text"
END
chmod +x bin/*
echo "lambda-ctc=1" > conf/train.conf

# Speakers A .. D, twelve utterances each; A and B are fold x, C fold y, D fold z.
for s in A B C D; do
  for i in {10..21}; do
    echo "$s-$i /sound.wav" >> data/wav.scp
    echo "$s-$i ONE TWO THREE FOUR" >> data/text
    echo "$s-$i $s" >> data/utt2spk
    echo "$s-$i $(case $((i % 3)) in 0) echo a ;; 1) echo b ;; *) echo c ;; esac)" >> data/utt2emo
    echo "$s-$i $(case $s in A | C) echo f ;; *) echo m ;; esac)" >> data/utt2gender
    echo "$s-$i $(case $s in A | B) echo x ;; C) echo y ;; D) echo z ;; esac)" >> data/utt2fold
  done
done
utils/utt2spk_to_spk2utt.pl data/utt2spk > data/spk2utt
heard() { cut -d - -f 1 "exp/$1/heard" | sort -u | tr -d '\n'; }

tap_ok "all folds" utils/train_folds.sh --train-opts "--seed=3 --epochs=2" data exp
tap_is "x is tested by those who never heard A and B" "$(heard x)" CD
tap_is "y by those who never heard C" "$(heard y)" ABD
tap_is "z by those who never heard D" "$(heard z)" ABC
tap_is "the test part is the fold" "$(cut -d ' ' -f 2 data/folds/x/test/utt2spk | sort -u | tr -d '\n')" AB
tap_is "options reach the program" "$(tr '\n' ' ' < exp/y/options)" "--config=conf/train.conf --seed=3 --epochs=2 "
tap_ok "score" utils/score_folds.sh --name test data exp
tap_is "the table" "$(grep -vE ' from| to|^$|^Intervals' exp/results.txt | awk '{ $1 = $1 } 1' | sed -E 's/^(.* (-|[0-9]+|utterances) \S+ \S+) \S+ \S+ /\1 /')" "\
test utterances UA WA WER gender UA
fold x 24 83.33 83.33 12.50 100.00
fold y 12 66.67 66.67 25.00 100.00
fold z 12 100.00 100.00 0.00 100.00
mean of folds - 83.33 83.33 12.50 100.00
standard deviation - 16.67 16.67 12.50 0.00
pooled 48 83.33 83.33 12.50 100.00
always a - 33.33 33.33 - 50.00"
between='s/.*95%.* \[ \(.*\), \(.*\) \].*/\1 \2/p'
tap_is "intervals are those of the scoring programs" \
  "$(awk '/ from/ { ua = $5; wa = $6; wer = $9 } / to / { print ua, $3, wa, $4, wer, $7 }' exp/results.txt)" \
  "$(sed -n "/^%[UW]A/$between" exp/score_emotion.txt | tr '\n' ' ')$(sed "s/^95% of/& 95%/" exp/score_text.txt | sed -n "/^95/$between")"
tap_ok "scores.json holds every task" grep -c '"kind"' exp/scores.json
tap_ok "and the report is made" test -f exp/report.html

rm -rf exp
tap_ok "two folds by number, each with somebody to choose the model on" utils/train_folds.sh --folds "1 2" --dev next data exp
tap_is "are these" "$(cat exp/folds)" $'x\ny'
tap_is "behind A and B comes C" "$(grep dev exp/x/options)" "--dev-speakers=C"
tap_is "behind C comes D" "$(grep dev exp/y/options)" "--dev-speakers=D"
tap_ok "folds by name" utils/train_folds.sh --folds z,x --dev next data exp
tap_is "behind D comes A" "$(grep dev exp/z/options)" "--dev-speakers=A"
tap_fails "a model of other options stays" 'exp/x holds a finished model, and not of what is asked for now: was --dev-speakers=C, is --dev-dir=data/folds/x/dev, other data. It stays' \
  utils/train_folds.sh --folds x --dev y data exp
tap_is "and is as it was" "$(grep dev exp/x/options)" "--dev-speakers=C"
tap_ok "a fold to choose the model on" utils/train_folds.sh --folds x --dev y --retrain true data exp
tap_is "is its own part" "$(grep dev exp/x/options)" "--dev-dir=data/folds/x/dev"
tap_is "and neither heard nor tested" "$(heard x) $(cut -d ' ' -f 2 data/folds/x/dev/utt2spk | sort -u)" "D C"
printf 'x D\ny A\n' > dev.txt
tap_ok "speakers to choose the model on, from a file" utils/train_folds.sh --folds "x y" --dev dev.txt --clean true --retrain true data exp
tap_is "are its" "$(cat exp/{x,y}/options | grep dev)" $'--dev-speakers=D\n--dev-speakers=A'
tap_ok "epochs chosen on the test data" utils/train_folds.sh --folds y --train-opts "--seed=3 --select=test" data chosen
tap_is "of the fold" "$(grep dev chosen/y/options)" "--dev-dir=data/folds/y/test"
tap_ok "are scored" utils/score_folds.sh --corpus tones data chosen
tap_has "and said to be" chosen/scores.json "tones, epochs chosen on the test data"
tap_has "in the report, too" chosen/report.html "tones, epochs chosen on the test data"
tap_ok "with a fold that stays apart" utils/train_folds.sh --folds y --dev x --train-opts --select=test data apart
tap_is "and is not heard" "$(grep dev apart/y/options) $(cut -d - -f 1 apart/y/heard | sort -u)" "--dev-dir=data/folds/y/test D"
echo "  select=last # of stage 2" > second.conf
tap_ok "a second stage of such" utils/train_folds.sh --folds y --conf second.conf --init-exp chosen data second
tap_ok "is scored" utils/score_folds.sh --corpus tones data second
tap_has "and owes them its first" second/scores.json "tones, epochs chosen on the test data"
tap_fails "chosen on two things" '--select=test chooses the epoch on the test data: leave out --dev next' \
  utils/train_folds.sh --folds y --dev next --train-opts --select=test data chosen
tap_fails "a fold it lacks" 'dev.txt has no line for fold z' utils/train_folds.sh --folds z --dev dev.txt data exp
tap_fails "a part that is none" '--dev is none, next, a file or a fold of data/utt2fold .x y z., found "w"' \
  utils/train_folds.sh --folds x --dev w data exp
tap_fails "an unknown fold" 'no fold "w" in data/utt2fold, which has: x y z' utils/train_folds.sh --folds w data exp

# ---- side by side
sed -i '2s/^/sleep 0.5; /' bin/serin-train
# shellcheck disable=SC2086
both() {                # the options of two runs at once, and the folder of the second
  utils/train_folds.sh --nj 1 $1 data side > said1 2>&1 & local first=$!
  sleep 0.2
  utils/train_folds.sh --nj 1 $2 data "$3" > said2 2>&1 && wait "$first"
}
tap_ok "two runs in a folder" both "--folds x,y" "--folds z" side
tap_has "take turns" said2 "another run is at work here, of which side/.lock is the lock: waiting for it"
tap_is "and both are done" "$(cat side/folds; find side -name "done" | wc -l)" $'z\n6'
rm -r side
tap_ok "two with other divisions of the data" both "--folds x,y" "--folds x --dev y" apart2
tap_has "too" said2 "another run is at work on data/folds/x, with another division of the data"
tap_is "each hears its own" "$(cut -d - -f 1 side/x/heard | sort -u | tr -d '\n') $(cut -d - -f 1 apart2/x/heard | sort -u)" "CD D"
rm -r side
tap_ok "two with the same" both "--folds x,y" "--folds x" apart3
tap_is "do not wait" "$(grep -c waiting said2)" 0
sed -i '2s/^sleep 0.5; //' bin/serin-train
touch fail
tap_fails "a fold that fails" 'no memory for it.*a fold failed .status 1.; the logs are in exp/log' utils/train_folds.sh --folds y --retrain true data exp
rm -rf exp
tap_fails "nothing to score" 'exp/folds is missing' utils/score_folds.sh data exp
tap_done
