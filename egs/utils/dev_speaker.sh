# Sourced: whom $dev keeps from the training of a fold of $data, to choose the model on. next: the first speaker behind the test
# speakers in the sorted list, the very first where there is none; a file: the speaker of the fold's line.
# shellcheck shell=bash disable=SC2154
dev_speaker() {         # fold
  if [[ -f $dev ]]; then
    fold=$1 awk '$1 == ENVIRON["fold"] { print $2; found = 1 } END { exit !found }' "$dev" && return
    echo "$0: $dev has no line for fold $1" >&2
    return 1
  fi
  fold=$1 awk '
    NR == FNR { if ($2 == ENVIRON["fold"]) test[$1]; next }
    { if ($1 in test) tested[$2]; if (!($2 in seen)) { seen[$2]; speaker[++n] = $2 } }
    END {
      for (i = 1; i <= 2 * n; i++) {
        s = speaker[(i - 1) % n + 1]
        if (s in tested) last = i
        else if (last) { print s; exit }
      }
    }' "$data/utt2fold" "$data/utt2spk"
}
