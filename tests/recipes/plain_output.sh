#!/usr/bin/env bash
# Names in files of every kind, with what a terminal would obey in them: whatever a program prints of them, on either output or into a
# page, is plain.
# shellcheck source=tests/recipes/tap.sh disable=SC2016,SC2034,SC2317
. "${srcdir:-.}/tests/recipes/tap.sh"
PATH=$PWD/tests/recipes:$PATH
cd "$tap_dir" || exit 1

esc=$'\x1b[2J' c1=$'\xc2\x9b2J' bidi=$'\xe2\x80\xae' bell=$'\x07' line=$'\xe2\x80\xa8' broken=$'\xff\xc0'
# Control characters, C1 and overrides of direction among them, or bytes that are no UTF-8. $1: more characters that may be.
has_controls() {
  ! LC_ALL=C.UTF-8 grep -qaxv '.*' "$1" || return 0
  LC_ALL=C grep -qaP '[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]|\xe2\x81[\xa6-\xa9]' "$1"
}
# plain NAME COMMAND …: prints something, and all of it is plain. However it ends, it is not by a signal.
plain() {
  local name=$1 status=0
  shift
  timeout 60 "$@" > said 2>&1 < /dev/null || status=$?
  if has_controls said; then tap_is "$name" "$(cat -v said)" "plain text"
  else tap_is "$name" "$((status < 124))$(test -s said && echo said)" 1said; fi
}

# ---- safetensors and PyTorch's: names of tensors, metadata, members
tensor() {              # name file: one tensor of one number
  perl -e 'my $h = qq({"__metadata__":{"$ARGV[0]":"$ARGV[0]"},"$ARGV[0]":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}); print pack("Q<", length $h), $h, "\0\0\0\0"' "$1" > "$2"
}
for name in '\u001b[2J' '\u009b2J' $'\xc2\x9b2J' $'\xe2\x80\xae' '\u202e' $'\x7f' '\n' '\u2028' $'\xff' $'\x1b'; do
  tensor "a$name" one.safetensors
  shown=$(cat -v <<< "$name")
  plain "a tensor $shown" serin-info one.safetensors
  plain "a tensor $shown, as JSON" serin-info --json one.safetensors
  plain "a tensor $shown, converted" serin-convert one.safetensors out.safetensors
  mkdir -p model
  cp one.safetensors model/model.safetensors
  printf '{"model_type": "%s", "%s": 1, "hidden_size": "%s", "hidden_act": "%s"}' "$name" "$name" "$name" "$name" > model/config.json
  plain "a configuration $shown" serin-info model
  plain "a configuration $shown, at work" serin-states model scp:none.scp ark:-
  printf '{"model_type": "hubert", "hidden_act": "%s", "feat_extract_activation": "%s"}' "$name" "$name" > model/config.json
  plain "an activation $shown" serin-states model scp:none.scp ark:-
  printf '{"weight_map": {"a%s": "%s.safetensors"}}' "$name" "$name" > index.json
  rm -rf shards
  mkdir shards
  cp index.json shards/model.safetensors.index.json
  plain "a shard $shown" serin-info shards
done
for zip in "$top"/tests/parity/torch/*.{bin,pt}; do
  [[ -f $zip ]] || continue
  for new in "$esc" "$c1"; do
    # Bytes of names, of members and of tensors, in place.
    N=$new perl -0pe 's/weight/substr("$ENV{N}weight", 0, 6)/ge' "$zip" > torch.bin
    plain "PyTorch's $(basename "$zip")" serin-info torch.bin
    N=$new perl -0pe 's/data\.pkl/substr("$ENV{N}data.pkl", 0, 8)/ge' "$zip" > torch.bin
    plain "members of $(basename "$zip")" serin-info torch.bin
  done
done

# ---- tables
make_tones train 12 1
make_tones test 6 2
serin-train --config="$top/tests/recipes/tones.conf" --epochs=1 train exp > /dev/null 2>&1
for name in "$esc" "$c1" "$bidi" "$bell" "$line" "$broken"; do
  shown=$(cat -v <<< "$name")
  for table in wav.scp text utt2spk utt2emo utt2gender utt2style; do
    rm -rf bad
    cp -r test bad
    N=$name awk 'NR == 2 { $1 = $1 ENVIRON["N"] } NR == 3 { $2 = ENVIRON["N"] $2 } { print }' test/$table > bad/$table
    plain "$table with $shown" serin-validate-data bad
    plain "$table with $shown, decoded" serin-decode exp bad out
    plain "$table with $shown, trained on" serin-train --config="$top/tests/recipes/tones.conf" --epochs=1 bad "new$RANDOM"
  done
  N=$name awk '{ print $1, ENVIRON["N"] NR % 2 }' test/utt2emo > labels
  plain "labels of $shown, scored" serin-score-labels --json=scores.json labels labels
  N=$name awk '{ print $1, ENVIRON["N"] NR % 2 }' test/utt2emo > bad/utt2emo
  plain "texts of $shown, scored" serin-score-text --json=scores.json labels labels
  mkdir -p x
  N=$name awk '{ print $1, "a" NR % 2 }' test/utt2emo > labels
  serin-score-labels --name="$name" --corpus="$name" --json=x/scores.json labels labels > /dev/null 2>&1
  plain "a report of $shown" serin-report x/report.html x
  if [[ -f x/report.html ]]; then tap_is "its page" "$(has_controls x/report.html && echo controls)" ""; fi
  { printf 'k%s [ 1 2\n 3 4 ]\n' "$name"; printf 'k%s [ 1 2 3 ]\n' "$name"; } > m.ark
  plain "matrices of $shown" serin-copy-matrix ark:m.ark ark,t:-
  plain "matrices of $shown, in a folder" serin-copy-matrix ark:m.ark folder
  plain "frames of $shown" serin-kmeans --clusters=2 ark:m.ark k.npy
  printf 'k%s none.ark:12\n' "$name" > m.scp
  plain "a script of $shown" serin-copy-matrix scp:m.scp ark,t:-
  printf '{"<pad>": 0, "%s": 1, "b%s": 1}' "$(sed 's/\x1b/\\u001b/; s/\x07/\\u0007/' <<< "$name")" "$name" > vocab.json
  plain "a vocabulary of $shown" serin-ctc-decode vocab.json ark:m.ark ark,t:-
  printf '[PAD]\n[UNK]\n[CLS]\n[SEP]\n%s\n%s\n' "$name" "$name" > vocab.txt
  plain "pieces of $shown" serin-tokenize vocab.txt
  printf 'epochs=%s\n' "$name" > c.conf
  plain "a value $shown of --config" serin-train --config=c.conf train exp2
  printf '%s=1\n' "$name" > c.conf
  plain "a key $shown of --config" serin-train --config=c.conf train exp2
  printf 'RIFF%sWAVE%sfmt ' "$name" "$name" > s.wav
  plain "a sound of $shown" serin-recognize exp s.wav
  cp -r exp exp3
  sed "s/\"ang\"/\"$(sed 's/\x1b/\\\\u001b/; s/\x07/\\\\u0007/' <<< "$name")\"/" exp/labels.json > exp3/labels.json
  plain "a model's label $shown" serin-recognize exp3 "$(awk 'NR == 1 { print $2 }' test/wav.scp)"
  rm -rf exp3
done
tap_done
