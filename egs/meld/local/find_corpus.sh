#!/usr/bin/env bash
# Where MELD's parts are: <corpus> is its folder, unpacked or not, or MELD.Raw.tar.gz. Archives are unpacked into <work>, never into the
# corpus; what is unpacked already is left alone. Prints "train_csv PATH", "train_clips FOLDER" and so on, those found.
set -euo pipefail
export LC_ALL=C
[[ $# -eq 3 ]] || { echo "Usage: local/find_corpus.sh <corpus> <work> <clips wanted: true|false>" >&2; exit 1; }
die() { echo "$0: $1" >&2; exit 1; }
corpus=$1 work=$2 clips=$3
[[ -e $corpus ]] || die "no file or folder $corpus"

# An archive is unpacked beside its place and moved there when it is whole.
unpack() {              # archive, folder
  [[ ! -d $2 ]] || return 0
  echo "$0: unpacking $1 into $2" >&2
  rm -rf "$2.new"
  mkdir -p "$2.new"
  tar -xzf "$1" -C "$2.new" ||
    { rm -rf "$2.new"; die "$1 does not unpack: is it whole, is there room? (df -h $work)"; }
  mv "$2.new" "$2"
}

places=("$corpus")
if [[ -f $corpus ]]; then
  [[ $corpus == *.tar.gz || $corpus == *.tgz ]] || die "$corpus is no MELD.Raw.tar.gz"
  unpack "$corpus" "$work/raw"
  places=("$work/raw")
elif [[ -f $corpus/MELD.Raw.tar.gz && ! -d $corpus/MELD.Raw ]]; then
  unpack "$corpus/MELD.Raw.tar.gz" "$work/raw"
  places+=("$work/raw")
fi
find_one() {            # type, names …: the first that is there
  local type=$1 name
  shift
  for name; do find "${places[@]}" -maxdepth 4 -type "$type" -name "$name" ! -path '*/._*' | sort | head -n 1; done | head -n 1
}
declare -A folder=([train]=train_splits [dev]=dev_splits_complete [test]=output_repeated_splits_test)
for split in train dev test; do
  csv=$(find_one f "${split}_sent_emo.csv") found=
  if $clips; then
    found=$(find_one d "${folder[$split]}")
    if [[ -z $found ]]; then
      inner=$(find_one f "$split.tar.gz")
      if [[ -n $inner ]]; then
        unpack "$inner" "$work/$split"
        places+=("$work/$split")
        found=$(find_one d "${folder[$split]}")
        [[ -n $csv ]] || csv=$(find_one f "${split}_sent_emo.csv")
      fi
    fi
    [[ -n $found ]] || die "$corpus has no clips of $split: expected $split.tar.gz, or the folder ${folder[$split]} or $split/${folder[$split]}"
    echo "${split}_clips $found"
  fi
  [[ -n $csv ]] || die "$corpus has no ${split}_sent_emo.csv: is it MELD, and all of it?"
  echo "${split}_csv $csv"
done
