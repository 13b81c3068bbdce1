# Sourced: hold FILE [shared] keeps other runs out of what a lock stands for, until this shell and the jobs it began have ended; with
# "shared" only those that do not share. Who finds it taken says so and waits. What a script above holds is its children's, too.
# shellcheck shell=bash
hold() {
  local lock=$PWD/$1 fd
  if [[ $1 == /* ]]; then lock=$1; fi
  [[ ${serin_holds-} != *"<$lock>"* ]] || return 0
  mkdir -p "$(dirname "$lock")"
  exec {fd}>> "$lock"
  if ! flock -n ${2:+-s} "$fd"; then
    echo "$0: another run is at work here, of which $1 is the lock: waiting for it" >&2
    flock ${2:+-s} "$fd"
  fi
  export serin_holds="${serin_holds-}<$lock>"
}
