#!/usr/bin/env bash
# Every mutant of mutants.txt can still be made; mutate.sh itself is run by hand, for it takes half an hour.
# shellcheck source=tests/recipes/tap.sh
. "$(dirname "$0")/recipes/tap.sh"
tap_ok "each text stands in its file once, and its tests are there" "$top/tests/mutate.sh" --apply-only
tap_ok "at least a hundred" test "$(grep -vc '^#' "$top/tests/mutants.txt")" -ge 100
tap_done
