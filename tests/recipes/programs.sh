#!/usr/bin/env bash
# What every program has: --help and -h, --version, --threads, a refusal of what it does not know, and messages that a terminal may
# show whatever the files' names.
# shellcheck source=tests/recipes/tap.sh
. "${srcdir:-.}/tests/recipes/tap.sh"
cd "$tap_dir" || exit 1
version=$(serin-info --version | sed 's/.* //')
hostile=$'a\x1b[2J\xc2\x9b2J\xe2\x80\xaetxt\nERROR \xff'

# Control characters, C1 and overrides of direction among them, or bytes that are no UTF-8.
has_controls() { ! LC_ALL=C.UTF-8 grep -qaxv '.*' "$1" || return 0; LC_ALL=C grep -qaP '[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]|\xe2\x81[\xa6-\xa9]' "$1"; }

for program in "$top"/recipes/bin/serin-*.c; do
  p=$(basename "$program" .c)
  tap_ok "$p --help" "$p" --help
  mv .out help
  tap_is "$p: -h is the same" "$("$p" -h)" "$(< help)"
  tap_has "$p: its own default" help '(-h too) (bool, default false)'
  tap_has "$p: threads" help '  --threads '
  tap_is "$p --version" "$("$p" --version)" "$p (Serin) $version"
  tap_refuses "$p: a number of threads" '--threads=two: expected an integer from 0' "$p" --threads=two
  tap_refuses "$p: an option that is none" 'unknown option --nothing' "$p" --nothing
  "$p" "$hostile" "$hostile" "$hostile" > said 2>&1 < /dev/null
  has_controls said
  tap_is "$p: a hostile name is made plain" "$?" 1
done
tap_done
