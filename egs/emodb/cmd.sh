# How jobs are run: run.pl on this machine; slurm.pl or queue.pl of Kaldi on a cluster, with its options.
# shellcheck shell=bash
export train_cmd="run.pl --follow true"
export decode_cmd="run.pl"
