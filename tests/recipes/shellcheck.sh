#!/usr/bin/env bash
# Every shell script of the project passes shellcheck, and every Perl script compiles.
# shellcheck source=tests/recipes/tap.sh
. "$(dirname "$0")/tap.sh"
cd "$top" || exit 1

while IFS= read -r script; do
  tap_ok "perl -c $script" perl -c "$script"
done < <(find egs -type f -name '*.pl' | sort)

command -v shellcheck > /dev/null || { tap_skip "shellcheck" "shellcheck is not installed"; tap_done; }
while IFS= read -r script; do
  tap_ok "shellcheck $script" shellcheck -x "$script"
done < <({ find egs scripts tests -type f -name '*.sh'; find . -maxdepth 1 -type f -perm -u+x \( -name demo -o -name check \); echo .ci/run; } | sort)
tap_done
