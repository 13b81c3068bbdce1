# SERIN_ADD_FLAGS(VARIABLE, FLAGS): adds each flag that the compiler takes.
AC_DEFUN([SERIN_ADD_FLAGS], [
    for serin_flag in m4_normalize([$2]); do
        AC_MSG_CHECKING([whether $CC takes $serin_flag])
        serin_save="$CFLAGS"
        CFLAGS="$CFLAGS -Werror $serin_flag"
        AC_LINK_IFELSE([AC_LANG_PROGRAM()], [AC_MSG_RESULT([yes])
            $1="$$1 $serin_flag"], [AC_MSG_RESULT([no])])
        CFLAGS="$serin_save"
    done
])

# -Wno-pass-failed: that clang leaves a `#pragma omp simd` alone is a matter of speed, and differs by version.
AC_DEFUN([SERIN_WARNINGS], [
    SERIN_ADD_FLAGS([SERIN_CFLAGS], [-Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion
        -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wformat=2 -Wno-format-nonliteral -Wvla -Wno-pass-failed])
])

# SERIN_PACKAGE(VARIABLE, PKG-CONFIG SPEC, DEBIAN PACKAGE): notes the Debian package when the library is not there.
AC_DEFUN([SERIN_PACKAGE], [PKG_CHECK_MODULES([$1], [$2], [], [missing="$missing $3"])])

# Function multiversioning must work at run time, and for calls from another file: clang 14 compiles it, but gives the
# function's plain name to nothing. `elsewhere` is such a call.
AC_DEFUN([SERIN_TARGET_CLONES], [
    AC_CACHE_CHECK([whether target_clones works], [serin_cv_target_clones], [
        AC_RUN_IFELSE([AC_LANG_PROGRAM([[
            __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
            float sum(const float *x, int n) { float s = 0; for (int i = 0; i < n; i++) s += x[i] * x[i]; return s; }
            float elsewhere(const float *x, int n) __asm__("sum");
        ]], [[float x[4] = { 1, 2, 3, 4 }; return elsewhere(x, 4) != 30;]])],
        [serin_cv_target_clones=yes], [serin_cv_target_clones=no], [serin_cv_target_clones=no])])
    AS_IF([test $serin_cv_target_clones = yes && test "x$enable_tsan$enable_fuzzers" = x],
        [AC_DEFINE([SERIN_HAVE_TARGET_CLONES], [1], [Define to 1 if functions can be compiled for several processors])])
])
