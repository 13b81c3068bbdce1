# Sourced by path.sh: puts Serin's programs on the PATH, those of the build tree ($SERIN_BUILD, else build/ in the root,
# else the root itself) before those installed, and the utils beside them.
# shellcheck shell=bash
_root=$(cd ../.. && pwd)
for _bin in "${SERIN_BUILD:-$_root/build}/recipes/bin" "$_root/recipes/bin"; do
  if [[ -x $_bin/serin-train ]]; then
    PATH=$(cd "$_bin" && pwd):$PATH
    break
  fi
done
unset _bin _root
export LC_ALL=C PATH=$PWD/utils:$PATH
command -v serin-train > /dev/null ||
  { echo "$0: no serin-train; build Serin, or set SERIN_BUILD to where it is built" >&2; exit 1; }
