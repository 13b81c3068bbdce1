#!/usr/bin/env bash
# Whether the tests would tell: changes one place of the source at a time (tests/mutants.txt), builds, runs the tests that are
# meant to notice, and prints the mutants that survived.
usage="Usage: $0 [--only PATTERN] [--apply-only] [--dir DIR]
Each line of tests/mutants.txt is a mutant: file, tests, text, replacement, with tabs between; the text must stand in the
file exactly once (\\n and \\t are as in C). A fifth field says why no test can see it: it is counted apart and not run.
  --only PATTERN   only mutants whose line matches (grep -E)
  --apply-only     only see whether each text stands in its file once and each test exists; nothing is built
  --dir DIR        where to copy the tree to and build it [a new folder, removed at the end]
A few seconds a mutant. Ends with 0 when every mutant was killed or is said to be equivalent."
only=. apply_only=false dir=
while (($#)); do
  case $1 in
  --only) only=$2; shift ;;
  --apply-only) apply_only=true ;;
  --dir) dir=$2; shift ;;
  --help) echo "$usage"; exit 0 ;;
  *) echo "$usage" >&2; exit 1 ;;
  esac
  shift
done
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")/.."
top=$PWD

# mutate FILE TEXT REPLACEMENT: prints the mutated file; fails, and says so, unless the text stands in it once.
mutate() {
  file=$1 text=$2 replacement=$3 perl -0777 -e '
    my ($file, $text, $to) = @ENV{qw(file text replacement)};
    s/\\n/\n/g, s/\\t/\t/g for $text, $to;
    open my $in, "<", $file or die "$file: $!\n";
    my $s = <$in>;
    my $n = () = $s =~ /\Q$text\E/g;
    die "$file: found $n times, 1 expected: $text\n" if $n != 1;
    $s =~ s/\Q$text\E/$to/;
    print $s'
}

mapfile -t mutants < <(grep -v '^#' tests/mutants.txt | grep -E -e "$only" | tr '\t' '\037')
bad=0
for mutant in "${mutants[@]}"; do
  IFS=$'\037' read -r file tests text replacement reason <<< "$mutant"
  mutate "$file" "$text" "$replacement" > /dev/null || bad=$((bad + 1))
  for test in $tests; do
    [[ -f $test || -f $test.c ]] || { echo "$file: no test $test"; bad=$((bad + 1)); }
  done
done
if $apply_only || ((bad)); then
  echo "${#mutants[@]} mutants, $bad faults"
  exit $((bad > 0))
fi

# A copy of what git tracks, so that the tree in use stays as it is.
[[ -n $dir ]] || { dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; }
mkdir -p "$dir/build"
git ls-files -z | tar -c --null -T - | tar -x -C "$dir"
cd "$dir"
[[ -f configure ]] || autoreconf -fi > autoreconf.log 2>&1
[[ -f build/Makefile ]] || (cd build && ../configure -q --enable-unit-tests > configure.log)
cd build
make -s -j"$(nproc)" > ../build.log 2>&1

# run TEST …: builds what the tests need, the programs for a script, and runs them.
export srcdir=.. OMP_NUM_THREADS=2
run() {
  local test
  for test; do
    case $test in
    *.sh) make -s all tests/recipes/make_tones > ../build.log 2>&1 || return 2 ;;
    *) make -s "$test" > ../build.log 2>&1 || return 2 ;;
    esac
  done
  for test; do
    [[ $test != *.sh ]] || test=../$test
    timeout 300 "$test" > ../test.log 2>&1 || return 1
  done < /dev/null
}

number=0 killed=0 equivalent=0 survivors=()
for mutant in "${mutants[@]}"; do
  IFS=$'\037' read -r file tests text replacement reason <<< "$mutant"
  number=$((number + 1)) status=0
  if [[ -n $reason ]]; then
    equivalent=$((equivalent + 1))
    continue
  fi
  mutate "$top/$file" "$text" "$replacement" > "../$file"
  # shellcheck disable=SC2086
  run $tests || status=$?
  case $status in
  0) verdict=SURVIVED; survivors+=("$file: $text -> $replacement") ;;
  1) verdict=killed; killed=$((killed + 1)) ;;
  2) verdict="does not compile"; bad=$((bad + 1)) ;;
  esac
  printf '%4d of %d  %-8s  %s: %s -> %s\n' "$number" "${#mutants[@]}" "$verdict" "$file" "$text" "$replacement"
  cp "$top/$file" "../$file"
done
echo "${#mutants[@]} mutants: $killed killed, ${#survivors[@]} survived, $equivalent equivalent, $bad that do not compile"
((${#survivors[@]} == 0)) || printf 'survived: %s\n' "${survivors[@]}"
exit $((${#survivors[@]} + bad > 0))
