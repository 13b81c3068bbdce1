#!/usr/bin/env bash
# A Kaldi data directory of the user's, checked and copied: normalised text, folds if it has none, speakers by key if it says none. The
# original is only read.
folds=5                 # made of speakers, as even as they allow; a utt2fold that is there wins
text_norm=upper,nfc,tags,punctuation,collapse       # as serin-normalize has it; none: as it is
pipes=false             # true: commands in wav.scp are run; false: they are refused
base=                   # folder that files of wav.scp are named from, where they do not begin with /
help_message="Usage: local/prepare_data.sh [--base DIR] [--folds K] [--pipes true|false] [--text-norm upper,…] <data-dir> <new-dir>"
# shellcheck source=egs/utils/parse_options.sh
. utils/parse_options.sh
# shellcheck source=egs/utils/lone_labels.sh
. utils/lone_labels.sh
set -euo pipefail
export LC_ALL=C

[[ $# -eq 2 ]] || { echo "$help_message" >&2; exit 1; }
die() { echo "$0: $1" >&2; exit 1; }
from=$1 data=$2
[[ $folds =~ ^[1-9][0-9]?$ && $folds -gt 1 ]] || die "--folds is a whole number from 2 to 99, found \"$folds\""
[[ -d $from ]] || die "no directory $from"
for f in wav.scp utt2emo; do
  [[ -s $from/$f ]] || die "$from/$f is missing: docs/your-corpus.md says what a line of it is"
done
base=${base:-$PWD}
rm -rf "$data.new"
mkdir -p "$data.new"
for f in wav.scp segments text utt2spk utt2emo utt2gender utt2style utt2fold utt2dur; do
  [[ ! -f $from/$f ]] || cp "$from/$f" "$data.new"
done
# Files are named from where the user stands.
base=$base/ awk '$NF != "|" && match($0, /[ \t]+/) && substr($0, RSTART + RLENGTH, 1) != "/" {
    $0 = $1 " " ENVIRON["base"] substr($0, RSTART + RLENGTH) } { print }' "$from/wav.scp" > "$data.new/wav.scp"
if [[ ! -f $data.new/utt2spk ]]; then
  echo "$0: $from has no utt2spk: each utterance counts as a speaker of its own, so that folds may share voices" >&2
  awk '{ print $1, $1 }' "$data.new/utt2emo" > "$data.new/utt2spk"
fi
utils/utt2spk_to_spk2utt.pl "$data.new/utt2spk" > "$data.new/spk2utt"
if [[ -f $data.new/text ]]; then
  serin-normalize --print-args=false --norm="$text_norm" "$from/text" "$data.new/text" 2> "$data.new/log" || { cat "$data.new/log" >&2; exit 1; }
  rm "$data.new/log"
fi
no_text=true
if [[ -f $data.new/text ]]; then no_text=false; fi

# The speaker with most utterances goes to the fold with fewest; ties by name.
if [[ ! -f $data.new/utt2fold ]]; then
  speakers=$(wc -l < "$data.new/spk2utt")
  ((speakers > 1)) || die "$from has one speaker, and folds are made of speakers: write utt2fold (scores of a voice that was trained on are too good), or add speakers"
  ((speakers >= folds)) || die "$from has $speakers speakers, too few for $folds folds: give --folds $speakers or fewer, or utt2fold"
  awk '{ print NF - 1, $1 }' "$data.new/spk2utt" | sort -k 1,1nr -k 2,2 | awk -v k="$folds" '
      { best = 1; for (f = 2; f <= k; f++) if (sum[f] < sum[best]) best = f
        sum[best] += $1; print $2, sprintf(k > 9 ? "fold%02d" : "fold%d", best) }' > "$data.new/spk2fold"
  awk 'NR == FNR { fold[$1] = $2; next } { print $1, fold[$2] }' "$data.new/spk2fold" "$data.new/utt2spk" > "$data.new/utt2fold"
  rm "$data.new/spk2fold"
fi
shared=$(awk 'NR == FNR { speaker[$1] = $2; next } { f[speaker[$1]] = f[speaker[$1]] == "" || f[speaker[$1]] == $2 ? $2 : "more" }
    END { for (s in f) if (f[s] == "more") printf " %s", s }' "$data.new/utt2spk" "$data.new/utt2fold")
[[ -z $shared ]] || echo "$0: speakers in more than one fold, whose scores will be too good:$shared" >&2
utils/validate_data_dir.sh --pipes "$pipes" --no-text $no_text "$data.new" ||
  die "$from has the faults above; utils/fix_data_dir.sh sorts tables and drops what is not in every one"
awk '{ n[$2]++ } END { for (e in n) print "emotion", e, n[e] }' "$data.new/utt2emo" | sort > "$data.new/counts"
mapfile -t parts < <(cut -d ' ' -f 2 "$data.new/utt2fold" | sort -u)
tell_lone_labels "$data.new" emotion utt2emo none "${parts[@]}" || die "there is nothing to tell apart"
# In the place of the tables that were there; what was made of them stays, and is made again where they are others.
mkdir -p "$data"
for f in "$data"/*; do [[ ! -f $f || -f $data.new/${f##*/} ]] || rm "$f"; done
mv "$data.new"/* "$data"
rmdir "$data.new"
