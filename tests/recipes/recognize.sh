#!/usr/bin/env bash
# serin-recognize: the answers of serin-decode, for single sounds, as JSON.
# shellcheck source=tests/recipes/tap.sh
. "${srcdir:-.}/tests/recipes/tap.sh"
PATH=$PWD/tests/recipes:$PATH
cd "$tap_dir" || exit 1

make_tones train 48 1 && make_tones test 8 2
tap_ok "a model" serin-train --config="$top/tests/recipes/tones.conf" train exp
tap_ok "decodes" serin-decode --beam=4 exp test decoded
# field NAME: of every line of .out
field() { sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1/" "$tap_dir/.out"; }

tap_ok "a table" serin-recognize --beam=4 --scp=test/wav.scp exp
cp .out table
tap_is "in its order" "$(field utterance)" "$(cut -d ' ' -f 1 test/wav.scp)"
tap_is "hears the same words" "$(field transcript)" "$(sed 's/^[^ ]* *//' decoded/text)"
tap_is "and the same emotions" "$(field emotion)" "$(cut -d ' ' -f 2 decoded/utt2emo)"
tap_is "and genders" "$(field gender)" "$(cut -d ' ' -f 2 decoded/utt2gender)"
tap_is "a word has times" "$(grep -c '"words":\[{"word":"[A-Z]*","start":[0-9.]*,"end":[0-9.]*}' table)" 8
tap_ok "sound by sound" serin-recognize --beam=4 --batch-seconds=0.1 --scp=test/wav.scp exp
tap_is "gives the same" "$(sed 's/\([0-9]\.[0-9]\{4\}\)[0-9e-]*/\1/g' .out)" "$(sed 's/\([0-9]\.[0-9]\{4\}\)[0-9e-]*/\1/g' table)"

mapfile -t wav < <(cut -d ' ' -f 2 test/wav.scp)
tap_ok "files" serin-recognize --beam=4 exp "${wav[@]}"
tap_is "are named" "$(field file)" "$(printf '%s\n' "${wav[@]}")"
tap_is "with the same words" "$(field transcript)" "$(sed 's/^[^ ]* *//' decoded/text)"
tap_ok "standard input" bash -c "serin-recognize exp - < ${wav[0]}"
tap_is "is a file, too" "$(field file)" "-"
tap_ok "several transcripts" serin-recognize --beam=4 --nbest=2 exp "${wav[0]}"
tap_is "two of them" "$(grep -o '"score":-' .out | wc -l)" 2

echo letter > letter.wav
tap_refuses "a sound that is none" "letter.wav: not a sound file" serin-recognize exp "${wav[0]}" letter.wav "${wav[1]}"
tap_is "does not hold up the others" "$(field file)" "$(printf '%s\n' "${wav[@]:0:2}")"
tap_ok "which may be allowed" serin-recognize --allow-failures exp "${wav[0]}" letter.wav
tap_refuses "an empty input" "standard input: empty" bash -c 'serin-recognize exp - < /dev/null'
tap_refuses "a missing sound" "none.wav: No such file" serin-recognize exp none.wav
tap_refuses "a command for a file" "pipes are refused" serin-recognize exp "cat ${wav[0]} |"
tap_refuses "no sound at all" "found neither" serin-recognize exp
tap_refuses "both" "found both" serin-recognize --scp=test/wav.scp exp "${wav[0]}"
tap_refuses "more transcripts than prefixes" "nbest=2: expected at most --beam=1" serin-recognize --nbest=2 exp "${wav[0]}"
small=(--config="$top/tests/recipes/tones.conf" --bert-width=16 --bert-layers=1 --bert-heads=2 --bert-inner=32 --fusion-heads=2 --pieces=pieces --epochs=1)
serin-make-vocab --type=pieces --least=1 train/text pieces 2> /dev/null
tap_ok "a model that reads" serin-train "${small[@]}" --input=text --lambda-ctc=0 train reads
tap_refuses "hears nothing" "reads: a model that reads text alone (input=text), which sounds do not bring" serin-recognize reads "${wav[0]}"
tap_ok "one that reads the reference besides" serin-train "${small[@]}" --input=both --train-text=ref --test-text=ref train besides
tap_refuses "hears half" "besides: a model that reads the reference text beside the sound (test-text=ref)" serin-recognize besides "${wav[0]}"
tap_ok "one that reads what it heard" serin-train "${small[@]}" --input=both --train-text=ref train heard
tap_ok "hears" serin-recognize heard "${wav[0]}"
tap_refuses "a model that is not there" "absent/config.json" serin-recognize absent "${wav[0]}"

# One bit of each file of the model flipped, in its middle.
flip() { perl -0777 -pi -e 'my $i = int(length($_) / 2); substr($_, $i, 1) ^= "\1"' "$1"; }
for file in config.json labels.json vocab.json preprocessor_config.json model.safetensors; do
  rm -rf damaged && mkdir damaged && cp exp/*.json exp/model.safetensors damaged && flip "damaged/$file"
  tap_refuses "a flipped bit in $file" damaged/ serin-recognize damaged "${wav[0]}"
done
tap_has "a tensor by name" .err "damaged/model.safetensors: tensor \""
tap_ok "but taken with --no-verify" serin-recognize --no-verify damaged "${wav[0]}"
tap_refuses "serin-decode" "checksum" serin-decode damaged test damaged-out
tap_refuses "serin-info" "checksum" serin-info damaged
tap_refuses "serin-states" "checksum" serin-states damaged scp:test/wav.scp ark:damaged.ark
tap_refuses "serin-train" "checksum" serin-train --config="$top/tests/recipes/tones.conf" --init-model=damaged train from-damaged
tap_is "serin-states leaves nothing" "$(ls damaged.ark* 2> /dev/null)" ""
tap_refuses "a full disk" "No space left" bash -c "serin-recognize exp ${wav[0]} > /dev/full"
tap_done
