#!/usr/bin/env bash
# The rooms of docs/architecture.md, checked: which room includes which, what the libraries export and how it is named, that
# operators and ops.def agree, and how long files are. Each check is then shown a copy of the sources with one violation
# planted, and must complain: a check that cannot fail is none.
# shellcheck disable=SC2317,SC2086
# shellcheck source=tests/recipes/tap.sh
. "$(dirname "$0")/recipes/tap.sh"
build=$PWD

sources() {         # every C file below the given folders
  (cd "$tree" && find "$@" -type f \( -name '*.c' -o -name '*.h' -o -name '*.def' \) | sort)
}

# ---- includes ------------------------------------------------------------------------------------------------------

# The project headers a room may include, as an extended regular expression. Models, recipes and programs see the public
# headers alone; inside libnn everything may see core, and only what a folder of libnn needs else.
allowed() {
  case $1 in
    base/*) echo 'base/.*' ;;
    libnn/nn.h | libaudio/au.h | libtext/tx.h) echo 'base/status\.h' ;;
    libnn/core/*) echo 'base/.*|libnn/nn\.h|libnn/core/.*' ;;
    libnn/ops/*) echo 'base/.*|libnn/nn\.h|libnn/(core|ops)/.*' ;;
    libnn/optim/*) echo 'base/.*|libnn/nn\.h|libnn/(core|optim)/.*' ;;
    libnn/decode/*) echo 'base/.*|libnn/nn\.h|libnn/(core|decode)/.*' ;;
    libnn/store/*) echo 'base/.*|libnn/nn\.h|libnn/(core|store)/.*' ;;
    libnn/models/*) echo 'base/.*|libnn/nn\.h|libnn/models/.*' ;;
    libaudio/*) echo 'base/.*|libaudio/.*' ;;
    libtext/*) echo 'base/.*|libtext/.*' ;;
    recipes/*) echo 'base/.*|libnn/nn\.h|libaudio/au\.h|libtext/tx\.h|recipes/[^/]*' ;;
    *) echo 'nothing: this folder is in no room' ;;
  esac
}

check_includes() {
  local file header bad=0
  while IFS= read -r file; do
    while IFS= read -r header; do
      [[ $header =~ ^($(allowed "$file"))$ ]] || { echo "$file must not include $header"; bad=1; }
    done < <(sed -nE 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"([^"]*)".*/\1/p' "$tree/$file")
  done < <(sources base libnn libaudio libtext recipes)
  return $bad
}

# Only libnn/core/gemm.c knows of BLAS, and only it; the same for the other libraries' doors.
check_doors() {
  local found bad=0
  found=$(cd "$tree" && grep -lE 'SERIN_CBLAS_H|cblas' -r base libnn libaudio libtext recipes --include='*.[ch]')
  [[ $found == libnn/core/gemm.c ]] || { echo "BLAS is seen by: $found"; bad=1; }
  found=$(cd "$tree" && grep -lE 'include *<sndfile\.h>|include *<samplerate\.h>' -r base libnn libtext recipes)
  [[ -z $found ]] || { echo "audio libraries are seen outside libaudio by: $found"; bad=1; }
  return $bad
}

# ---- sizes ---------------------------------------------------------------------------------------------------------

check_sizes() {
  local file lines bad=0
  while IFS= read -r file; do
    lines=$(wc -l < "$tree/$file")
    ((lines <= 800)) || { echo "$file has $lines lines, more than 800"; bad=1; }
  done < <(sources base libnn libaudio libtext recipes tests)
  return $bad
}

# ---- operators -----------------------------------------------------------------------------------------------------

check_operators() {
  diff <(sed -nE 's/^OP\(([a-z0-9_]+)\)$/\1/p' "$tree/libnn/ops/ops.def") \
    <(cd "$tree/libnn/ops" && grep -lE '^const nn_op nn_op_' -- *.c | sed 's/\.c$//' | sort) |
    sed -nE 's/^< /in ops.def, without a file: /p; s/^> /a file, but not in ops.def: /p'
  [[ ${PIPESTATUS[0]} == 0 ]]
}

# ---- symbols -------------------------------------------------------------------------------------------------------

# The functions and objects a public header declares with SERIN_API.
declared() {
  tr '\n' ' ' < "$1" | sed 's/SERIN_API/\n&/g; s|/\*[^*]*\*/||g' |
    sed -nE 's/^SERIN_API [^(;]*[ *]([a-z0-9_]+) *[(;].*/\1/p' | sort -u
}

check_exports() {
  local library header bad=0
  for header in libnn/nn.h libaudio/au.h libtext/tx.h; do
    library=$objects/libserin-$(sed -E 's|lib([a-z]*)/.*|\1|' <<< "$header").so
    [[ -f $library ]] || { echo "$library is missing"; bad=1; continue; }
    diff <(declared "$tree/$header") <(nm -D --defined-only "$library" | awk '$2 ~ /^[A-Z]$/ { print $3 }' | sort -u) |
      sed -nE "s|^< |declared in $header but not exported: |p; s|^> |exported but not declared in $header: |p"
    [[ ${PIPESTATUS[0]} == 0 ]] || bad=1
  done
  return $bad
}

