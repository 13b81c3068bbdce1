#!/usr/bin/env bash
# From IEMOCAP as released to a Kaldi data directory: the utterances of the chosen classes with wav.scp text utt2spk
# spk2utt utt2emo utt2gender utt2style utt2fold utt2dur, sorted, and counts of what was found. Never writes into the corpus.
map="ang=ang hap=hap exc=hap neu=neu sad=sad"   # label of the corpus = our class; a label not listed is left out
folds=session           # session (5) or talker (10)
text_norm=upper         # upper: A-Z ' and digits, [TAGS] dropped; none: as transcribed
counts=                 # a table of counts that must come true, conf/full_release.counts for the complete release
allow_missing=false     # true: utterances without sound or transcript are dropped and listed instead of refused
help_message="Usage: local/prepare_data.sh [options] <IEMOCAP_full_release> <data-dir>
e.g.:  local/prepare_data.sh --counts conf/full_release.counts /corpora/IEMOCAP_full_release data/all
Options: --map '$map' --folds session|talker --text-norm upper|none --counts FILE --allow-missing true|false"
# shellcheck source=egs/utils/parse_options.sh
. utils/parse_options.sh
set -euo pipefail
export LC_ALL=C

[[ $# -eq 2 ]] || { echo "$help_message" >&2; exit 1; }
die() { echo "$0: $1" >&2; exit 1; }
[[ $folds == session || $folds == talker ]] || die "--folds is session or talker, found \"$folds\""
[[ $text_norm == upper || $text_norm == none ]] || die "--text-norm is upper or none, found \"$text_norm\""
[[ -z $counts || -r $counts ]] || die "cannot read --counts $counts"
[[ -d $1 ]] || die "no directory $1"
corpus=$(cd "$1" && pwd)
data=$2
for s in 1 2 3 4 5; do
  for d in sentences/wav dialog/transcriptions dialog/EmoEvaluation; do
    [[ -d $corpus/Session$s/$d ]] || die "$corpus is no IEMOCAP release: it lacks Session$s/$d"
  done
done
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# The talker is the last F or M; the first only tells who wears the markers.
id='^Ses0[1-5][FM]_(impro|script)[0-9][0-9](_[0-9]+)?[ab]?_[FM][0-9][0-9][0-9]$'
known="ang dis exc fea fru hap neu oth sad sur xxx"

mapfile -d '' -t files < <(find "$corpus"/Session[1-5]/dialog/EmoEvaluation -maxdepth 1 -name 'Ses*.txt' -print0 | sort -z)
awk -v id="$id" -v known=" $known " '
    /^\[/ {
        sub(/\r$/, "")
        n = split($0, f, "\t")
        if (n < 4 || f[2] !~ id || !index(known, " " f[3] " ")) {
            printf "%s:%d: expected a turn and its label, found \"%s\"\n", FILENAME, FNR, $0 > "/dev/stderr"
            bad = 1
        } else {
            split(substr(f[1], 2), time, / *[]-] */)
            print f[2] "\t" f[3] "\t" time[2] - time[1]
        }
    }
    END { exit bad }' "${files[@]}" < /dev/null > "$tmp/labels" || die "unreadable label files"

mapfile -d '' -t files < <(find "$corpus"/Session[1-5]/dialog/transcriptions -maxdepth 1 -name 'Ses*.txt' -print0 | sort -z)
awk -v id="$id" '
    $1 ~ id && (at = index($0, "]:")) {
        text = substr($0, at + 2)
        gsub(/[ \t\r]+/, " ", text); sub(/^ /, "", text); sub(/ $/, "", text)
        print $1 "\t" text
    }' "${files[@]}" < /dev/null > "$tmp/text"

utils/find_files.sh "$corpus"/Session[1-5]/sentences/wav -name 'Ses*.wav' |
  awk '{ name = $0; sub(/.*\//, "", name); sub(/\.wav$/, "", name); print name "\t" $0 }' > "$tmp/wav"

for table in labels text wav; do
  [[ -s $tmp/$table ]] || die "$corpus holds no $table"
  twice=$(cut -f 1 "$tmp/$table" | sort | uniq -d | head -n 3 | tr '\n' ' ')
  [[ -z $twice ]] || die "turns that occur twice in its $table: $twice"
done

mkdir "$tmp/data"
awk -F '\t' -v dir="$tmp/data" -v map="$map" -v folds="$folds" -v norm="$text_norm" '
    BEGIN {
        n = split(map, m, " ")
        for (i = 1; i <= n; i++) { split(m[i], pair, "="); class[pair[1]] = pair[2] }
    }
    # A dialogue is "<session><wearer>_<style>…", a turn adds "_<talker><number>".
    FILENAME ~ /\/text$/ { text[$1] = $2; has_text[$1] = 1; next }
    FILENAME ~ /\/wav$/ { wav[$1] = $2; next }
    {
        count["labelled all"]++
        count["labelled " $2]++
        labelled[$1]
        if (!($1 in wav)) print $1, "labelled, but there is no sound" > (dir "/problems")
        else if (!($1 in has_text)) print $1, "labelled, but there is no transcript" > (dir "/problems")
        else if ($2 in class) utterance($1, class[$2], $3)
    }
    END {
        for (id in wav) if (!(id in labelled)) print id, "sound without a label" > (dir "/unlabelled")
        for (c in count) print c, count[c] > (dir "/counts")
    }

    function utterance(id, emotion, seconds,    talker, session, speaker, style, utt, said) {
        talker = substr(id, length(id) - 3, 1)
        session = substr(id, 1, 5)
        speaker = session talker
        style = id ~ /_impro/ ? "impro" : "script"
        utt = speaker "-" id
        said = norm == "upper" ? normal(text[id]) : text[id]
        print utt, wav[id] > (dir "/wav.scp")
        print utt (said == "" ? "" : " " said) > (dir "/text")
        print utt, speaker > (dir "/utt2spk")
        print utt, emotion > (dir "/utt2emo")
        print utt, tolower(talker) > (dir "/utt2gender")
        print utt, style > (dir "/utt2style")
        print utt, folds == "session" ? session : speaker > (dir "/utt2fold")
        print utt, seconds > (dir "/utt2dur")
        count["emotion " emotion]++
        count["gender " tolower(talker)]++
        count["style " style]++
        count["session " session]++
        count["talker-emotion " speaker "-" emotion]++
        if (normal(text[id]) == "") count["text empty"]++
    }

    # Upper case, tags dropped, typographic apostrophes made plain, every other sign a space.
    function normal(said) {
        gsub(/\[[^]]*\]/, " ", said)
        gsub(/\342\200\231/, "\047", said)
        said = toupper(said)
        gsub(/[^A-Z0-9\047]+/, " ", said)
        sub(/^ /, "", said); sub(/ $/, "", said)
        return said
    }' "$tmp/text" "$tmp/wav" "$tmp/labels"

cd "$tmp/data"
for f in *; do sort -o "$f" "$f"; done
cd - > /dev/null
if [[ -f $tmp/data/problems ]]; then
  n=$(wc -l < "$tmp/data/problems")
  if [[ $allow_missing == false ]]; then
    head -n 20 "$tmp/data/problems" >&2
    die "$n of $(wc -l < "$tmp/labels") labelled turns are incomplete (above: the first 20); --allow-missing true drops them"
  fi
  echo "$0: dropped $n incomplete turns, listed in $data/problems" >&2
fi
if [[ -f $tmp/data/unlabelled ]]; then
  echo "$0: $(wc -l < "$tmp/data/unlabelled") sounds have no label and are listed in $data/unlabelled" >&2
fi
if [[ -n $counts ]] && ! awk '
    /^#/ || NF == 0 { next }
    FILENAME == ARGV[1] { found[$1, $2] = $3; next }
    found[$1, $2] + 0 != $3 {
        printf "%s %s: expected %d, found %d\n", $1, $2, $3, found[$1, $2] > "/dev/stderr"; bad = 1 }
    END { exit bad }' "$tmp/data/counts" "$counts"; then
  die "$corpus does not have the counts of $counts"
fi

mkdir -p "$data"
rm -f "$data"/{problems,unlabelled}
mv "$tmp"/data/* "$data"
utils/utt2spk_to_spk2utt.pl "$data/utt2spk" > "$data/spk2utt"
utils/validate_data_dir.sh "$data"
echo "$0: $data: $(wc -l < "$data/utt2emo") of $(wc -l < "$tmp/labels") labelled turns; counted in $data/counts"
