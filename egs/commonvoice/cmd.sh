# How jobs are run: $SERIN_JOBS chooses run.pl, slurm.pl or queue.pl. Options for all jobs go here, as in
#   train_cmd="slurm.pl --mem 16G --time 48:00:00"
# shellcheck shell=bash source=egs/utils/runners.sh
. utils/runners.sh
