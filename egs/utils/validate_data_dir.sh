#!/usr/bin/env bash
# Checks a data directory: every table sorted under LC_ALL=C with unique keys and a newline at the end of each line, the
# same utterances in all of them, spk2utt the inverse of utt2spk, utterance ids that begin with their speaker. Names
# the file, the line, what was found and what was expected. Then serin-validate-data, where it is on the PATH, looks
# into the sounds.
no_wav=false            # true: neither wav.scp nor feats.scp is asked for
no_text=false
sounds=true             # false: only the tables are checked
help_message="Usage: utils/validate_data_dir.sh [--no-wav true] [--no-text true] [--sounds false] <data-dir>"
# shellcheck source=egs/utils/parse_options.sh
. "$(dirname "$0")/parse_options.sh"
set -euo pipefail
export LC_ALL=C

[[ $# -eq 1 ]] || { echo "$help_message" >&2; exit 1; }
data=$1
die() { echo "$0: $1" >&2; exit 1; }
[[ -d $data ]] || die "no directory $data"
for f in utt2spk spk2utt; do
  [[ -s $data/$f ]] || die "$data/$f is missing or empty"
done
[[ $no_wav == true || -s $data/wav.scp || -s $data/feats.scp ]] || die "$data has neither wav.scp nor feats.scp"
[[ $no_text == true || -s $data/text ]] || die "$data/text is missing or empty (--no-text true: go without)"

# utt2spk first: it says which utterances there are; segments before wav.scp, whose keys are then recordings.
tables=(utt2spk)
for f in segments wav.scp text feats.scp utt2emo utt2gender utt2style utt2fold utt2dur utt2num_frames spk2utt spk2gender; do
  [[ ! -f $data/$f ]] || tables+=("$f")
done
for f in "${tables[@]}"; do
  [[ -s $data/$f ]] || die "$data/$f is empty"
  [[ $(tail -c 1 "$data/$f" | wc -l) -eq 1 ]] || die "$data/$f does not end with a newline"
done
(cd "$data" && awk '
    function wrong(message) {
        printf "%s:%d: %s\n", FILENAME, FNR, message > "/dev/stderr"
        if (++mistakes == 10) exit
    }
    # Utterances of utt2spk that the table just read lacks.
    function compare(    u, shown) {
        if (table == "" || table == "utt2spk" || keyed_by != "utterance") return
        for (u in speaker) if (!((table, u) in seen) && ++shown <= 3) {
            printf "%s: lacks utterance %s of utt2spk\n", table, u > "/dev/stderr"; mistakes++ }
    }
    FNR == 1 {
        compare()
        table = FILENAME
        last = ""
        keyed_by = table ~ /^spk2/ ? "speaker" : table == "wav.scp" && segmented ? "recording" : "utterance"
        if (table == "segments") segmented = 1
    }
    /[\001-\010\013-\037\177]/ { wrong("control characters in the line (a CR?)") }
    /^[ \t]/ || NF == 0 { wrong("the line does not begin with a key"); next }
    {
        if (last != "" && ($1 "") <= last)
            wrong($1 == last ? "key " $1 " appears twice" : "key " $1 " stands after " last ", expected C order (LC_ALL=C sort)")
        last = $1 ""
        seen[table, $1]
        if (NF < 2 && table != "text") wrong("key " $1 " has no value")
        if (table ~ /^(utt2|spk2gender)/ && NF > 2) wrong("expected a key and one value, found " NF " fields")
        if (table == "utt2spk") {
            speaker[$1] = $2
            if (index($1, $2) != 1) wrong("utterance " $1 " does not begin with its speaker " $2)
            speakers[$2]
        } else if (keyed_by == "utterance" && !($1 in speaker))
            wrong("utterance " $1 " is not in utt2spk")
        if (table == "segments") {
            if (NF != 4 && NF != 5) wrong("expected utterance, recording, start, end, found " NF " fields")
            recordings[$2]
        }
        if (table == "wav.scp" && segmented && !($1 in recordings)) wrong("recording " $1 " is not in segments")
        if (table == "spk2utt")
            for (i = 2; i <= NF; i++) {
                if (speaker[$i] != $1) wrong("utterance " $i " is not " $1 "\047s in utt2spk")
                inverted[$i]
            }
        if (table == "spk2gender" && !($1 in speakers)) wrong("speaker " $1 " is not in utt2spk")
        if (table ~ /2gender$/ && $2 != "m" && $2 != "f") wrong("expected m or f, found " $2)
    }
    END {
        compare()
        if (!mistakes) {
            for (u in speaker) if (!(u in inverted)) { print "spk2utt: lacks utterance " u > "/dev/stderr"; mistakes++ }
            for (r in recordings) if (!(("wav.scp", r) in seen)) { print "wav.scp: lacks recording " r > "/dev/stderr"; mistakes++ }
        }
        exit mistakes > 0
    }' "${tables[@]}") || die "$data is not valid"

if [[ $sounds == true ]] && command -v serin-validate-data > /dev/null; then
  serin-validate-data "$data"
fi
echo "$0: $data is valid: $(wc -l < "$data/utt2spk") utterances of $(wc -l < "$data/spk2utt") speakers"
