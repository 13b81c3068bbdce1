#!/usr/bin/env bash
# The preparations of EmoDB and FSDD, on folders with a few silent sounds of the right names; on the corpora themselves
# where $SERIN_DATA says they are.
# shellcheck source=tests/recipes/tap.sh disable=SC2317
. "$(dirname "$0")/tap.sh"

# A tenth of a second of silence.
{ printf 'RIFF\244\014\0\0WAVEfmt \020\0\0\0\001\0\001\0\200>\0\0\0}\0\0\002\0\020\0data\200\014\0\0'; head -c 3200 /dev/zero; } > "$tap_dir/silence.wav"
put() { local f; for f; do mkdir -p "$(dirname "$f")"; cp "$tap_dir/silence.wav" "$f"; done; }
data=$tap_dir/data
prepare() { (cd "$top/egs/$1" && local/prepare_data.sh "${@:2}"); }
counts() { cut -d ' ' -f 2 "$data/$1" | sort | uniq -c | awk '{ printf "%s %d ", $2, $1 }'; }

# ---- EmoDB
corpus="$tap_dir/emo db"
put "$corpus"/wav/{03a01Fa,03a02Wb,08b10Tc,16a05Nd,09a04La,10b01Eb,11b02Ac}.wav
touch "$corpus/wav/erklaerung.txt" "$corpus/wav/._03a01Fa.wav"
tap_ok "EmoDB as its publisher ships it" prepare emodb --counts false "$corpus" "$data"
tap_is "four classes" "$(cat "$data/utt2emo")" $'03a01Fa hap\n03a02Wb ang\n08b10Tc sad\n16a05Nd neu'
tap_is "the speakers' genders" "$(cat "$data/utt2gender")" $'03a01Fa m\n03a02Wb m\n08b10Tc f\n16a05Nd f'
tap_is "a fold is a speaker" "$(cat "$data/utt2fold")" "$(cat "$data/utt2spk")"
tap_is "German sentences" "$(sed -n '4p' "$data/text")" \
  "16a05Nd DAS SCHWARZE STÜCK PAPIER BEFINDET SICH DA OBEN NEBEN DEM HOLZSTÜCK"
tap_ok "seven classes" prepare emodb --classes 7 --counts false "$corpus" "$data"
tap_is "are these" "$(counts utt2emo)" "ang 1 bor 1 dis 1 fea 1 hap 1 neu 1 sad 1 "
tap_fails "an incomplete corpus is refused" 'expected ang 127 hap 71 neu 79 sad 62 utterances, found ang 1 hap 1' \
  prepare emodb "$corpus" "$data"
rm -r "$corpus"
put "$corpus"/{Angry/03a02Wb,Sad/08b10Tc}.wav
tap_ok "a folder per emotion" prepare emodb --counts false "$corpus" "$data"
tap_is "means the same" "$(cat "$data/utt2emo")" $'03a02Wb ang\n08b10Tc sad'
put "$corpus/Happy/08b09Tc.wav"
tap_fails "a folder that contradicts the name" 'Happy/08b09Tc.wav: emotion T in folder Happy' \
  prepare emodb --counts false "$corpus" "$data"
rm -r "$corpus"
put "$corpus"/{04a01Wa,03a03Wa}.wav
tap_fails "an unknown speaker" '04a01Wa.wav: no speaker 04' prepare emodb --counts false "$corpus" "$data"
tap_fails "an unknown sentence" '03a03Wa.wav: no sentence a03' prepare emodb --counts false "$corpus" "$data"
tap_fails "no corpus" "no directory $tap_dir/none" prepare emodb "$tap_dir/none" "$data"

# ---- FSDD
corpus=$tap_dir/fsdd
rm -rf "$data"
put "$corpus"/recordings/{0_jackson_4,9_jackson_5,3_theo_12}.wav
tap_ok "FSDD" prepare fsdd --counts false "$corpus" "$data"
tap_is "spelled digits" "$(cat "$data/text")" $'jackson-0-04 ZERO\njackson-9-05 NINE\ntheo-3-12 THREE'
tap_is "the publisher's split" "$(cat "$data/utt2fold")" $'jackson-0-04 test\njackson-9-05 train\ntheo-3-12 train'
tap_fails "an incomplete corpus is refused" 'expected 3000 recordings, found 3' prepare fsdd "$corpus" "$data"

# ---- the real ones
if [[ -d ${SERIN_DATA-}/emodb4 ]]; then
  tap_ok "EmoDB" prepare emodb "$SERIN_DATA/emodb4" "$data"
  tap_is "four classes of ten speakers" "$(counts utt2emo)$(wc -l < "$data/spk2utt")" "ang 127 hap 71 neu 79 sad 62 10"
else
  tap_skip "EmoDB" "no emodb4 in \$SERIN_DATA"
fi
if [[ -d ${SERIN_DATA-}/fsdd ]]; then
  rm -rf "$data"
  tap_ok "FSDD" prepare fsdd "$SERIN_DATA/fsdd" "$data"
  tap_is "its split" "$(counts utt2fold)" "test 300 train 2700 "
else
  tap_skip "FSDD" "no fsdd in \$SERIN_DATA"
fi
tap_done
