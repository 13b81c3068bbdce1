# Sourced by cmd.sh: $SERIN_JOBS says how jobs are run: run (on this machine, the default), slurm or queue (Grid Engine). What a
# cluster is to be told besides, its partition say, is in $SERIN_JOB_OPTS.
# shellcheck shell=bash
case ${SERIN_JOBS:-run} in
  run) export train_cmd="run.pl --follow true" decode_cmd="run.pl" ;;
  slurm | queue) export train_cmd="$SERIN_JOBS.pl" decode_cmd="$SERIN_JOBS.pl" ;;
  *) echo "$0: SERIN_JOBS is run, slurm or queue, found \"$SERIN_JOBS\"" >&2; exit 1 ;;
esac
