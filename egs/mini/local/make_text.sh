#!/usr/bin/env bash
# Text of the kind the synthetic corpus has, without sound or labels, for masked-word pre-training: sentences drawn from
# the grammar as make_corpus.sh draws them, with a seed of its own, as a table normalised as the corpus' text is. Words that
# only one session says are everybody's here.
sentences=20000
text_seed=50021
prosody_share=30        # these four as make_corpus.sh has them; its others may be given, and change nothing
words_share=30
emotion_words=8
grammar=local/grammar.txt
# shellcheck disable=SC2034
utts=0 seed=0 own_words=0 prosody_spread=0 snr_low=0 snr_high=0 nj=1
help_message="Usage: local/make_text.sh [options] <text>
e.g.:  local/make_text.sh --sentences 20000 data/more_text
Options: --sentences 20000 --text-seed 50021 --prosody-share 30 --words-share 30 --emotion-words 8
  --grammar local/grammar.txt"
# shellcheck source=egs/utils/parse_options.sh
. utils/parse_options.sh
set -euo pipefail
export LC_ALL=C

[[ $# -eq 1 ]] || { echo "$help_message" >&2; exit 1; }
for name in sentences text_seed prosody_share words_share emotion_words; do
  [[ ${!name} =~ ^(0|[1-9][0-9]{0,6})$ ]] || { echo "$0: --${name//_/-} is a whole number, found \"${!name}\"" >&2; exit 1; }
done
awk -v utts="$sentences" -v seed="$text_seed" -v prosody_share="$prosody_share" -v words_share="$words_share" \
  -v emotion_words="$emotion_words" -v own_words=0 -v prosody_spread=0 \
  -v snr_low=20 -v snr_high=20 -f local/make_table.awk "$grammar" |
  awk -F '\t' '{
    text = toupper($NF)
    gsub(/\[[^]]*\]/, "", text); gsub(/[^A-Z\047 ]+/, " ", text); gsub(/ +/, " ", text); gsub(/^ | $/, "", text)
    if (text != "") printf "s%07d %s\n", ++n, text }' > "$1.new"
mv "$1.new" "$1"
echo "$0: $(wc -l < "$1") sentences, $(cut -d ' ' -f 2- "$1" | sort -u | wc -l) of them different"
