#!/usr/bin/env bash
# What every program has: --help and -h, --version, --threads, a refusal of what it does not know, messages that a terminal may
# show whatever the files' names, and one rule of exit status: 0 when all was done, 1 when something failed, when nothing was there to
# do, or when what was written to standard output got lost.
# shellcheck source=tests/recipes/tap.sh
. "${srcdir:-.}/tests/recipes/tap.sh"
cd "$tap_dir" || exit 1
version=$(serin-info --version | sed 's/.* //')
hostile=$'a\x1b[2J\xc2\x9b2J\xe2\x80\xaetxt\nERROR \xff'

# Control characters, C1 and overrides of direction among them, or bytes that are no UTF-8.
has_controls() { ! LC_ALL=C.UTF-8 grep -qaxv '.*' "$1" || return 0; LC_ALL=C grep -qaP '[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]|\xe2\x81[\xa6-\xa9]' "$1"; }

for program in "$top"/recipes/bin/serin-*.c; do
  p=$(basename "$program" .c)
  tap_ok "$p --help" "$p" --help
  mv .out help
  tap_is "$p: -h is the same" "$("$p" -h)" "$(< help)"
  tap_has "$p: its own default" help '(-h too) (bool, default false)'
  tap_has "$p: threads" help '  --threads '
  tap_is "$p --version" "$("$p" --version)" "$p (Serin) $version"
  tap_has "$p: its exit status" help 'Exit status: 0 when all that was asked for was done; 1 when something failed, or nothing was there to do.'
  if [[ -w /dev/full ]]; then
    tap_refuses "$p --help on a full disk" 'standard output: No space left on device' bash -c "$p --help > /dev/full"
  else
    tap_skip "$p --help on a full disk" "/dev/full is not there"
  fi
  tap_refuses "$p: a number of threads" '--threads=two: expected an integer from 0' "$p" --threads=two
  tap_refuses "$p: an option that is none" 'unknown option --nothing' "$p" --nothing
  "$p" "$hostile" "$hostile" "$hostile" > said 2>&1 < /dev/null
  has_controls said
  tap_is "$p: a hostile name is made plain" "$?" 1
done

# ---- what they do: three things in, of which the last is none; nothing at all; and a full disk --------------------------------
hubert=$top/tests/parity/hubert-layer bert=$top/tests/parity/bert
{ printf 'RIFF\xa4\x0c\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x80\x3e\0\0\0\x7d\0\0\2\0\x10\0data\x80\x0c\0\0'
  head -c 3200 "$bert/model.safetensors"; } > a.wav      # any noise
printf '%s\n' "a a.wav" "b a.wav" "c absent.wav" > wav.scp
printf '%s\n' "a a.out" "b b.out" "c c.out" > out.scp
printf '%s\n' "a WE MEET" "b AGAIN" > text
printf '%s\n' "a 1" "b 2" > labels
printf '[PAD]\n[UNK]\n[CLS]\n[SEP]\nwe\n' > vocab.txt
printf '{"<pad>": 0, "|": 1, "A": 2}\n' > vocab.json
printf '%s\n' 'a [ 0 -9 -9 ]' 'b [ -9 -9 0 ]' 'c [ 0 1 2 ]' > probs
head -n 2 probs > good
cp -r "$bert" bert
cp vocab.txt bert
: > empty
mkdir data
awk '{ print $1, "s" }' text > data/utt2spk
echo "s a b" > data/spk2utt
head -n 2 wav.scp > data/wav.scp

# Of three, two are done: that is told by the status, unless it is allowed, and the two are there either way.
partly() {              # name, how many of the output's lines name a or b, command
  local name=$1 count=$2
  shift 2
  tap_refuses "$name: one of three fails" "2 utterances, 1 failed" "$@"
  tap_is "$name: the others are there" "$(eval "$count")" 2
  tap_ok "$name: that may be allowed" "$1" --allow-failures "${@:2}"
  tap_is "$name: the same is there" "$(eval "$count")" 2
}
partly serin-features "serin-copy-matrix ark:f.ark ark,t:- 2> log | grep -c '\['" serin-features scp:wav.scp ark:f.ark
partly serin-states "serin-copy-matrix ark:s.ark ark,t:- 2> log | grep -c '\['" serin-states "$hubert" scp:wav.scp ark:s.ark
partly serin-copy-audio "ls ?.out | wc -l" serin-copy-audio scp:wav.scp out.scp
partly serin-ctc-decode "grep -c '^[ab]' decoded" serin-ctc-decode vocab.json ark,t:probs ark,t:decoded

none() { tap_refuses "$1: nothing to do" "${@:2}"; }      # program, what it says, the rest of its command
none serin-features "empty: empty file" serin-features scp:empty ark:no.ark
none serin-states "empty: empty file" serin-states "$hubert" scp:empty ark:no.ark
none serin-states "there was nothing to do" serin-states bert empty ark:no.ark
none serin-copy-audio "empty: empty file" serin-copy-audio scp:empty out.scp
none serin-ctc-decode "there was nothing to do" serin-ctc-decode vocab.json ark:empty ark,t:no.text
none serin-copy-matrix "there was nothing to do" bash -c 'serin-copy-matrix scp:absent.scp ark:- 2> log | serin-copy-matrix ark:- ark:no.ark'
none serin-normalize "there was nothing to do" serin-normalize empty no.text
none serin-tokenize "there was nothing to do" serin-tokenize vocab.txt < empty
none serin-make-vocab "there was nothing to do" serin-make-vocab empty no.json
none serin-kmeans "no frames" serin-kmeans ark:empty no.npy
none serin-score-labels "nothing to score" serin-score-labels empty empty
none serin-score-text "nothing to score" serin-score-text empty empty
none serin-recognize "empty: empty file" serin-recognize --scp=empty "$hubert"
tap_is "of nothing nothing is written" "$(echo no.*)" 'no.*'

full() { if [[ -w /dev/full ]]; then tap_refuses "$1 on a full disk" "standard output: " bash -c "$1 ${*:2} > /dev/full"; else tap_skip "$1" "/dev/full is not there"; fi; }
serin-score-labels --json=exp.json labels labels > log 2>&1
full serin-score-labels labels labels
full serin-score-text text text
full serin-report report.html exp.json
full serin-info "$hubert"
full serin-info --json "$hubert"
full serin-validate-data data
full "echo we | serin-tokenize" vocab.txt
full serin-copy-matrix ark:f.ark ark:-
full serin-normalize text -
full serin-ctc-decode vocab.json ark:good ark,t:-
full serin-features scp:data/wav.scp ark:-
tap_done
