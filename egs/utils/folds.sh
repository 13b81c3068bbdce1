# Sourced: which folds a data directory has, and which of them --folds names.
# shellcheck shell=bash

# choose_folds DATA FOLDS: sets the arrays all and chosen. FOLDS is all, or names or numbers (1 is the first) with blanks or commas. A
# fold becomes the name of a folder, and of nothing outside.
choose_folds() {
  local f wanted
  mapfile -t all < <(awk '{ print $2 }' "$1/utt2fold" | sort -u)
  for f in "${all[@]}"; do
    [[ -n $f && $f != [.-]* && $f != */* && $f != *[[:cntrl:]]* ]] ||
      { echo "$0: $1/utt2fold has a fold that cannot be the name of a folder: $(tr -c '[:print:]\n' '?' <<< "$f")" >&2; return 1; }
  done
  chosen=("${all[@]}")
  [[ $2 != all ]] || return 0
  IFS=$', \t' read -ra wanted <<< "$2"
  chosen=()
  for f in "${wanted[@]}"; do
    if is_fold "$f"; then
      chosen+=("$f")
    elif [[ $f =~ ^[1-9][0-9]{0,3}$ ]] && ((f <= ${#all[@]})); then
      chosen+=("${all[f - 1]}")
    else
      echo "$0: no fold \"$f\" in $1/utt2fold, which has: ${all[*]}" >&2
      return 1
    fi
  done
  [[ ${#chosen[@]} -gt 0 ]] || { echo "$0: --folds names no fold" >&2; return 1; }
}
is_fold() { [[ " ${all[*]} " == *" $1 "* ]]; }
