#!/usr/bin/env bash
# Intervals that draw speakers and then their utterances, of one system, of its seeds pooled and of the difference from
# another's: against numpy's (tests/parity/make_bootstrap.py, where each end is known to 0.1 or so, as it is here).
# shellcheck source=tests/recipes/tap.sh
. "${srcdir:-.}/tests/recipes/tap.sh"
cp -r "$top/tests/parity/bootstrap/." "$tap_dir"
cd "$tap_dir" || exit 1

# What a score printed: measure, value, low, high, p; values of a measure by the name before %, differences without it.
measures() {            # file
  sed -nE 's/^%(UA|WA|WF1|MF1) ([0-9.]+) .* 95% \[ ([0-9.]+), ([0-9.]+) \]$/\1 \2 \3 \4 -/p
    s/^(UA|WA|WF1|MF1) +([-+][0-9.]+) \[ ([-+0-9.]+), ([-+0-9.]+) \] p ([0-9.]+)$/versus-\1 \2 \3 \4 \5/p' "$1"
}
# Measures that differ from the reference's by more than chance; "none left" tells that all were compared.
far() {                 # what, file of measures, prefix of its names
  awk -v what="$1" -v prefix="$3" '
    NR == FNR { if ($1 == what) { value[prefix $2] = $3; low[prefix $2] = $4; high[prefix $2] = $5; p[prefix $2] = $6 } next }
    $1 in value {
      if (off($2, value[$1], 0.006) || off($3, low[$1], 0.3) || off($4, high[$1], 0.3) || ($5 != "-" && off($5, p[$1], 0.01))) print
      delete value[$1]
    }
    function off(a, b, most) { return a - b > most || b - a > most }
    END { n = 0; for (m in value) n++; print n ? n " left" : "none left" }' reference "$2"
}
draws=(--bootstrap=20000 --clusters=utt2spk)

tap_ok "one system" serin-score-labels "${draws[@]}" --json=scores.json utt2emo first
measures .out > found
tap_is "is as numpy has it" "$(far first found "")" "none left"
tap_has "what was drawn is told" .out "intervals: 20000 resamples of 12 clusters of utt2spk and of utterances in each"
tap_is "and kept" "$(tr -d ' \n' < scores.json | grep -o '"bootstrap":{[^}]*}')" \
  '"bootstrap":{"draws":"clusters","resamples":20000,"seed":1,"table":"utt2spk","clusters":12,"coarse":false}'
cp .out before
tap_ok "again" serin-score-labels "${draws[@]}" utt2emo first
tap_is "the same bytes" "$(cat .out)" "$(cat before)"
tap_ok "two seeds and another system" serin-score-labels "${draws[@]}" --versus=other utt2emo first,second
measures .out > found
tap_is "pooled they are as numpy has it" "$(far pooled found "")" "none left"
tap_is "and so is the difference" "$(far versus found versus-)" "none left"
tap_has "that they are two is told" .out "answers of 2 seeds, pooled"
tap_ok "words" serin-score-text "${draws[@]}" text text_hyp
sed -nE 's/^%WER ([0-9.]+) .*/WER \1/p; s/^95% of WER \[ ([0-9.]+), ([0-9.]+) \].*/\1 \2 -/p' .out | paste -s -d ' ' > found
tap_is "are as numpy has it" "$(far text found "")" "none left"
sed 's/X/A/' text_hyp > text_other
tap_ok "words of two seeds and another system" serin-score-text --clusters=utt2spk --json=scores.json --section=text \
  --versus=text_other text text_hyp,text_hyp
tap_is "of which the same twice changes nothing" "$(sed -nE 's/^%WER ([0-9.]+) .*/\1/p' .out)" "$(awk '$1 == "text" { printf "%.2f", $3 }' reference)"
wrong=$(awk '/X/ { n++ } END { print n }' text_hyp) words=$(awk '{ n += NF - 1 } END { print n }' text)
tap_has "a word of each wrong text is the difference" .out "WER $(awk -v x="$wrong" -v n="$words" 'BEGIN { printf "%+.2f", 100 * x / n }') ["

# ---- without clusters the interval is another, and few are told
tap_ok "utterances drawn" serin-score-labels utt2emo first
tap_has "is told too" .out "intervals: 2000 resamples of utterances (--clusters=utt2spk draws speakers)"
tap_is "the interval is half as wide" "$(sed -nE 's/^%UA .*\[ ([0-9.]+), ([0-9.]+) \]$/\1 \2/p' .out before | paste -s -d ' ' |
  awk '{ print ($2 - $1) < 0.6 * ($4 - $3) }')" 1
for f in utt2emo first utt2spk; do grep -E '^s0[0-6]' $f > "few-$f"; done
tap_ok "seven speakers" serin-score-labels --clusters=few-utt2spk --json=few.json few-utt2emo few-first
tap_has "are few" .out "of 7 clusters of few-utt2spk and of utterances in each; so few clusters make them coarse"
tap_has "in scores.json too" few.json '"coarse": true'
tap_ok "eight" serin-score-labels --clusters=utt2spk <(grep -E '^s0[0-7]' utt2emo) <(grep -E '^s0[0-7]' first)
tap_is "are not" "$(grep -c 'of 8 clusters' .out)$(grep -c coarse .out)" 10
awk '{ print $1, substr($1, 1, 2) }' utt2emo > halves
tap_ok "folds with their clusters" serin-score-labels --clusters=utt2spk --folds=halves utt2emo first
tap_is "ten and two" "$(awk '$1 ~ /^s[01]$/ { print $1, $NF }' .out | paste -s -d ' ')" "s0 10 s1 2"
tap_ok "each utterance its own cluster" serin-score-labels --clusters=<(awk '{ print $1, $1 }' utt2emo) utt2emo first
sed '/^intervals/d' .out > own
serin-score-labels utt2emo first 2> /dev/null | sed '/^intervals/d' > none
tap_is "is no cluster at all" "$(cat own)" "$(cat none)"

tap_refuses "a cluster table that lacks an utterance" 'few-utt2spk: no entry for "s07-' serin-score-labels --clusters=few-utt2spk utt2emo first
tap_refuses "seeds of other utterances" 'first and few-first do not have the same utterances; the first that only one has is "s07-' \
  serin-score-labels --mode=present utt2emo first,few-first
tap_refuses "words of other utterances" 'text and few-text do not have the same utterances' \
  bash -c 'head -20 text > few-text; serin-score-text --mode=present text text,few-text'
tap_refuses "a seed that is not there" "no-such: " serin-score-labels utt2emo first,no-such
tap_refuses "details of two tables" '--details shows one table, but text_hyp,text_other names 2' \
  serin-score-text --details=details text text_hyp,text_other
tap_done
