#!/usr/bin/env bash
# Branch coverage of base, libnn/store, libtext and libaudio by their unit tests and the replayed fuzz corpora, file by file, worst
# first. It wants a build of its own:
#     mkdir build-cov && cd build-cov && ../configure --enable-coverage && make -j2 && ../tests/coverage.sh
# Branches in lines of assertions do not count: a test that took them would end there. With --missed the lines are told.
set -euo pipefail
export LC_ALL=C OMP_WAIT_POLICY=passive OMP_NUM_THREADS=2
missed=
[[ ${1-} == --missed ]] && missed=1
[[ -f Makefile && -n $(find base -name '*.gcno' -print -quit) ]] || { echo "$0: no build with --enable-coverage here" >&2; exit 1; }
tests=(tests/unit/test_{archive,checkpoint,malformed,malformed_fairseq,npy,safetensors,store_faults,table,bert,hubert,states} \
  tests/unit/test_{recogniser,wordpiece})
for t in ../tests/unit/test_{base,text,audio}_*.c ../tests/fuzz/corpus/*/; do
  t=${t#../} t=${t%/}
  t=${t/corpus\//fuzz_}
  tests+=("${t%.c}")
done
find . -name '*.gcda' -delete
make -s check TESTS="${tests[*]}" > coverage.log 2>&1 || { grep '^not ok\|^FAIL\|^fatal' coverage.log >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
top=$PWD
mkdir "$dir/build"
ln -s "${top%/*}"/{base,libnn,libtext,libaudio} "$dir"      # gcov looks for ../base/file.c
(
  cd "$dir/build"
  find "$top"/{base,libnn/store,libtext,libaudio} -name '*.gcda' -print0 | sort -z | xargs -0 gcov -b -c -p > /dev/null 2>&1
)
awk -v missed="$missed" '
  FNR == 1 { source = "" }
  /^ +-: +0:Source:/ { sub(/^.*Source:/, ""); source = $0; sub(/^.*\.\.\//, "", source); asserts = 0; next }
  /^ *[-#=0-9*]+: *[0-9]+:/ {
    number = $0; sub(/^[^:]*: */, "", number); sub(/:.*/, "", number)
    text = $0; sub(/^[^:]*:[^:]*:/, "", text); asserts = text ~ /^[ \t]*assert\(/
    next
  }
  /^branch / && source && !asserts {
    all[source]++
    if (/taken 0|never executed/) { lost[source]++; if (index(where[source] " ", " " number " ") == 0) where[source] = where[source] " " number }
  }
  END {
    for (s in all)
      if (s ~ /(base|libnn\/store|libtext|libaudio)\/[a-z0-9_]*\.c$/)
        printf "%5.1f %% %5d of %4d  %s%s\n", 100 * (1 - lost[s] / all[s]), all[s] - lost[s], all[s], s, missed ? ":" where[s] : ""
  }' "$dir"/build/*.gcov | sort -n
