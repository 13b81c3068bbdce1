# SERIN_BLAS: finds the CBLAS that --with-blas names, by linking cblas_sgemm with the header it comes with.
# Sets BLAS_CFLAGS, BLAS_LIBS and serin_cv_blas_threading; OpenBLAS' variant is asked at run time, because Debian's
# alternatives may exchange the library behind the same name.
AC_DEFUN([SERIN_BLAS], [
    AS_CASE([$with_blas],
        [openblas|yes], [with_blas=openblas
            # The OpenMP build's own directory first: the alternatives may point at the pthreads build.
            multiarch=$($CC -print-multiarch 2>/dev/null)
            AS_IF([test -n "$multiarch" && test -d /usr/lib/$multiarch/openblas-openmp],
                [BLAS_CFLAGS="-I/usr/include/$multiarch/openblas-openmp"
                 BLAS_LIBS="-L/usr/lib/$multiarch/openblas-openmp -Wl,-rpath,/usr/lib/$multiarch/openblas-openmp -lopenblas"],
                [PKG_CHECK_MODULES([OPENBLAS], [openblas], [BLAS_CFLAGS=$OPENBLAS_CFLAGS BLAS_LIBS=$OPENBLAS_LIBS],
                    [BLAS_CFLAGS="" BLAS_LIBS="-lopenblas"])])
            blas_package=libopenblas-openmp-dev],
        [blis], [BLAS_CFLAGS="-I/usr/include/blis" BLAS_LIBS="-lblis" blas_package=libblis-openmp-dev],
        [mkl], [BLAS_CFLAGS="-I/usr/include/mkl" BLAS_LIBS="-lmkl_rt" blas_package=libmkl-dev],
        [netlib], [BLAS_CFLAGS="" BLAS_LIBS="-lblas -lcblas" blas_package=libblas-dev],
        [BLAS_CFLAGS="" BLAS_LIBS="$with_blas" blas_package="(the library in --with-blas)"])
    serin_save_CFLAGS="$CFLAGS" serin_save_LIBS="$LIBS"
    CFLAGS="$CFLAGS $BLAS_CFLAGS" LIBS="$BLAS_LIBS -lm $LIBS"
    AS_IF([test "$with_blas" = mkl], [cblas_header="<mkl_cblas.h>"], [cblas_header="<cblas.h>"])
    AC_DEFINE_UNQUOTED([SERIN_CBLAS_H], [$cblas_header], [The header that declares cblas_sgemm])
    AC_MSG_CHECKING([for cblas_sgemm in $BLAS_LIBS])
    AC_LINK_IFELSE([AC_LANG_PROGRAM([[
            #include SERIN_CBLAS_H
        ]], [[
            float a = 1, c = 0;
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, 1, 1, 1, 1, &a, 1, &a, 1, 0, &c, 1);
        ]])],
        [AC_MSG_RESULT([yes])],
        [AC_MSG_RESULT([no])
         missing="$missing $blas_package"])
    AC_CACHE_CHECK([how the BLAS threads], [serin_cv_blas_threading], [
        AC_RUN_IFELSE([AC_LANG_PROGRAM([[int openblas_get_parallel(void);]], [[return 10 + openblas_get_parallel();]])],
            [serin_cv_blas_threading="unknown"],
            [AS_CASE([$?], [10], [serin_cv_blas_threading="one thread"], [11], [serin_cv_blas_threading="pthreads"],
                [12], [serin_cv_blas_threading="OpenMP"], [serin_cv_blas_threading="not OpenBLAS"])],
            [serin_cv_blas_threading="unknown"])])
    AS_IF([test "$serin_cv_blas_threading" = pthreads],
        [AC_MSG_WARN([this is OpenBLAS' pthreads build, 2 to 10 times slower beside OpenMP; install libopenblas-openmp-dev])])
    AC_CHECK_FUNCS([openblas_get_parallel openblas_get_corename])
    CFLAGS="$serin_save_CFLAGS" LIBS="$serin_save_LIBS"
    AC_SUBST([BLAS_CFLAGS])
    AC_SUBST([BLAS_LIBS])
])
