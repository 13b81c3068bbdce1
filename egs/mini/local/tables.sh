#!/usr/bin/env bash
# The paper's tables for the experiments that were run: local/tables.sh [exp]. 7 and 8 where those of MELD were.
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=egs/mini/path.sh
. ./path.sh
exp=${1-exp}
tables=
if compgen -G "$exp/exp[012]*/scores.json" > /dev/null; then tables=1,2,3,4,5,6; fi
if compgen -G "$exp/exp3*/scores.json" > /dev/null; then tables+=,7,8; fi
exec utils/paper_tables.sh "${tables:-1,2,3,4,5,6}" "$exp"
