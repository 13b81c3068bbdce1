#!/usr/bin/env bash
# Makes the synthetic corpus: espeak-ng speaks sentences drawn from grammar.txt with ten voices, and the result lies on
# disk as IEMOCAP does, with its label and transcription files and the stray files its copies have.
utts=1000               # utterances of the four classes; a tenth more carry labels outside them
seed=1
prosody_share=30        # % of the emotional utterances told by prosody alone; their words are neutral
words_share=30          # % told by words alone; the rest by both
emotion_words=8         # words an emotion has, 1 to 40: the more, the rarer each is heard
own_words=0             # % of them that one session alone says: what the other sessions teach does not help there
prosody_spread=0        # %, how much talkers differ in how strongly the voice shows an emotion
grammar=local/grammar.txt   # what they say; local/frames.txt tells emotions by single words in frames that all emotions share
snr_low=15              # white noise, dB below the speech, drawn evenly
snr_high=35
nj=2
cmd=utils/run.pl
help_message="Usage: local/make_corpus.sh [options] <corpus-dir>
e.g.:  local/make_corpus.sh --utts 2000 data/corpus
Options: --utts 1000 --seed 1 --prosody-share 30 --words-share 30 --emotion-words 8 --own-words 0
  --prosody-spread 0 --grammar local/grammar.txt --snr-low 15 --snr-high 35 --nj 2 --cmd utils/run.pl   (what they mean: the head of this script)"
# shellcheck source=egs/utils/parse_options.sh
. utils/parse_options.sh
set -euo pipefail
export LC_ALL=C

[[ $# -eq 1 ]] || { echo "$help_message" >&2; exit 1; }
corpus=$1
die() { echo "$0: $1" >&2; exit 1; }
within() {              # name least most
  if ! [[ ${!1} =~ ^(0|[1-9][0-9]{0,4})$ ]] || ((${!1} < $2 || ${!1} > $3)); then
    die "--${1//_/-} is a whole number from $2 to $3, found \"${!1}\""
  fi
}
within utts 20 30000
within seed 0 99999
within prosody_share 0 100
within words_share 0 $((100 - prosody_share))
within emotion_words 1 40
within own_words 0 90
within prosody_spread 0 100
[[ -r $grammar ]] || die "cannot read $grammar, which --grammar names"
within snr_low 0 100
within snr_high "$snr_low" 100
within nj 1 999
command -v espeak-ng > /dev/null || die "espeak-ng is missing; on Debian: apt-get install espeak-ng"

draw=(-v utts="$utts" -v seed="$seed" -v prosody_share="$prosody_share" -v words_share="$words_share"
  -v emotion_words="$emotion_words" -v own_words="$own_words" -v prosody_spread="$prosody_spread" -v snr_low="$snr_low" -v snr_high="$snr_high")
new=$corpus.new
rm -rf "$new"
mkdir -p "$new/make"
awk "${draw[@]}" -f local/make_table.awk "$grammar" > "$new/table.tsv"
if [[ -e $corpus ]]; then
  [[ -f $corpus/table.tsv ]] || die "$corpus is there already and was not made by this script"
  if cmp -s "$corpus/table.tsv" "$new/table.tsv"; then
    echo "$0: $corpus holds these utterances already"
    rm -rf "$new"
    exit 0
  fi
fi

cut -f 2 "$new/table.tsv" | sort -u | while IFS= read -r dialogue; do
  mkdir -p "$new/Session${dialogue:4:1}/sentences/wav/$dialogue"
done
for s in 1 2 3 4 5; do
  mkdir -p "$new/Session$s/dialog/transcriptions" "$new/Session$s/dialog/EmoEvaluation/Categorical"
done

# The programs' tables are sorted by utterance and cut into nj pieces; the labels keep the order of the turns.
total=$(wc -l < "$new/table.tsv")
sort -k 1,1 "$new/table.tsv" | dir=$new awk -F '\t' -v total="$total" -v nj="$nj" '
  BEGIN { dir = ENVIRON["dir"] }
  {
    piece = int((NR - 1) * nj / total) + 1
    print $1, "espeak-ng -m -v en-us+" $7 " -p " $8 " -s " $9 " --stdout " quoted("<prosody range=\"" $10 "%\">" $13 "</prosody>") \
        " |" > (dir "/make/wav." piece ".scp")
    print $1, dir "/Session" substr($2, 5, 1) "/sentences/wav/" $2 "/" $1 ".wav" > (dir "/make/out." piece ".scp")
    print $1, $11 > (dir "/make/utt2gain")
    print $1, $12 > (dir "/make/utt2snr")
}
function quoted(s) { gsub(/\047/, "\047\\\047\047", s); return "\047" s "\047" }'
echo "$0: speaking $total utterances"
$cmd --quote true --num-threads 1 --max-jobs-run "$nj" JOB=1:"$nj" "$new/make/copy.JOB.log" \
  serin-copy-audio --rate=16000 --seed="$seed" --utt2gain="$new/make/utt2gain" --utt2snr="$new/make/utt2snr" \
  "$new/make/wav.JOB.scp" "$new/make/out.JOB.scp"
find "$new" -name '*.wav' -printf '%f\t%s\n' | dir=$new awk -f local/write_labels.awk - "$new/table.tsv"

# What lies about in real copies and must not be read: a file manager's leftovers, other evaluators' files.
for s in 1 4; do
  for f in sentences/wav/Ses0${s}F_impro01/Ses0${s}F_impro01_F000.wav dialog/{transcriptions,EmoEvaluation}/Ses0${s}F_impro01.txt; do
    printf '\0\005\026\007' > "$new/Session$s/${f%/*}/._${f##*/}"
    printf '\0\0\0\001Bud1' > "$new/Session$s/${f%/*}/.DS_Store"
  done
done
echo "[1.0000 - 2.0000]	Ses01F_impro01_F000	dis	[1.0000, 1.0000, 1.0000]" \
  > "$new/Session1/dialog/EmoEvaluation/Categorical/Ses01F_impro01_e2_cat.txt"

rm -r "$new/make"
rm -rf "$corpus"
mv "$new" "$corpus"
awk -F '\t' '$4 ~ /^(neu|hap|exc|ang|sad)$/ { n++; by[$6]++ } END {
    printf "%d utterances of four classes (%d others): %d neutral, %d by prosody alone, %d by words alone, %d by both\n",
        n, NR - n, by["none"], by["prosody"], by["words"], by["both"] }' "$corpus/table.tsv"
