#!/usr/bin/env bash
# The operator that HACKING.md builds up compiles without a warning and passes the tests of the operators' table.
# shellcheck source=tests/recipes/tap.sh
. "$(dirname "$0")/recipes/tap.sh"
build=$PWD
read -ra cc <<< "${CC:-cc}"
value() { sed -n "s/^$1 = //p" "$build/Makefile"; }
read -ra flags <<< "$(value SERIN_CFLAGS) $(value OPENMP_CFLAGS) $(value CHECK_CFLAGS) -Werror -I$top -D_GNU_SOURCE"
read -ra libs <<< "$(value BLAS_LIBS) $(value JANSSON_LIBS) $(value ZLIB_LIBS) $(value CHECK_LIBS) -lm $(value SERIN_LDFLAGS)"

mkdir -p "$tap_dir/libnn/ops"
cd "$tap_dir" || exit 1
block() { awk -v n="$1" '/^```$/ { on = 0 } on; /^```c$/ { on = ++count == n }' "$top/HACKING.md"; }
{ echo '#include "libnn/nn.h"'; block 1; } > square.h
block 2 > square.c
echo 'OP(square)' > libnn/ops/ops.def
cp "$top/libnn/ops/ops.c" "$top/tests/unit/test_ops.c" .
tap_ok "the page's operator compiles" "${cc[@]}" "${flags[@]}" -include "$build/config.h" -include square.h -c square.c
tap_ok "a table of it alone compiles" "${cc[@]}" "${flags[@]}" -include "$build/config.h" -c ops.c
tap_ok "and its tests" "${cc[@]}" "${flags[@]}" -include "$build/config.h" test_ops.c ops.o square.o \
  "$build/.libs/libnn.a" "$build/.libs/libbase.a" "${libs[@]}" -o test_ops
tap_ok "the operator passes them" ./test_ops
tap_ok "all kinds of them" test "$(grep -c '^ok' .out)" -ge 8
tap_done
