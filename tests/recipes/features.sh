#!/usr/bin/env bash
# serin-features: tables of log-mel and MFCC, options, and what is refused. The numbers themselves are tests/unit's.
# shellcheck source=tests/recipes/tap.sh
. "${srcdir:-.}/tests/recipes/tap.sh"
PATH=$PWD/tests/recipes:$PATH
cd "$tap_dir" || exit 1

# A second at 16 kHz: silence, and a square wave of 500 Hz.
wav() {
  printf 'RIFF\044\175\0\0WAVEfmt \020\0\0\0\001\0\001\0\200>\0\0\0}\0\0\002\0\020\0data\0\175\0\0'
  cat
}
head -c 32000 /dev/zero | wav > silence.wav
half() { printf "$1%.0s" {1..16}; }
for ((i = 0; i < 1000; i++)); do
  if ((i % 2)); then half '\0\020'; else half '\0\360'; fi
done | head -c 32000 | wav > square.wav
head -c 800 silence.wav > cut.wav
printf 'RIFF\050\0\0\0WAVEfmt \020\0\0\0\001\0\001\0\200>\0\0\0}\0\0\002\0\020\0data\004\0\0\0\0\0\0\0' > short.wav
printf 'a silence.wav\nb cat square.wav |\n' > wav.scp

rows() { awk '$1 == k { on = 1; next } on { n++ } /\]/ { on = 0 } END { print n }' k="$1" "$2"; }
columns() { awk '$1 == k { on = 1; next } on { sub(/\]/, ""); print NF; exit }' k="$1" "$2"; }
value() { awk '$1 == k { on = 1; next } on { print $c; exit }' k="$1" c="$2" "$3"; }

tap_ok "log-mel" serin-features scp:wav.scp ark,t:mel.ark
tap_is "a frame every 10 ms, 40 columns" "$(rows a mel.ark) $(columns a mel.ark) $(rows b mel.ark)" "98 40 98"
tap_ok "silence is ln 2^-23" awk -v x="$(value a 7 mel.ark)" 'BEGIN { exit !(x < -15.942 && x > -15.943) }'
tap_ok "a tone is louder" awk -v x="$(value b 7 mel.ark)" 'BEGIN { exit !(x > 5) }'
tap_ok "MFCC" serin-features --type=mfcc --deltas=2 --snip-edges=false scp:wav.scp ark,t:mfcc.ark
tap_is "13 columns and their derivatives" "$(rows a mfcc.ark) $(columns a mfcc.ark)" "100 39"
tap_ok "derivatives of silence are 0" awk -v x="$(value a 20 mfcc.ark)" 'BEGIN { exit !(x * x < 1e-12) }'
tap_ok "mean normalisation" serin-features --cmvn=mean scp:wav.scp ark,t:cmvn.ark
tap_ok "makes silence 0" awk -v x="$(value a 7 cmvn.ark)" 'BEGIN { exit !(x * x < 1e-12) }'
printf 'x b 0.25 0.5\ny a 0 0.1\n' > segments
tap_ok "segments" serin-features --segments=segments scp:wav.scp ark,t:seg.ark
tap_is "are cut" "$(rows x seg.ark) $(rows y seg.ark)" "23 8"
tap_ok "8 kHz" serin-features --sample-frequency=8000 --num-mel-bins=23 scp:wav.scp ark,t:low.ark
tap_is "has 23 columns" "$(rows a low.ark) $(columns a low.ark)" "98 23"

make_tones tones 4 1
tap_ok "trains behind frozen convolutions" serin-train --front-end=conv --freeze-conv --conv-width=8 --width=8 --heads=1 --inner=8 \
  --layers=1 --pos-kernel=3 --pos-groups=1 --epochs=1 --speed=0 --cache-dir=cache tones exp
tap_ok "their output" serin-features --type=conv --model=exp scp:tones/wav.scp ark:conv.ark
tap_ok "with the training's cache" serin-features --type=conv --model=exp --cache=cache scp:tones/wav.scp ark:cached.ark
tap_ok "is the same" cmp conv.ark cached.ark
tap_is "and nothing was computed again" "$(find cache -type f | wc -l)" 4

printf 'a silence.wav\nb cut.wav\nc absent.wav\nd short.wav\ne false |\n' > wav.scp
tap_refuses "bad sounds are told" "Done 1 utterance, 4 failed" serin-features scp:wav.scp ark:some.ark
tap_is "what is good is written all the same" "$(serin-copy-matrix ark:some.ark ark,t:- 2> /dev/null | grep -c '\[')" 1
tap_ok "bad sounds are left out" serin-features --allow-failures scp:wav.scp ark,scp:some.ark,some.scp
tap_is "the rest is there" "$(cut -d ' ' -f 1 some.scp)" "a"
for text in 'wav.scp:2: b: cut.wav: truncated' 'wav.scp:3: c: absent.wav: No such file' 'd: 2 samples are less than one frame' \
  'wav.scp:5: e: false |: the command exited with 1' 'Done 1 utterance, 4 failed'; do
  tap_has "told: $text" .err "$text"
done
sed -i 1d wav.scp
tap_refuses "nothing but bad sounds" "Done 0 utterances, 4 failed" serin-features scp:wav.scp ark,scp:none.ark,none.scp
tap_is "nothing is written then" "$(echo none*)" "none*"
printf 'b silence.wav\na silence.wav\n' > wav.scp
tap_refuses "unsorted keys" 'wav.scp:2: key "a" behind "b": not sorted' serin-features scp:wav.scp ark:none.ark
printf 'a cat silence.wav |\n' > wav.scp
tap_refuses "pipes, if asked to" "pipes are refused" serin-features --no-pipes scp:wav.scp ark:none.ark
tap_refuses "an impossible option" "9000 Hz" serin-features --high-freq=9000 scp:wav.scp ark:none.ark
tap_refuses "convolutions of no model" "needs --model" serin-features --type=conv scp:wav.scp ark:none.ark
tap_refuses "a cache for what is quickly made" "needs --model" serin-features --cache=c scp:wav.scp ark:none.ark
tap_refuses "convolutions at another rate" "the model hears 16000 Hz" serin-features --type=conv --model=m --sample-frequency=8000 \
  scp:wav.scp ark:none.ark
tap_refuses "a model that is not there" "absent/config.json" serin-features --type=conv --model=absent scp:wav.scp ark:none.ark
tap_refuses "an unknown option" "num-bins" serin-features --num-bins=3 scp:wav.scp ark:none.ark
tap_refuses "no place to write" "absent/none.ark" serin-features scp:wav.scp ark:absent/none.ark
if [[ -w /dev/full ]]; then
  tap_refuses "a full disk" "No space left" serin-features scp:wav.scp ark:/dev/full
fi
tap_is "nothing is left" "$(echo none*)" "none*"
tap_done
