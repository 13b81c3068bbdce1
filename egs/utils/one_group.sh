# Sourced first by scripts that run for long, with their arguments: runs the script again in a process group of its own, so that a
# signal which ends the script ends all that it began, however deep; what has not ended 5 s after $SERIN_GRACE [60] is killed.
# shellcheck shell=bash
if [[ -z ${SERIN_GROUP-} ]]; then
  export SERIN_GROUP=$$
  set -m
  "$BASH" "$0" "$@" &
  _group=$!
  set +m
  _signal=0
  trap '_signal=15' TERM
  trap '_signal=2' INT
  trap '_signal=1' HUP
  _status=0
  wait "$_group" || _status=$?
  if ((_signal > 0)); then
    trap '' TERM INT HUP
    kill -TERM -- "-$_group" 2> /dev/null || true
    for ((_i = 0; _i < 10 * (${SERIN_GRACE:-60} + 5); _i++)); do
      kill -0 -- "-$_group" 2> /dev/null || break
      sleep 0.1
    done
    kill -KILL -- "-$_group" 2> /dev/null || true
    wait "$_group" 2> /dev/null || true
    _status=$((128 + _signal))
  fi
  exit "$_status"
fi
