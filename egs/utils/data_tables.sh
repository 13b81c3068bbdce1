# Sourced by the scripts that cut and join data directories: which tables there are, and what to do with their lines.
# shellcheck shell=bash

# Keyed by utterance; wav.scp belongs here where there are no segments.
utterance_tables=(segments text utt2spk utt2emo utt2gender utt2style utt2fold utt2dialogue feats.scp utt2dur utt2num_frames)
# Keyed by speaker or recording, and made to follow.
# shellcheck disable=SC2034
other_tables=(wav.scp spk2utt spk2gender reco2dur)

# filter_by KEYS TABLE: the lines of TABLE whose key is the first field of a line of KEYS.
filter_by() {
  keys=$1 awk 'BEGIN { while ((getline line < ENVIRON["keys"]) > 0) { split(line, f, " "); wanted[f[1]] } } $1 in wanted' "$2"
}

# copy_tables FROM TO UTTERANCES: writes the tables of FROM into TO, cut to the utterances listed.
copy_tables() {
  local from=$1 to=$2 utterances=$3 f
  mkdir -p "$to"
  for f in "${utterance_tables[@]}"; do
    if [[ -f $from/$f ]]; then filter_by "$utterances" "$from/$f" > "$to/$f.tmp"; mv "$to/$f.tmp" "$to/$f"; fi
  done
  if [[ -f $to/segments ]]; then
    awk '{ print $2 }' "$to/segments" | sort -u > "$to/recordings.tmp"
  else
    cp "$utterances" "$to/recordings.tmp"
  fi
  for f in wav.scp reco2dur; do
    if [[ -f $from/$f ]]; then filter_by "$to/recordings.tmp" "$from/$f" > "$to/$f.tmp"; mv "$to/$f.tmp" "$to/$f"; fi
  done
  rm "$to/recordings.tmp"
  "$(dirname "${BASH_SOURCE[0]}")/utt2spk_to_spk2utt.pl" "$to/utt2spk" > "$to/spk2utt"
  if [[ -f $from/spk2gender ]]; then filter_by "$to/spk2utt" "$from/spk2gender" > "$to/spk2gender.tmp"; mv "$to/spk2gender.tmp" "$to/spk2gender"; fi
}

# cluster_table DIR: what intervals draw before utterances: dialogues where a corpus tells them, speakers else.
cluster_table() { if [[ -f $1/utt2dialogue ]]; then echo "$1/utt2dialogue"; else echo "$1/utt2spk"; fi; }
