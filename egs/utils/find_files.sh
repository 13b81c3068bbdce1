#!/usr/bin/env bash
# Files as find names them, a path a line, sorted. A name that would be more than a path in a table (control characters, | at its end)
# is refused: corpora come from anybody.
set -euo pipefail
export LC_ALL=C
[[ $# -ge 1 ]] || { echo "Usage: utils/find_files.sh <arguments of find>" >&2; exit 1; }
files=$(mktemp)
trap 'rm -f "$files"' EXIT
find "$@" -print0 > "$files"
bad=$(tr '\n\0' '\1\n' < "$files" | grep -aE -m 1 '[[:cntrl:]]|\|[[:blank:]]*$' || true)
if [[ -n $bad ]]; then
  echo "$0: a file's name has control characters, or | at its end: $(tr -c '[:print:]\n' '?' <<< "$bad")" >&2
  exit 1
fi
tr '\0' '\n' < "$files" | sort
