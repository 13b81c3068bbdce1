#!/usr/bin/env bash
# Installs into an empty folder and uses what is there as a stranger would: headers, programs, pkg-config, and the program
# that docs/tutorial.md builds up. Uninstalling leaves no file.
# shellcheck disable=SC2016
# shellcheck source=tests/recipes/tap.sh
. "$(dirname "$0")/recipes/tap.sh"
unset MAKEFLAGS MFLAGS MAKELEVEL
build=$PWD
read -ra cc <<< "${CC:-cc}"

# The prefix configure chose, below the folder.
value() { sed -n "s/^$1 = //p" "$build/Makefile"; }
prefix=$tap_dir$(value prefix)
libdir=$prefix/lib
archives=$(sed -n 's/^build_old_libs=//p' "$build/libtool" | head -1)     # no: configured with --disable-static
tap_ok "make install" make -C "$build" install DESTDIR="$tap_dir"
export PKG_CONFIG_SYSROOT_DIR=$tap_dir PKG_CONFIG_PATH=$libdir/pkgconfig LD_LIBRARY_PATH=$libdir
export PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
cd "$tap_dir" || exit 1

while read -r name header; do
  printf '#include <serin/%s.h>\nint main(void) { return 0; }\n' "$header" > header.c
  read -ra flags <<< "$(pkg-config --cflags --libs libserin-"$name")"
  tap_ok "$header.h stands alone, and libserin-$name links" \
    "${cc[@]}" -std=c11 -Wall -Wextra -Wpedantic -Werror header.c -o header "${flags[@]}"
  tap_ok "a program linked with libserin-$name starts" ./header
  if [[ $archives == no ]]; then
    tap_skip "static libserin-$name" "configured without"
  else
    tap_ok "static libserin-$name" test -f "$libdir/libserin-$name.a"
  fi
done << END
nn nn
audio au
text tx
END

# policy PROGRAM …: what OpenMP's runtime says of threads that wait: passive or active, however it puts it.
policy() {
  OMP_DISPLAY_ENV=verbose "$@" 2>&1 | awk '
    /GOMP_SPINCOUNT/ { gcc = /= .0./ ? "passive" : "active" }
    /OMP_WAIT_POLICY/ { said = tolower($0) ~ /passive/ ? "passive" : "active" }
    END { print gcc ? gcc : said }'
}
unset OMP_WAIT_POLICY GOMP_SPINCOUNT KMP_BLOCKTIME
printf '#include <serin/nn.h>\nint main(void) { nn_tape_free(nn_tape_new(NULL, NULL)); return 0; }\n' > waits.c
read -ra flags <<< "$(pkg-config --cflags --libs libserin-nn)"
tap_ok "a program that computes" "${cc[@]}" waits.c -o waits "${flags[@]}"
tap_is "threads of a linked program sleep while they wait" "$(policy ./waits)" passive
tap_is "unless it is told otherwise" "$(OMP_WAIT_POLICY=active policy ./waits)" active
tap_ok "and one that uses OpenMP itself" "${cc[@]}" -fopenmp waits.c -o waits "${flags[@]}"
tap_is "also if it uses OpenMP itself" "$(policy ./waits)" passive
tap_is "headers, and no others" "$(cd "$prefix/include" && find . -type f | sort)" \
  "$(printf './serin/%s\n' au.h base/status.h nn.h tx.h)"
for program in "$prefix"/bin/*; do
  tap_ok "$(basename "$program") --help" "$program" --help
  ! ldd "$program" | grep -qE 'lib[gi]?omp' ||
    tap_is "$(basename "$program"): threads that wait sleep" "$(policy "$program" --help)" passive
done
program=$prefix/bin/serin-train
tap_is "programs, too, do as they are told" "$(OMP_WAIT_POLICY=active policy "$program" --help)" active

sed -n '/^```c$/,/^```$/{/^```/!p}' "$top/docs/tutorial.md" > spirals.c
tap_ok "the tutorial's program is short" test "$(grep -c '[a-z]' spirals.c)" -le 60
read -ra flags <<< "$(pkg-config --cflags --libs libserin-nn)"
tap_ok "the tutorial's program compiles" "${cc[@]}" -O2 -Wall -Wextra spirals.c -o spirals "${flags[@]}" -lm
tap_ok "the tutorial's program runs" bash -c './spirals > spirals.out'
accuracy=$(sed -n 's/^accuracy \([0-9]*\)\.[0-9] %$/\1/p' spirals.out)
tap_ok "it learns: accuracy ${accuracy:-unknown} %, at least 98" test "${accuracy:-0}" -ge 98
tap_ok "it saved its parameters" test -s spirals.safetensors

sed -n '/^```c$/,/^```$/{/^```/!p}' "$top/docs/nn.md" > tour.c
tap_ok "the tour's program compiles" "${cc[@]}" -O2 -Wall -Wextra tour.c -o tour "${flags[@]}" -lm
tap_is "the tour's program prints what the page says" "$(./tour)" "$(sed -n '/^```text$/,/^```$/{/^```/!p}' "$top/docs/nn.md")"

if [[ $archives == no ]]; then
  tap_skip "the tutorial's program links with the archive" "configured without"
else
  read -ra flags <<< "$(pkg-config --static --cflags --libs libserin-nn | sed 's/-lserin-nn/-l:libserin-nn.a/')"
  tap_ok "the tutorial's program links with the archive" "${cc[@]}" -O2 spirals.c -o static "${flags[@]}" -lm
  tap_is "and needs no libserin then" "$(ldd static | grep -c libserin)" 0
  tap_is "its threads sleep, too" "$(policy ./static)" passive
fi

tap_ok "make uninstall" make -C "$build" uninstall DESTDIR="$tap_dir"
tap_is "nothing is left, but folders that others use, too" "$(find "$prefix" ! -type d -o -name serin)" ""

prefix=$tap_dir/moved
tap_ok "make install prefix=" make -C "$build" install prefix="$prefix"
tap_is "the .pc files follow it" "$(PKG_CONFIG_PATH=$prefix/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR='' \
  pkg-config --variable=includedir libserin-text)" "$prefix/include"
tap_done
