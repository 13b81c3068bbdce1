# Sourced: what a key of serin-train is in the end, by the last of the configurations that says so, or by the options.
# shellcheck shell=bash
# shellcheck source=egs/utils/words.sh
. utils/words.sh
setting() {             # key, configurations, options; the last two as lists of words.sh
  local files options
  split_words files "$2"
  split_words options "$3"
  { cat "${files[@]}" /dev/null; printf '%s\n' "${options[@]#--}"; } | tr -d '\r' |
    sed -n "s/^[[:blank:]]*${1//-/[-_]}[[:blank:]]*=[[:blank:]]*\([^[:blank:]#]*\).*/\1/p" | tail -n 1
}

# Whether a model is chosen on development data, and no key names them: then --dev must.
needs_dev() {           # configurations, options
  [[ -z $(setting dev-dir "$1" "$2")$(setting dev-speakers "$1" "$2") ]] &&
    [[ $(setting select "$1" "$2") == best || $(setting patience "$1" "$2") == [1-9]* ]]
}
