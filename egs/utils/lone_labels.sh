# Sourced: labels that cannot be learnt where they are to be recognised, told before anything is trained.
# shellcheck shell=bash

# lone_labels TASK TABLE UTT2FOLD DEV FOLD …: for each of the folds a line "<fold> <label> <utterances>" for what it has and its training
# folds (all but it and DEV) have not, and a line "<fold> -" where these have fewer than two labels.
lone_labels() {
  dev=$3 awk '
    BEGIN { for (i = 3; i < ARGC; i++) { wanted[ARGV[i]]; delete ARGV[i] } }
    NR == FNR { fold[$1] = $2; folds[$2]; next }
    $2 != "-" && $1 in fold { n[fold[$1], $2]++; label[$2] }
    END {
      for (f in wanted) {
        learnt = 0
        for (l in label) {
          there = 0
          for (g in folds) if (g != f && g != ENVIRON["dev"]) there += n[g, l]
          if (there) learnt++
          else if (n[f, l]) print f, l, n[f, l]
        }
        if (learnt < 2) print f, "-"
      }
    }' "$2" "$1" "${@:4}" | sort
}

# tell_lone_labels DATA TASK TABLE DEV FOLD …: says so; 1 where a task cannot be trained in a fold.
tell_lone_labels() {
  local f label n status=0
  while read -r f label n; do
    if [[ $label == - ]]; then
      echo "$0: $3: what is trained for the test on \"$f\" has fewer than two labels of $2: leave the task out (--lambda-$2=0), or make other folds" >&2
      status=1
    else
      echo "$0: warning: $3: the $2 \"$label\" occurs in \"$f\" alone ($n utterance$([[ $n == 1 ]] || echo s)): the model tested there cannot know it, and misses each" >&2
    fi
  done < <(lone_labels "$1/$3" "$1/utt2fold" "$4" "${@:5}")
  return $status
}
