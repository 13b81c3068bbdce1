# Sourced by the tests that are scripts: TAP output, an empty directory to work in ($tap_dir, removed at the end), and
# the root of the source tree ($top). A test script ends with tap_done.
# shellcheck shell=bash
set -uo pipefail
export LC_ALL=C

export top
top=$(cd "${srcdir:-$(dirname "$0")/../..}" && pwd)
tap_dir=$(mktemp -d "${TMPDIR:-/tmp}/serin-test.XXXXXX")
trap 'rm -rf "$tap_dir"' EXIT
tap_count=0
tap_failed=0
# Programs of the build tree the tests run in.
PATH=$PWD/recipes/bin:$PATH

_tap() {            # true|false name; what went wrong is on standard input
  tap_count=$((tap_count + 1))
  if $1; then
    echo "ok $tap_count - $2"
  else
    echo "not ok $tap_count - $2"
    tap_failed=$((tap_failed + 1))
    sed 's/^/# /'
  fi
}

# tap_is NAME FOUND EXPECTED: the texts are equal.
tap_is() {
  if [[ $2 == "$3" ]]; then _tap true "$1"; else _tap false "$1" < <(printf 'found:\n%s\nexpected:\n%s\n' "$2" "$3"); fi
}

# tap_ok NAME COMMAND …: the command succeeds. What it wrote is in $tap_dir/.out and .err.
tap_ok() {
  local name=$1
  shift
  if "$@" > "$tap_dir/.out" 2> "$tap_dir/.err"; then
    _tap true "$name"
  else
    _tap false "$name" < <(cat "$tap_dir/.out" "$tap_dir/.err"; printf 'failed: %s\n' "$*")
  fi
}

# tap_has NAME FILE TEXT: a line of the file holds the text as it stands.
tap_has() {
  if grep -qF -e "$3" "$2"; then _tap true "$1"; else _tap false "$1" < <(printf 'expected: %s\nin:\n' "$3"; cat "$2"); fi
}

# tap_refuses NAME TEXT COMMAND …: a program that refuses its input ends with 1 and says the text on standard error.
tap_refuses() {
  local name=$1 text=$2 status=0
  shift 2
  "$@" > "$tap_dir/.out" 2> "$tap_dir/.err" || status=$?
  if [[ $status -eq 1 ]] && grep -qF -e "$text" "$tap_dir/.err"; then
    _tap true "$name"
  else
    _tap false "$name" < <(printf 'ended with %d; 1 expected, and: %s\nin:\n' $status "$text"; cat "$tap_dir/.err")
  fi
}

# tap_near NAME FOUND EXPECTED: as many numbers, each within 1e-4 of its size.
tap_near() {
  if awk -v a="$2" -v b="$3" 'BEGIN { n = split(a, x); exit !(n && n == split(b, y)) || far() }
    function far(  i, d) { for (i = 1; i <= n; i++) { d = (x[i] - y[i]) / y[i]; if (d > 1e-4 || d < -1e-4) return 1 } return 0 }'; then
    _tap true "$1"
  else
    _tap false "$1" < <(printf 'found:\n%s\nexpected, within 1e-4:\n%s\n' "$2" "$3")
  fi
}

# tap_fails NAME PATTERN COMMAND …: the command fails, and what it says matches the extended regular expression.
tap_fails() {
  local name=$1 pattern=$2 out
  shift 2
  if out=$("$@" 2>&1); then
    _tap false "$name" < <(printf 'succeeded: %s\n' "$*")
  elif [[ $out =~ $pattern ]]; then
    _tap true "$name"
  else
    _tap false "$name" < <(printf 'said:\n%s\nexpected: %s\n' "$out" "$pattern")
  fi
}

# tap_skip NAME REASON: a test that cannot run here, visibly.
tap_skip() {
  tap_count=$((tap_count + 1))
  echo "ok $tap_count - $1 # SKIP $2"
}

# tap_skip_all REASON: none of the tests can run here.
tap_skip_all() {
  echo "1..0 # SKIP $1"
  exit 0
}

tap_done() {
  echo "1..$tap_count"
  exit $((tap_failed > 0))
}
