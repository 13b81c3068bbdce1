# Sourced: a stamp beside a finished model says what it was made of, a line for each thing: "command: …", "data: <checksum>". With it a
# model is made once, and never overwritten unless $retrain is true.
# shellcheck shell=bash disable=SC2154

# is_finished FOLDER STAMP: FOLDER/done is that stamp. Ends with a message where it is another's and stays.
is_finished() {
  [[ -f $1/done ]] || return 1
  [[ $(< "$1/done") != "$2" ]] || return 0
  $retrain || {
    echo "$0: $1 holds a finished model, and not of what is asked for now:$(stamp_changes "$(< "$1/done")" "$2"). It stays: --retrain true" \
      "trains anew in its place; another folder keeps both" >&2
    exit 1
  }
  return 1
}

# What two stamps do not share: words of the command, and by name what was read.
stamp_changes() {
  local line was label
  while IFS= read -r line; do
    label=${line%%: *}
    was=$(grep -F -m 1 "$label: " <<< "$1" || true)
    if [[ $was == "$line" ]]; then continue; fi
    if [[ $label == command ]]; then
      printf ' %s' "$({ comm -23 <(_words "$was") <(_words "$line") | sed 's/^/was /'
        comm -13 <(_words "$was") <(_words "$line") | sed 's/^/is /'; } | paste -s -d , | sed 's/,/, /g')"
    else
      printf ', other %s' "$label"
    fi
  done <<< "$2" | sed 's/^,//'
}
_words() { tr ' ' '\n' <<< "${1#command: }" | sort; }
