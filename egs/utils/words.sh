# Sourced: lists of words in one string, as --train-opts holds them: blanks separate, and '…', "…" and \ keep a word together. Nothing is
# ever expanded or run.
# shellcheck shell=bash

# split_words ARRAY STRING
split_words() {
  local -n _words=$1
  local _lines
  _words=()
  _lines=$(xargs -r printf '%s\n' <<< "$2") || { echo "$0: unpaired quotes in: $2" >&2; return 1; }
  [[ -z $_lines ]] || mapfile -t _words <<< "$_lines"
}

# quote_words WORD …: a string that split_words makes these words of.
quote_words() {
  local word between=
  for word; do
    printf '%s' "$between"
    printf '%s' "$word" | LC_ALL=C sed 's/[^A-Za-z0-9_./,:=@%+-]/\\&/g'
    between=' '
  done
}
