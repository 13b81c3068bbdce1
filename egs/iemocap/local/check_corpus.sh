#!/usr/bin/env bash
# Tells whether a folder is IEMOCAP as it was released, and what to do if it is not. Counts are prepare_data.sh's to check.
set -euo pipefail
[[ $# -eq 1 ]] || { echo "Usage: local/check_corpus.sh <IEMOCAP_full_release>" >&2; exit 1; }
die() { printf '%s: %s\n' "$0" "$1" >&2; exit 1; }
corpus=$1
[[ -d $corpus ]] || die "no directory $corpus"
is_release() { [[ -d $1/Session1/dialog && -d $1/Session1/sentences ]]; }

if ! is_release "$corpus"; then
  for near in "$corpus"/IEMOCAP_full_release "$corpus"/*/ "$corpus"/.. "$corpus"/../..; do
    if is_release "$near"; then die "$corpus is not the release, but $(realpath "$near") is: give that"; fi
  done
  case $(ls "$corpus") in
    *.tar.gz* | *.zip*) die "$corpus holds an archive: unpack it first, and give the folder IEMOCAP_full_release in it" ;;
    *.csv* | *.parquet* | *.arrow*)
      die "$corpus is another edition of the corpus (tables); this recipe reads the release as its publisher ships it" ;;
  esac
  die "$corpus is no IEMOCAP release: it lacks Session1/dialog and Session1/sentences"
fi
missing=
for s in 1 2 3 4 5; do
  for d in sentences/wav dialog/transcriptions dialog/EmoEvaluation; do
    [[ -d $corpus/Session$s/$d ]] || missing+=" Session$s/$d"
  done
done
[[ -z $missing ]] || die "$corpus is copied by half, it lacks:$missing. Copy it again"
for s in 1 2 3 4 5; do
  while IFS= read -r labels; do
    dialogue=$(basename "$labels" .txt)
    [[ -f $corpus/Session$s/dialog/transcriptions/$dialogue.txt ]] || missing+=" Session$s/dialog/transcriptions/$dialogue.txt"
    [[ -d $corpus/Session$s/sentences/wav/$dialogue ]] || missing+=" Session$s/sentences/wav/$dialogue"
  done < <(find "$corpus/Session$s/dialog/EmoEvaluation" -maxdepth 1 -name 'Ses*.txt' | sort)
done
[[ -z $missing ]] || die "$corpus is copied by half; dialogues with labels lack:$missing. Copy these again"
