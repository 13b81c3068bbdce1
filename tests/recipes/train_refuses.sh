#!/usr/bin/env bash
# What serin-train and serin-decode refuse: a message that names the thing, exit status 1, nothing half-written.
# shellcheck source=tests/recipes/tap.sh
. "${srcdir:-.}/tests/recipes/tap.sh"
PATH=$PWD/tests/recipes:$PATH
cd "$tap_dir" || exit 1
conf=$top/tests/recipes/tones.conf

train() { serin-train --config="$conf" --epochs=1 "$@"; }
# bad NAME: a copy of the training data to spoil.
bad() { rm -rf bad && cp -r train bad && rm -rf bad/wav; }
# tap_none NAME PATTERN: no file matches.
tap_none() { tap_is "$1" "$(find . -path "$2")" ""; }

make_tones train 24 1 && make_tones test 8 2
train train exp 2> /dev/null

tap_is "docs/config.md has the keys that --help has" "$(awk '/^## Keys/ { on = 1 } on && /^\| `/' "$top/docs/config.md")" \
  "$(bash "$top/scripts/config_table.sh")"

# ---- options
tap_refuses "an unknown option" "unknown option --lamda-ctc" train --lamda-ctc=1 train x
tap_refuses "an option out of range" "--dropout=1.5: expected a number from 0 to 0.9" train --dropout=1.5 train x
tap_refuses "a word that is no choice" "--optimiser=sgd: expected one of adamw|" train --optimiser=sgd train x
printf 'epochs=1\n# comment\nrate=fast\n' > bad.conf
tap_refuses "a config's value" "bad.conf:3: --learning-rate=fast: expected a number" serin-train --config=bad.conf train x
printf 'epoch=1\n' > bad.conf
tap_refuses "a config's key" "bad.conf:1: unknown option --epoch" serin-train --config=bad.conf train x
tap_refuses "the test data, not named" "select=test needs dev-dir" train --select=test train x
tap_refuses "keys that contradict each other" "select=best needs dev-dir" train --select=best train x
tap_refuses "a missing argument" "Usage: serin-train" train train
tap_refuses "a beam of none" "--beam=0: expected an integer from 1" serin-decode --beam=0 exp test x

# ---- sound
bad && sed -i "3s|train/wav.*|bad/none.wav|" bad/wav.scp
tap_refuses "missing sound" "bad/none.wav" train bad x
bad && : > bad/empty.wav && sed -i "3s|train/wav.*|bad/empty.wav|" bad/wav.scp
tap_refuses "an empty file" "bad/empty.wav" train bad x
bad && head -c 3000 "$(sed -n '3s/.* //p' train/wav.scp)" > bad/cut.wav && sed -i "3s|train/wav.*|bad/cut.wav|" bad/wav.scp
tap_refuses "truncated sound" "bad/cut.wav" train bad x
bad && echo "this is a letter" > bad/letter.wav && sed -i "3s|train/wav.*|bad/letter.wav|" bad/wav.scp
tap_refuses "what is no sound" "bad/letter.wav" train bad x
tap_refuses "sound that is too long" "spk0-0000.wav: 0.583 s long, at most 0.2 s expected" train --max-dur=0.2 train x
bad && head -c 600 "$(sed -n '3s/.* //p' train/wav.scp)" > bad/short.wav
printf 'RIFF\x24\x02\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x80\x3e\x00\x00\x00\x7d\x00\x00\x02\x00\x10\x00data\x00\x02\x00\x00' > bad/short.wav
head -c 512 /dev/zero >> bad/short.wav && sed -i "3s|train/wav.*|bad/short.wav|" bad/wav.scp
tap_refuses "sound that is too short" "bad/short.wav" train bad x
tap_refuses "and when decoding" "bad/short.wav" serin-decode exp bad out
tap_none "which leaves nothing" './out/*'

