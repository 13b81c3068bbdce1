#!/usr/bin/env bash
# serin-validate-data: a good directory passes, and every fault is listed with file, line and reason.
# shellcheck source=tests/recipes/tap.sh
. "${srcdir:-.}/tests/recipes/tap.sh"
cd "$tap_dir" || exit 1

le32() { printf '%b' "$(printf '\\x%02x\\x%02x\\x%02x\\x%02x' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24)))"; }

# wav FILE SAMPLES: silence, 16 kHz, 16 bits, mono.
wav() {
  local bytes=$(($2 * 2))
  { printf RIFF; le32 $((36 + bytes)); printf 'WAVEfmt '; le32 16; printf '\1\0\1\0'; le32 16000; le32 32000
    printf '\2\0\20\0data'; le32 $bytes; head -c $bytes /dev/zero; } > "$1"
}

good() {
  rm -rf d
  mkdir d
  for n in 1 2 3; do wav d/$n.wav 16000; done
  printf 'a-1 d/1.wav\na-2 cat d/2.wav |\nb-1 d/3.wav\n' > d/wav.scp
  printf 'a-1 JA\na-2 ÜBER ALLES\nb-1\n' > d/text
  printf 'a-1 a\na-2 a\nb-1 b\n' > d/utt2spk
  printf 'a a-1 a-2\nb b-1\n' > d/spk2utt
  printf 'a-1 ang\na-2 neu\nb-1 ang\n' > d/utt2emo
  printf 'a-1 m\na-2 m\nb-1 f\n' > d/utt2gender
}

# faults NAME LINES…: the directory has these faults and no others.
faults() {
  tap_refuses "$1" "d: $(($# - 1)) fault" serin-validate-data --no-pipes=false d
  tap_is "$1: which" "$(grep '^d/' .out)" "$(printf '%s\n' "${@:2}")"
}

good
tap_ok "a good directory" serin-validate-data --no-pipes=false d
tap_has "sounds are counted" .out "sounds: 3, 0.00 h, shortest 1.00 s, longest 1.00 s"
tap_has "texts are counted" .out "text: 3 words, 1 empty"
tap_has "labels are counted" .out "utt2emo: ang 2, neu 1"
tap_ok "pipes need not run" serin-validate-data --audio=false --no-pipes d

printf 'b-1 JA\na-1 \na-1 NEIN\n\nc-1 \377\na-2 X' > d/text
faults "a broken table" \
  'd/text:2: key "a-1" comes after "b-1" (sort with LC_ALL=C)' \
  'd/text:4: empty line' \
  'd/text:5: invalid UTF-8, byte ff at the end in column 5' \
  'd/text:6: no newline at the end of the file (cut off?)' \
  'd/text:3: key "a-1" appears twice (first on line 2)'

good
printf 'a-1 JA\na-3 NEIN\nb-1 X\r\n' > d/text
faults "other keys" \
  'd/text:3: carriage return in column 6 (lines end with a newline alone)' \
  'd/text: no entry for "a-2" (wav.scp:2)' \
  'd/text:2: "a-3" is not in wav.scp' \
  'd/text: no entry for "b-1" (wav.scp:3)'

good
printf 'a-1 A|B\na-2 ALL\302\240ES\nb-1 <unk>\n' > d/text
printf 'a-1 x\na-2 m\nb-1 f f\n' > d/utt2gender
faults "illegal symbols" \
  'd/text:1: character U+007C in column 2 of the text of "a-1"' \
  'd/text:2: character U+00A0 in column 4 of the text of "a-2"' \
  'd/text:3: reserved symbol <unk> in the text of "b-1"' \
  'd/utt2gender:3: "b-1" has the value "f f", one word expected' \
  'd/utt2gender:1: "a-1" has the gender "x", m, f or - (unknown) expected' \
  'd/utt2gender: no entry for "b-1" (wav.scp:3)'

good
printf 'a-1 a\na-2 b\nb-1 b\n' > d/utt2spk
printf 'a a-1 a-1\nb b-1 z-9\nc a-2\n' > d/spk2utt
faults "speakers" \
  'd/utt2spk:2: "a-2" does not begin with its speaker "b"' \
  'd/spk2utt:3: speaker "c" is not in utt2spk' \
  'd/spk2utt:1: "a-1" appears twice' \
  'd/spk2utt:2: "z-9" is said to be of "b", utt2spk says nothing' \
  'd/spk2utt:3: "a-2" is said to be of "c", utt2spk says "b"' \
  'd/spk2utt: no entry for "a-2" of "b" (utt2spk:2)'

