# Sourced by a script that has set defaults: `--name value` sets a variable that is already set, so that an option
# unknown to the script is an error; '-' in a name stands for '_'. A variable that holds true or false takes only these.
# `--config FILE` is sourced first, so that the rest of the line wins. --help prints $help_message. What is left in "$@"
# are the arguments.
# shellcheck shell=bash

_die() { echo "$0: $1" >&2; exit 1; }

_set_option() {     # name value
  local _option=${1//-/_}
  [[ $_option =~ ^[a-z][a-z0-9_]*$ && -v $_option ]] || _die "unknown option --$1 (--help lists them)"
  if [[ ${!_option} == true || ${!_option} == false ]] && [[ $2 != true && $2 != false ]]; then
    _die "option --$1 is true or false, found \"$2\""
  fi
  printf -v "$_option" '%s' "$2"
}

for ((_i = 1; _i < $#; _i++)); do
  if [[ ${!_i} == --config ]]; then
    _next=$((_i + 1))
    [[ -r ${!_next} ]] || _die "cannot read --config ${!_next}"
    # shellcheck disable=SC1090
    . "${!_next}"
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
unset _i _next
unset -f _die _set_option
