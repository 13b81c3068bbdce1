# shellcheck shell=bash source=egs/utils/programs.sh
. utils/programs.sh
