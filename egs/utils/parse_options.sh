# Sourced by a script that has set defaults: `--name value` sets a variable that is already set, so that an option
# unknown to the script is an error; '-' in a name stands for '_'. A variable that holds true or false takes only these.
# `--config FILE` is sourced first, so that the rest of the line wins. --help prints $help_message. What is left in "$@"
# are the arguments. A script that goes to a folder of its own names the options that are paths in $_paths: theirs are named from
# $from, where its caller stands; defaults are the script's.
# shellcheck shell=bash

_die() { echo "$0: $1" >&2; exit 1; }

# A path of the caller's; --dev is one where it is neither a word nor a fold.
# shellcheck disable=SC2154
_path() {           # option path
  local _here=$PWD _found=$2
  if [[ -n $2 && $2 != /* && " ${_paths-} " == *" $1 "* ]] && [[ $1 != dev || $2 == */* || ($2 != none && $2 != next && -f $from/$2) ]]; then
    _found=$(cd "$from" && realpath -m --relative-base="$_here" -- "$2")
    if [[ $_found != /* && $_found != [[:alnum:]]*([[:alnum:]_./]) ]]; then _found=./$_found; fi     # no option, no assignment
  fi
  printf '%s' "$_found"
}

_set_option() {     # name value
  local _option=${1//-/_}
  [[ $_option =~ ^[a-z][a-z0-9_]*$ && -v $_option ]] || _die "unknown option --$1 (--help lists them)"
  if [[ ${!_option} == true || ${!_option} == false ]] && [[ $2 != true && $2 != false ]]; then
    _die "option --$1 is true or false, found \"$2\""
  fi
  printf -v "$_option" '%s' "$(_path "$_option" "$2")"
}

_read_config() {    # path
  local _name _file
  local -A _default
  _file=$(_path config "$1")
  [[ -r $_file ]] || _die "cannot read --config $1"
  for _name in ${_paths-}; do _default[$_name]=${!_name}; done
  # shellcheck disable=SC1090
  . "$_file"
  for _name in ${_paths-}; do
    if [[ ${!_name} != "${_default[$_name]}" ]]; then _set_option "$_name" "${!_name}"; fi
  done
}

for ((_i = 1; _i < $#; _i++)); do
  if [[ ${!_i} == --config ]]; then
    _next=$((_i + 1))
    _read_config "${!_next}"
  fi
done

while [[ ${1-} == -* ]]; do
  case $1 in
    --help | -h) printf '%s\n' "${help_message-No help found.}"; exit 0 ;;
    --) shift; break ;;
    --*=*) _die "write options as --name value, found \"$1\"" ;;
    --*)
      [[ $# -ge 2 ]] || _die "option $1 lacks its value"
      [[ $1 == --config ]] || _set_option "${1#--}" "$2"
      shift 2 ;;
    *) _die "unknown option $1 (--help lists them)" ;;
  esac
done
unset _i _next _paths
unset -f _die _path _set_option _read_config