good
: > d/1.wav
echo nothing > d/2.wav
rm d/3.wav
tap_refuses "sounds" "faults" serin-validate-data --no-pipes=false d
tap_has "an empty one" .out 'd/wav.scp:1: "a-1": d/1.wav: empty'
tap_has "one that is no sound" .out 'd/wav.scp:2: "a-2": '
tap_has "one that is not there" .out 'd/wav.scp:3: "b-1": d/3.wav: No such file or directory'
tap_has "how many" .err 'd: 3 faults'

good
wav d/1.wav 399
head -c 20000 d/3.wav > d/cut.wav
sed -i 's|d/3.wav|d/cut.wav|' d/wav.scp
tap_refuses "lengths" "faults" serin-validate-data --no-pipes=false d
tap_has "too short" .out 'd/wav.scp:1: "a-1" lasts 0.0249 s, at least 0.025 expected'
tap_refuses "too long" "faults" serin-validate-data --max-dur=0.5 d
tap_refuses "a command, by default" 'faults' serin-validate-data d
tap_has "which is not run" .out 'd/wav.scp:2: "a-2": a command, which was not run (--no-pipes=false runs it)'
tap_refuses "a command where none may run" 'faults' serin-validate-data --no-pipes d
tap_has "is named" .out 'd/wav.scp:2: "a-2": '

good
printf 'r1 d/1.wav\nr2 d/2.wav\nr3 d/3.wav\n' > d/wav.scp
printf 'a-1 r1 0 0.5\na-2 r1 0.5 1.6\nb-1 r9 0 1\n' > d/segments
faults "segments" \
  'd/segments:2: "a-2" is cut from 0.500 to 1.600 s of "r1", which lasts 1.000 s' \
  'd/segments:3: recording "r9" of "b-1" is not in wav.scp' \
  'd/wav.scp:2: recording "r2" is in no segment' \
  'd/wav.scp:3: recording "r3" is in no segment'
printf 'r1 d/1.wav\n' > d/wav.scp
printf 'a-1 r1 0 0.5\na-2 r1 0.5 -1\nb-1 r1 0.5 1.4 0\n' > d/segments
tap_ok "good segments" serin-validate-data d
printf 'a-1 r1 0 0.5 1\na-2 r1 0.5 -1 x\nb-1 r1 0.5 1.4 0\n' > d/segments
faults "channels of segments" \
  'd/segments:1: no channel 1 of "r1", only 0 to 0' \
  'd/segments:2: "a-2" has "r1 0.5 -1 x", expected "recording begin end [channel]"'

good
# shellcheck disable=SC2016
printf '%s\n' 'a-1 Fôld$(x)*&' 'a-2 ../../x' 'b-1 log' > d/utt2fold
faults "folds that cannot be folders" \
  'd/utt2fold:2: "a-2" has the fold "../../x", which cannot be the name of a folder: no / expected, no dot or hyphen at its start, at most 100 bytes' \
  'd/utt2fold:3: "b-1" has the fold "log", a name that experiments use themselves'

good
printf 'a-1 ang\na-2 \342\200\256sad\nb-1 ang\n' > d/utt2emo
printf 'a-1 JA\n\302\2332J-2 X\nb-1 Y\n' > d/text
tap_refuses "names that a terminal would obey" "2 faults" serin-validate-data --no-pipes=false d
tap_has "are told with ? in their place" .out "utt2emo: ang 2, ?sad 1"
tap_is "nothing else" "$(LC_ALL=C grep -cP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]' .out)" 0

good
rm d/text
faults "a table that is needed" 'd/text: no such file, which is needed'
tap_ok "and one that is not" serin-validate-data --no-pipes=false --need=wav.scp d
tap_refuses "no directory" "nowhere: No such file" serin-validate-data nowhere
tap_refuses "a file" "not a directory" serin-validate-data d/wav.scp
tap_refuses "an unknown table" '"utt2mood" is not a table' serin-validate-data --need=utt2mood d
tap_done