# Names that reach the linker begin with their room's prefix.
check_prefixes() {
  local archive prefixes bad=0
  while read -r archive prefixes; do
    [[ -f $objects/$archive ]] || { echo "$archive is missing"; bad=1; continue; }
    nm --defined-only "$objects/$archive" 2> /dev/null |
      awk -v p="^($prefixes)_" -v a="$archive" '
        $2 ~ /^[A-Z]$/ && $2 != "U" && $3 !~ p && $3 !~ /^(__|_)?(asan|ubsan|gcov|odr|sancov)/ && $3 !~ /^\./ {
          sub(/\..*/, "", $3); print a ": " $3 " does not begin with " p; bad = 1 }
        END { exit bad }' || bad=1
  done << END
libbase.a base
libnn.a nn|vm
libaudio.a au
libtext.a tx
librecipes.a ser
END
  return $bad
}

# ---- the checks, on the sources and on sources that break the rules ------------------------------------------------

tree=$top
objects=$build/.libs
tap_ok "includes point the right way" check_includes
tap_ok "libraries of others are seen by their own room only" check_doors
tap_ok "no file is longer than 800 lines" check_sizes
tap_ok "ops.def and the files of operators agree" check_operators
tap_ok "exactly the declared functions are exported" check_exports
tap_ok "names have their room's prefix" check_prefixes

# plant NAME PATTERN CHECK COMMAND: after COMMAND in a copy of the sources, CHECK fails and says PATTERN.
plant() {
  rm -rf "$tap_dir/copy"
  mkdir "$tap_dir/copy"
  (cd "$top" && cp -r --no-preserve=mode base libnn libaudio libtext recipes "$tap_dir/copy" && mkdir "$tap_dir/copy/tests")
  tree=$tap_dir/copy
  (cd "$tree" && eval "$4")
  tap_fails "planted: $1" "$2" "$3"
  tree=$top
}
include() { echo "sed -i '1i #include \"$2\"' $1"; }
plant "base includes libnn" 'base/log.h must not include libnn/nn.h' check_includes "$(include base/log.h libnn/nn.h)"
plant "libtext includes libaudio" 'libtext/utf8.c must not include libaudio/au.h' check_includes "$(include libtext/utf8.c libaudio/au.h)"
plant "libaudio includes libnn" 'libaudio/fft.c must not include' check_includes "$(include libaudio/fft.c libnn/nn.h)"
plant "core includes an operator" 'libnn/core/tape.c must not include' check_includes "$(include libnn/core/tape.c libnn/ops/op.h)"
plant "a model looks behind nn.h" 'libnn/models/x.c must not include libnn/core/core.h' check_includes \
  "mkdir -p libnn/models; echo '#  include  \"libnn/core/core.h\"' > libnn/models/x.c"
plant "a program looks behind nn.h" 'recipes/bin/x.c must not include libnn/core/core.h' check_includes \
  "echo '#include \"libnn/core/core.h\"' > recipes/bin/x.c"
plant "a public header includes a private one" 'libnn/nn.h must not include base/arena.h' check_includes "$(include libnn/nn.h base/arena.h)"
plant "BLAS behind the back of gemm.c" 'BLAS is seen by: .*libnn/ops/gelu.c' check_doors "echo 'void cblas_sgemm(void);' >> libnn/ops/gelu.c"
plant "sndfile outside libaudio" 'outside libaudio by: recipes/bin/x.c' check_doors "echo '#include <sndfile.h>' > recipes/bin/x.c"
plant "801 lines" 'libtext/long.c has 801 lines' check_sizes "yes '/**/' | head -801 > libtext/long.c"
plant "an operator without a line" 'not in ops.def: gelu' check_operators "sed -i '/OP(gelu)/d' libnn/ops/ops.def"
plant "a line without an operator" 'without a file: nothing' check_operators "echo 'OP(nothing)' >> libnn/ops/ops.def"
plant "declared, not exported" 'declared in libnn/nn.h but not exported: nn_nowhere' check_exports \
  "echo 'SERIN_API void nn_nowhere(int x);' >> libnn/nn.h"
plant "exported, not declared" 'exported but not declared in libtext/tx.h: tx_[a-z_]+' check_exports "echo > libtext/tx.h"

objects=$tap_dir/objects
mkdir "$objects"
echo 'int base_good; void stray(void); void stray(void) {} static int quiet; int *base_p(void); int *base_p(void) { return &quiet; }' > "$tap_dir/x.c"
${CC:-cc} -c "$tap_dir/x.c" -o "$tap_dir/x.o"
for library in base nn audio text recipes; do ar rc "$objects/lib$library.a" "$tap_dir/x.o"; done
tap_fails "planted: a name without prefix" '^libbase.a: stray does not begin' check_prefixes
tap_fails "planted: a name of another room" 'libtext.a: base_good does not begin' check_prefixes
rm "$objects/libbase.a"
tap_fails "planted: no archive" 'libbase.a is missing' check_prefixes
tap_done
