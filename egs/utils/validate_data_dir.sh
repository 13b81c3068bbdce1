#!/usr/bin/env bash
# Checks a data directory with serin-validate-data, which lists every fault with file, line and reason. The options are
# Kaldi's.
no_wav=false            # true: wav.scp need not be there
no_text=false
sounds=true             # false: no sound is decoded, only looked for
pipes=false             # true: commands in wav.scp are run, false: they are faults
help_message="Usage: utils/validate_data_dir.sh [--no-wav true] [--no-text true] [--sounds false] [--pipes true] <data-dir>"
# shellcheck source=egs/utils/parse_options.sh
. "$(dirname "$0")/parse_options.sh"
set -euo pipefail

[[ $# -eq 1 ]] || { echo "$help_message" >&2; exit 1; }
need=utt2spk,spk2utt
no_pipes=true
[[ $pipes == false ]] || no_pipes=false
[[ $no_wav == true ]] || need=$need,wav.scp
[[ $no_text == true ]] || need=$need,text
exec serin-validate-data --print-args=false --need=$need --audio="$sounds" --no-pipes=$no_pipes "$1"
