#!/usr/bin/env bash
# Tables 1 to 6 of the paper, for the experiments that were run: local/tables.sh [exp]
cd "$(dirname "$0")/.." || exit 1
exec utils/paper_tables.pl 1,2,3,4,5,6 "${1-exp}"
