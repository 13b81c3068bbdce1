#!/usr/bin/env bash
# The paper's tables for the experiments that were run: local/tables.sh [exp]. 7 and 8 where those of MELD were.
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=egs/mini/path.sh
. ./path.sh
exp=${1-exp}
tables=
there() { [[ -f $1 ]]; }
if there "$exp"/exp[012]*/scores.json; then tables=1,2,3,4,5,6; fi
if there "$exp"/exp3*/scores.json; then tables+=,7,8; fi
exec utils/paper_tables.sh "${tables:-1,2,3,4,5,6}" "$exp"