# ---- tables
bad && sed -i '2{h;d};3G' bad/utt2emo
tap_refuses "unsorted keys" "bad/utt2emo:3: " train bad x
bad && sed -i '2p' bad/text
tap_refuses "a key twice" "bad/text:3: " train bad x
bad && sed -i '2d' bad/utt2gender
tap_refuses "an utterance without a gender" 'bad/utt2gender: no line for utterance "spk0-0004"' train bad x
bad && sed -i '2d' bad/wav.scp
tap_refuses "an utterance without sound" 'utterance "spk0-0004" has no sound' train bad x
bad && rm bad/utt2style
tap_refuses "a table that a task needs" "bad/utt2style: missing; give the labels, or set lambda-style=0" train bad x
bad && rm bad/text
tap_refuses "no texts" "bad/text: missing; give the texts, or set lambda-ctc=0" train bad x
bad && printf 'spk0-0000 A\xc3\n' > bad/text && tail -n +2 train/text >> bad/text
tap_refuses "invalid UTF-8" "bad/text:1:" train bad x
bad && sed -i '5s/ .*/ bored/' bad/utt2emo
tap_refuses "an unknown label in the development data" \
  'bad/utt2emo:5: utterance "spk0-0016" has the unknown emotion "bored"; the model knows ang hap sad' train --dev-dir=bad train x
tap_ok "an unknown label when decoding" serin-decode exp bad out
tap_has "is told" .err 'bad/utt2emo:5: "bored" is no emotion that the model knows; no answer is right for 1 utterance with such'
tap_is "and every utterance answered" "$(wc -l < out/utt2emo)" "$(wc -l < bad/utt2emo)"
rm -r out
tap_refuses "an unknown speaker" 'no utterance of speaker "spk9"' train --dev-speakers=spk9 train x
bad && sed -i '2s/ .*/ ABCDABCDABCDABCDABCDABCDABCDABCDABCDABCDABCD/' bad/text
tap_ok "a text longer than its frames is no error" train bad long
tap_has "but counted" .err '1 of 24 texts are longer than their frames (first: "spk0-0004")'

# ---- folders and models
tap_refuses "a folder that cannot be made" "exp/config/x" train train exp/config/x
tap_refuses "a run with another configuration" "learning-rate was 0.004, is 0.005" train --learning-rate=0.005 train exp
tap_refuses "of another shape" "width was 48, is 96" train --width=96 train exp
bad && sed -i '1s/ .*/ ABC/' bad/text
tap_refuses "with other data" "training-data was" train bad exp
tap_refuses "to begin anew where a run is" "resume=false" train --resume=false train exp
tap_refuses "no model" "none/config.json" serin-decode none test out
cp -r exp other && sed -i 's/"hap"/"joy"/' other/labels.json
tap_refuses "a model with other labels" 'saved with labels {"emotion":["ang","hap","sad"]' serin-decode other test out
rm -rf other && cp -r exp other && sed -i 's/"hidden_size": 48/"hidden_size": 96/' other/config.json
tap_refuses "a model of another shape" "saved with configuration" serin-decode other test out
rm -rf other && cp -r exp other && sed -i 's/"version": 1/"version": 9/' other/config.json
tap_refuses "a model of another version" "version 9, this program reads version 1" serin-decode other test out
rm -rf other && cp -r exp other && head -c 1000 exp/model.safetensors > other/model.safetensors
tap_refuses "a truncated model" "other/model.safetensors" serin-decode other test out
train --lambda-ctc=0 train silent 2> /dev/null
tap_refuses "a model without CTC asked for characters" "log-probs=ark:x: the model has no CTC" \
  serin-decode --log-probs=ark:x silent test out
tap_none "none of it left a file" './out/*'

serin-train --config="$conf" --epochs=10000 train busy 2> /dev/null &
pid=$!
until [[ -s busy/train.tsv ]] || ! kill -0 $pid 2> /dev/null; do sleep 0.02; done
tap_refuses "a folder in which another trainer works" "busy/lock" train --epochs=10000 train busy
kill $pid && wait $pid

# ---- a disk that is full: no file may grow beyond 10 KB
full() {
  # shellcheck disable=SC2317    # it is called through tap_refuses
  (ulimit -f 10 && trap '' XFSZ && "$@")
}
tap_refuses "training on a full disk" "full/checkpoints/checkpoint-" full train train full
tap_none "leaves no model" './full/model.safetensors*'
tap_none "and no half a checkpoint" './full/checkpoints/*'
tap_refuses "decoding on a full disk" "out" full serin-decode --log-probs=ark:out/log_probs.ark exp train out
tap_none "leaves no table" './out/*'

# ---- numbers that are none
tap_fails "a loss or gradient that is no number" 'update [0-9]+: the (loss|gradients).*"spk[0-3]-' \
  serin-train --config="$conf" --learning-rate=10 --decay=10 --warmup=0 --clip=0 train nan
tap_none "leaves no model either" './nan/model.safetensors'
tap_done
