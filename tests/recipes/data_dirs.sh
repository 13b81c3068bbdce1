#!/usr/bin/env bash
# Data directories: validated, repaired, cut and joined.
# shellcheck source=tests/recipes/tap.sh disable=SC2016,SC2317
. "$(dirname "$0")/tap.sh"
utils=$top/egs/utils
cd "$tap_dir" || exit 1

make() {            # directory, then speakers with four utterances each
  local dir=$1 s i
  shift
  rm -rf "$dir"
  mkdir "$dir"
  for s in "$@"; do
    for i in 1 2 3 4; do
      echo "$s-u$i cat /sound/$s/$i.wav |" >> "$dir/wav.scp"
      echo "$s-u$i WORD $i" >> "$dir/text"
      echo "$s-u$i $s" >> "$dir/utt2spk"
      echo "$s-u$i neu" >> "$dir/utt2emo"
      echo "$s-u$i f" >> "$dir/utt2gender"
      echo "$s-u$i impro" >> "$dir/utt2style"
      echo "$s-u$i 1" >> "$dir/utt2fold"
      echo "$s-u$i $((5 - i)).5" >> "$dir/utt2dur"
    done
  done
  "$utils/utt2spk_to_spk2utt.pl" "$dir/utt2spk" > "$dir/spk2utt"
}
valid() { "$utils/validate_data_dir.sh" --sounds false "$@"; }
keys() { cut -d ' ' -f 1 "$1" | tr '\n' ' '; }
tables="wav.scp text utt2spk utt2emo utt2gender utt2style utt2fold utt2dur"
same_keys() {       # directory keys
  local f
  for f in $tables; do [[ $(keys "$1/$f") == "$2" ]] || { echo "$f: $(keys "$1/$f")"; return 1; }; done
}

# ---- validate
make d a b
tap_ok "a valid directory" valid d
sed -i "/b-u2/d" d/utt2style
tap_fails "a table lacks an utterance" 'd/utt2style: no entry for "b-u2"' valid d
make d a
rm d/wav.scp
tap_fails "no sound" 'wav.scp' valid d
tap_ok "which may be wanted" valid --no-wav true d
rm d/text
tap_fails "no text" 'text' valid --no-wav true d
tap_ok "which may be wanted" valid --no-wav true --no-text true d

# ---- fix
make d a b
sed -i '/a-u2/d' d/utt2emo
sed -i '/b-u4/d' d/wav.scp
sed -i '3s/ .*//' d/utt2style
sort -r -o d/text d/text
before=$(cat d/text)
tap_ok "fix" "$utils/fix_data_dir.sh" d
tap_ok "fixed is valid" valid d
tap_ok "fixed is what all tables have" same_keys d "a-u1 a-u4 b-u1 b-u2 b-u3 "
tap_is "spk2utt follows" "$(cat d/spk2utt)" $'a a-u1 a-u4\nb b-u1 b-u2 b-u3'
tap_is "a backup is kept" "$(cat d/.backup/text)" "$before"
make d a b
first=$(cat d/*)
tap_ok "fix what is whole" "$utils/fix_data_dir.sh" d
tap_is "and nothing changes" "$(cat d/*)" "$first"
make d a b
rm d/spk2utt
for f in d/*; do
  [[ -f $f ]] || continue
  LC_ALL=C sed -i '1s/^/\xef\xbb\xbf/; 2s/^/ \t/; s/$/\r/' "$f"
  truncate -s -2 "$f"
done
tap_ok "fix what editors left" "$utils/fix_data_dir.sh" d
tap_has "counts rightly" .out "kept 8 of 8 utterances"
tap_is "and all is as it was" "$(cat d/*)" "$first"
LC_ALL=C sed -i '1s/^/\xef\xbb\xbf/' d/text
tap_ok "fix a mark in one table" "$utils/fix_data_dir.sh" d
tap_has "keeps all" .out "kept 8 of 8 utterances"
tap_is "and all is as it was again" "$(cat d/*)" "$first"
: > d/wav.scp
tap_fails "nothing in common" 'no utterance is in every table' "$utils/fix_data_dir.sh" d

# ---- subset
make d a b c
subset() { rm -rf s; "$utils/subset_data_dir.sh" "$@"; }
printf 'a-u3\nc-u1\n' > list
tap_ok "subset by list" subset --utt-list list d s
tap_ok "has these in every table" same_keys s "a-u3 c-u1 "
tap_ok "and is valid" valid s
echo b > list
tap_ok "subset by speakers" subset --spk-list list d s
tap_ok "has theirs" same_keys s "b-u1 b-u2 b-u3 b-u4 "
tap_ok "the first five" subset --first d 5 s
tap_ok "are these" same_keys s "a-u1 a-u2 a-u3 a-u4 b-u1 "
tap_ok "three, spread" subset d 3 s
tap_ok "are one of each" same_keys s "a-u4 b-u4 c-u4 "
tap_ok "two a speaker" subset --per-spk true d 2 s
tap_ok "are these" same_keys s "a-u2 a-u4 b-u2 b-u4 c-u2 c-u4 "
tap_ok "the shortest three" subset --shortest d 3 s
tap_ok "are these" same_keys s "a-u4 b-u4 c-u4 "
tap_ok "more than there are" subset d 100 s
tap_is "is all" "$(cat s/text)" "$(cat d/text)"
echo nobody > list
tap_fails "nobody left" 'no utterance of d is left' subset --utt-list list d s
tap_fails "no number" 'expected a number of utterances, found "x"' subset d x s
tap_fails "no overwriting" 'cannot become a part of itself' "$utils/subset_data_dir.sh" d 3 d

# ---- combine, split
make d a b c
make d1 a
make d2 b c
tap_ok "combine" "$utils/combine_data_dir.sh" e d2 d1
tap_is "makes the whole" "$(cd e && cat ./*)" "$(cd d && cat ./*)"
tap_fails "twice the same" 'utterances in more than one of them: a-u1' "$utils/combine_data_dir.sh" e d1 d
rm d2/utt2style
tap_is "a table not everybody has" "$("$utils/combine_data_dir.sh" e d1 d2 2>&1 | head -n 1)" \
  "$utils/combine_data_dir.sh: left out utt2style, which only 1 of 2 directories have"
tap_ok "is gone" test ! -e e/utt2style
tap_ok "split" "$utils/split_data.sh" d 2
tap_is "keeps speakers together" "$(keys d/split2/1/text)| $(keys d/split2/2/text)" \
  "a-u1 a-u2 a-u3 a-u4 | b-u1 b-u2 b-u3 b-u4 c-u1 c-u2 c-u3 c-u4 "
tap_ok "parts are valid" valid d/split2/2
tap_ok "split utterances" "$utils/split_data.sh" --per-utt d 5
tap_is "in parts of like size" "$(wc -l d/split5utt/*/text | awk '{ printf "%s ", $1 }')" "2 3 2 3 2 12 "
tap_fails "too many parts" 'd has 3 speakers, too few for 4 parts' "$utils/split_data.sh" d 4
tap_done
