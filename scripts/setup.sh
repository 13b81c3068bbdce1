# Sourced by ./check and ./demo: installs the Debian packages that are missing, and builds the tree in build/.
# shellcheck shell=bash

# shellcheck disable=SC2034
build_packages=(gcc make autoconf automake libtool pkg-config perl libopenblas-openmp-dev libsndfile1-dev libmpg123-dev
  libogg-dev zlib1g-dev libjansson-dev libutf8proc-dev libsamplerate0-dev)

# A heading with the time since the script began.
say() {
  printf '\n== %d:%02d  %s\n' $((SECONDS / 60)) $((SECONDS % 60)) "$*"
}

# install_packages PACKAGE …: as root or through sudo without a password; otherwise prints the command and exits.
install_packages() {
  local package missing=() as=()

  if ! command -v dpkg-query > /dev/null; then
    echo "$0: not a Debian system; going on in the hope that these are here under other names: $*" >&2
    return 0
  fi
  for package; do
    [[ $(dpkg-query -W -f='${db:Status-Abbrev}' "$package" 2> /dev/null) == ii* ]] || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  if ((EUID)); then
    if ! sudo -n true 2> /dev/null; then
      echo "$0: packages are missing; install them and run $0 again:" >&2
      echo "    sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends ${missing[*]}'" >&2
      exit 1
    fi
    as=(sudo -n)
  fi
  say "installing ${missing[*]}"
  "${as[@]}" apt-get -q -o DPkg::Lock::Timeout=60 update
  "${as[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -q -o DPkg::Lock::Timeout=60 install -y --no-install-recommends "${missing[@]}"
}

# configure_in DIRECTORY [OPTION …]: again only when it was not done, or done without one of the options.
configure_in() {
  local dir=$1 options option
  shift
  # Warnings are errors with the compilers they were seen to be none with.
  [[ $(cat /etc/debian_version 2> /dev/null) == 12* ]] && set -- --enable-werror "$@"
  options=" $(cat "$dir/.options" 2> /dev/null || true) "
  [[ -x configure ]] || { say "making configure"; autoreconf -fi; }
  for option in "$@"; do
    [[ $options == *" $option "* ]] || rm -f "$dir/Makefile"
  done
  if [[ ! -f $dir/Makefile ]]; then
    say "configuring $dir $*"
    mkdir -p "$dir"
    (cd "$dir" && "$OLDPWD/configure" -q "$@")
    echo "$@" > "$dir/.options"
  fi
}

# build_in DIRECTORY: what configure_in prepared.
build_in() {
  say "building in $1"
  make -C "$1" --no-print-directory -j"$(nproc)"
}
