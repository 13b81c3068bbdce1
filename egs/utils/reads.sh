# Sourced: what experiments read.
# shellcheck shell=bash

# reads EXPERIMENTS: a line "speech N" and a line "words N" where they, or those they go on from, read such; N is the first that does.
reads() {
  awk -v asked="$1" '
    !/^#/ && NF > 3 { after[$1] = $2; sub(/^=/, "", after[$1]); options[$1] = $0 }
    function look(n, k) {
      if (options[k] ~ /--input=(speech|both)/ && !("speech" in first)) first["speech"] = n
      if (options[k] ~ /--input=(text|both)/ && !("words" in first)) first["words"] = n
      if (k in after && after[k] != "-") look(n, after[k])
    }
    END {
      n = split(asked, word, /[ ,]+/)
      for (i = 1; i <= n; i++) {
        if (word[i] !~ /^[0-9]+(-[0-9]+)?$/) continue
        to = split(word[i], range, "-")
        for (k = range[1] + 0; k <= range[to] + 0; k++) look(k, k)
      }
      for (what in first) print what, first[what]
    }' utils/experiments.txt
}
