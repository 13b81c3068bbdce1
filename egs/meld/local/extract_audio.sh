#!/usr/bin/env bash
# The sound of clips as 16 kHz mono WAV: a job's part of the list "utterance TAB file". What is there already is left alone; a sound under a
# tenth of a second ends with silence up to there, or no frame of it would be heard. Fails at the end if any clip failed, and names them.
set -euo pipefail
[[ $# -eq 2 ]] || { echo "Usage: local/extract_audio.sh <list> <folder>" >&2; exit 1; }
total=$(wc -l < "$1")
n=0 failed=0
mkdir -p "$2"
while IFS=$'\t' read -r utt file; do
  n=$((n + 1))
  if ((n % 500 == 0)); then echo "$n of $total clips"; fi
  [[ ! -s $2/$utt.wav ]] || continue
  new=$2/.$utt.$$.wav
  if said=$(ffmpeg -nostdin -v error -y -i "$file" -map 0:a:0 -ac 1 -ar 16000 -af apad=whole_dur=0.1 -c:a pcm_s16le "$new" 2>&1) &&
      [[ $(stat -c %s "$new") -ge 3244 ]]; then
    mv "$new" "$2/$utt.wav"
  else
    echo "BAD $utt ${file##*/}: ${said%%$'\n'*}"
    rm -f "$new"
    failed=$((failed + 1))
  fi
done < "$1"
echo "$n of $total clips, $failed failed"
exit $((failed > 0))
