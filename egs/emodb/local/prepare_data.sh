#!/usr/bin/env bash
# From the Berlin emotional speech database to a Kaldi data directory with wav.scp text utt2spk spk2utt utt2emo
# utt2gender utt2fold; a fold is a speaker. Both layouts are read: the publisher's (wav/*.wav, seven emotions) and one
# folder per emotion. File names tell all: SSttteV.wav, speaker, sentence, emotion, take. Never writes into the corpus.
classes=4               # 4: ang hap neu sad; 7: and bor dis fea
counts=true             # true: refuse a corpus that is not complete
help_message="Usage: local/prepare_data.sh [--classes 4|7] [--counts true|false] <emodb-dir> <data-dir>
e.g.:  local/prepare_data.sh /corpora/emodb data/all"
# shellcheck source=egs/utils/parse_options.sh
. utils/parse_options.sh
set -euo pipefail
export LC_ALL=C

[[ $# -eq 2 ]] || { echo "$help_message" >&2; exit 1; }
die() { echo "$0: $1" >&2; exit 1; }
[[ $classes == 4 || $classes == 7 ]] || die "--classes is 4 or 7, found \"$classes\""
[[ -d $1 ]] || die "no directory $1"
corpus=$(cd "$1" && pwd)
data=$2
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

utils/find_files.sh "$corpus" -name '[01][0-9][ab][01][0-9][WLEAFTN]*.wav' | awk -F / '{ print $NF "\t" $0 }' | sort |
  awk -F '\t' -v dir="$tmp" -v classes="$classes" '
    BEGIN {
        split("W ang F hap N neu T sad" (classes == 7 ? " L bor E dis A fea" : ""), e, " ")
        for (i = 1; i in e; i += 2) emotion[e[i]] = e[i + 1]
        split("03 m 08 f 09 f 10 m 11 m 12 m 13 f 14 f 15 m 16 f", g, " ")
        for (i = 1; i in g; i += 2) gender[g[i]] = g[i + 1]
        split("Angry W Happy F Neutral N Sad T Boredom L Disgust E Fear A", f, " ")
        for (i = 1; i in f; i += 2) letter[f[i]] = f[i + 1]
    }
    NR == FNR { text[substr($0, 1, 3)] = substr($0, 5); next }
    function wrong(message) { print $2 ": " message > "/dev/stderr"; bad = 1 }
    {
        utt = substr($1, 1, length($1) - 4)
        speaker = substr(utt, 1, 2); sentence = substr(utt, 3, 3); mood = substr(utt, 6, 1)
        n = split($2, part, "/"); folder = part[n - 1]
        if (!(speaker in gender)) { wrong("no speaker " speaker); next }
        if (!(sentence in text)) { wrong("no sentence " sentence); next }
        if (utt in seen) { wrong("the utterance is there twice, also as " seen[utt]); next }
        if (folder in letter && letter[folder] != mood) { wrong("emotion " mood " in folder " folder); next }
        seen[utt] = $2
        if (!(mood in emotion)) next
        print utt, $2 > (dir "/wav.scp")
        print utt, text[sentence] > (dir "/text")
        print utt, speaker > (dir "/utt2spk")
        print utt, speaker > (dir "/utt2fold")
        print utt, emotion[mood] > (dir "/utt2emo")
        print utt, gender[speaker] > (dir "/utt2gender")
    }
    END { exit bad }' local/sentences.txt - || die "$corpus is not as its publisher ships it"
[[ -s $tmp/wav.scp ]] || die "no utterances under $corpus, expected wav/03a01Wa.wav and the like"

found=$(awk '{ n[$2]++ } END { for (e in n) print e, n[e] }' "$tmp/utt2emo" | sort | tr '\n' ' ')
complete="ang 127 hap 71 neu 79 sad 62 "
[[ $classes == 4 ]] || complete="ang 127 bor 81 dis 46 fea 69 hap 71 neu 79 sad 62 "
[[ $counts == false || $found == "$complete" ]] ||
  die "expected ${complete}utterances, found $found(--counts false: go on with these)"

mkdir -p "$data"
mv "$tmp"/* "$data"
utils/utt2spk_to_spk2utt.pl "$data/utt2spk" > "$data/spk2utt"
utils/validate_data_dir.sh "$data"
