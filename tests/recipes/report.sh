#!/usr/bin/env bash
# serin-report and serin-plot: the numbers are those of the scores, the page needs nothing from outside, names from outside
# cannot break it, and a real browser shows it whole on a desk and on a phone, in light and dark.
# shellcheck source=tests/recipes/tap.sh
. "${srcdir:-.}/tests/recipes/tap.sh"
cd "$tap_dir" || exit 1

# 80 utterances of two folds; labels, words and genders wrong here and there; a key and a word that look like HTML.
mkdir -p exp/1 exp/2 exp/ref exp/decode
awk 'BEGIN {
  split("ang hap neu sad", emo, " ")
  split("WE MEET IN THE GARDEN TOMORROW <SCRIPT>ALERT(1)</SCRIPT> ÜBER & UNDER", word, " ")
  for (i = 100; i < 180; i++) {
    key = "spk" i % 2 "-utt" i; if (i == 117) key = "spk1-utt117<b>"
    n = split("", said)
    text = key; heard = key
    for (w = 1; w <= 3 + i % 6; w++) {
      text = text " " word[(i + w) % 10 + 1]
      if ((i + w) % 11) heard = heard " " word[(i + w + ((i + w) % 7 == 0)) % 10 + 1]
    }
    e = i % 4 + 1; f = i % 9 ? e : (i + 1) % 4 + 1
    print key, emo[e] > "emo"; print key, emo[f] > "emo.hyp"
    print key, i % 2 ? "f" : "m" > "gender"; print key, i % 2 || i % 20 == 0 ? "f" : "m" > "gender.hyp"
    print key, i % 3 ? "impro" : "script" > "style"; print key, 1 + i % 2 > "fold"
    print text > "text"; print heard > "text.hyp"
  }
}'
for f in emo gender style fold; do sort "$f" > exp/ref/utt2$f; done
sort text > exp/ref/text; sort text.hyp > exp/decode/text
for f in emo gender; do sort $f.hyp > exp/decode/utt2$f; done
for fold in 1 2; do
  awk -v fold=$fold 'BEGIN { OFS = "\t"
    print "step", "epoch", "seconds", "loss", "loss_emo", "loss_ctc", "loss_gender", "loss_style", "dev_ua", "dev_wer", "rate"
    for (s = 1; s <= 300; s++)
      print s, 1, s / 10, 3 * exp(-s / 90) + fold / 10, 1.4 * exp(-s / 90), "", "", "", s % 50 ? "" : 90 - 60 * exp(-s / 90), "", 0.001
  }' > exp/$fold/train.tsv
  echo "layers=4" > exp/$fold/config
done

score() {               # section program options
  "$2" --folds=exp/ref/utt2fold --json=exp/scores.json --name='a <b>name</b>' --corpus="made & up" --section="$1" "${@:3}" \
    > "score.$1" 2> /dev/null
}
sed 's/^\([^ -]*\)-utt\([^ ]*\) .*/\1-utt\2 \1/' exp/ref/utt2emo > exp/ref/utt2spk
score emotion serin-score-labels --clusters=exp/ref/utt2spk --groups=exp/ref/utt2style exp/ref/utt2emo exp/decode/utt2emo
score gender serin-score-labels exp/ref/utt2gender exp/decode/utt2gender
score text serin-score-text exp/ref/text exp/decode/text

tap_ok "a report" serin-report report.html exp
column=3
for metric in UA WA WF1 MF1; do
  value=$(awk -v m=%$metric '$1 == m { print $2 }' score.emotion)
  tap_is "$metric of the table is the score's" "$(awk -v c=$column '$1 == "pooled" { print $c }' .out)" "$value"
  tap_has "$metric of the page too" report.html "data-name=\"$metric\">$(printf %.1f "$value")<"
  column=$((column + 1))
done
tap_has "the word error rate" report.html "data-name=\"WER\">$(awk '$1 == "%WER" { printf "%.1f", $2 }' score.text)<"
tap_has "the majority" report.html "always ang"
tap_is "what intervals drew" "$(grep '^Intervals' .out)" "Intervals draw 2 clusters of utt2spk, and utterances of each; so few make them coarse."
tap_has "on the page too" report.html '<p class="note">Intervals draw 2 clusters of utt2spk'
tap_has "a command" report.html "serin-score-labels --folds=exp/ref/utt2fold"
tap_has "the configuration" report.html "layers=4"
tap_has "an example's missed word" report.html "<del>"
tap_is "every figure and table is there" "$(grep -o '<figcaption>[^<]*' report.html | wc -l)" 6
tap_is "curves of what was measured" "$(grep -o 'aria-label="[^"]*\(loss\|data\)[^"]*"' report.html | paste -s -d ' ')" \
  'aria-label="loss, all tasks" aria-label="loss, emotion" aria-label="UA on development data, %"'
tap_is "nothing is fetched and nothing is run" "$(grep -ciE '<script|<link|<img|src=|@import|url\(|https?:|onload=|javascript:' report.html)" 0
tap_is "names from outside are text" "$(grep -c '<b>name\|utt117<b>\|<SCRIPT' report.html)" 0

tap_ok "several experiments" serin-report --title='T & T' --examples=0 several.html exp exp/scores.json
tap_has "the title" several.html "<title>T &amp; T</title>"
tap_is "no examples when none are asked for" "$(grep -c Examples several.html)" 0
# ---- a page of tables ---------------------------------------------------------------------------------------------------
mkdir -p set
cp -r exp set/exp02
cp report.html set/exp02/report.html
cat > set/tables.txt <<'END'
Table 1: "made" <up>

| exp | parts      | UA                           | WER       |
|-----|------------|------------------------------|-----------|
| 2   | SER, <ASR> | 88.12 [80.00, 95.00] / 75.28 | - / 13.57 |
| 4   | SER        | - / 77.02                    | -         |
|     | always hap | 25.00                        | -         |

Differences

| pair | utterances | UA                            | WER                           |
|------|------------|-------------------------------|-------------------------------|
| 1<2  | 80         | +5.12 [+2.00, +8.00] p <0.001 | -1.00 [-16.00, +3.00] p 0.160 |
| 1<4  | 80         | +4.12 [+1.00, +7.00] p 0.01 holm 0.04 | +2.25 [+0.50, +3.50] p 0.03 holm 0.06 |

A note & no more.
END
tap_ok "a page of tables" serin-report --tables=set/tables.txt set/all.html set/exp02 exp
tap_has "its heading" set/all.html '<h2>Table 1: &quot;made&quot; &lt;up&gt;</h2>'
tap_has "ours with its interval, the paper's below" set/all.html \
  'data-name="UA">88.12<small>80.00–95.00</small><small>paper 75.28</small></td>'
tap_has "the paper's alone" set/all.html '<td data-name="UA">–<small>paper 77.02</small></td>'
tap_has "the most frequent label" set/all.html 'class="words" data-name="parts">always hap</td><td data-name="UA">25.00</td>'
tap_has "a difference that is one" set/all.html '<b>+5.12</b><small>+2.00 to +8.00</small><small>p &lt;0.001</small>'
tap_has "drawn to the widest" set/all.html 'x1="55.75" y1="4" x2="73" y2="4" class="mark"'
tap_has "one that may be none" set/all.html '>-1.00<small>-16.00 to +3.00</small><small>p 0.160</small>'
tap_has "one that stays when the others count" set/all.html '<b>+4.12</b><small>+1.00 to +7.00</small><small>p 0.01 holm 0.04</small>'
tap_has "one that does not" set/all.html '>+2.25<small>+0.50 to +3.50</small><small>p 0.03 holm 0.06</small>'
tap_has "the note" set/all.html '<p class="note">A note &amp; no more.</p>'
tap_has "the way to an experiment's own page" set/all.html '<th scope="row"><a href="exp02/report.html">2</a></th>'
tap_is "only where there is one" "$(grep -o '<a href="[^"]*' set/all.html | sort -u)" '<a href="exp02/report.html'
tap_is "a matrix of each" "$(grep -c '<figcaption>' set/all.html)" 2
tap_refuses "tables that are not there" 'set/none.txt' serin-report --tables=set/none.txt set/none.html exp
printf '|\n||\n| a\n| 1 |||| 2 |\n\n|-' > set/odd.txt
tap_ok "tables that are none" serin-report --tables=set/odd.txt set/odd.html exp

# ---- many folds: time goes with their number -------------------------------------------------------------------------------
awk 'BEGIN {
  printf "{ \"serin_scores\": 1"
  m = "{ \"value\": 50, \"low\": 40, \"high\": 60 }"
  for (s = 1; s <= 2; s++) {
    printf ", \"%s\": { \"pooled\": { \"utterances\": 9, \"%s\": %s }, \"folds\": [", s == 1 ? "emotion" : "text", s == 1 ? "UA" : "WER", m
    for (i = 1; i <= 20000; i++) printf "%s{ \"name\": \"f%d\", \"utterances\": 1, \"%s\": %s }", (i > 1 ? ", " : ""), s == 1 ? i : i + 1, s == 1 ? "UA" : "WER", m
    printf "] }"
  }
  print " }"
}' > many.json
tap_ok "20,000 folds" timeout 20 serin-report many.html many.json
tap_is "of both sections" "$(grep -c '^fold f[0-9]* ' .out)" 20001
tap_is "the first in one alone, the second in both, the last in the other" "$(grep -E '^fold f(1|2|20001) ' .out | tr -s ' ')" "fold f1 1 50.00 -
fold f2 1 50.00 50.00
fold f20001 1 - 50.00"

rm -r exp/ref
tap_ok "a report when the tables that were scored are gone" serin-report gone.html exp

tap_ok "a confusion matrix" serin-plot exp/scores.json confusion.svg
tap_is "a cell for each pair" "$(grep -c 'class="cell"' confusion.svg)" 16
tap_ok "several, side by side" serin-plot exp/scores.json exp/scores.json exp/scores.json confusions.svg
tap_is "cells of each" "$(grep -c 'class="cell"' confusions.svg)" 48
tap_ok "folds" serin-plot --kind=folds --section=text --metric=WER exp/scores.json folds.svg
tap_is "two folds and all" "$(grep -c 'class="dot"' folds.svg)" 3
tap_ok "curves" serin-plot --kind=curves exp/1/train.tsv exp/2/train.tsv curves.svg
tap_is "a curve of each run in each panel with data" "$(grep -c '<polyline' curves.svg)" 8

tap_refuses "a section that is not there" 'no section "style"' serin-plot --section=style exp/scores.json no.svg
tap_refuses "a section without a matrix" 'section "text" has no confusion matrix' serin-plot --section=text exp/scores.json no.svg
printf 'step\tloss\n1\t0.5\n2\tx\n' > bad.tsv
tap_refuses "a log with a word in it" 'bad.tsv:3: "x" found for loss, a number expected' serin-plot --kind=curves bad.tsv no.svg
printf 'step\tloss\n1\t0.5\n2\n' > bad.tsv
tap_refuses "a log that is cut off" 'bad.tsv:3: 1 field found, 2 expected' serin-plot --kind=curves bad.tsv no.svg
tap_refuses "a log without steps" 'bad.tsv:1: a header' bash -c 'printf "loss\n1\n" > bad.tsv; serin-plot --kind=curves bad.tsv no.svg'
tap_refuses "no scores" 'exp/1/scores.json' serin-report no.html exp/1
tap_refuses "no place to write" 'nowhere/no.html' serin-report nowhere/no.html exp
tap_is "nothing is left of what failed" "$(find . -name 'no.*' -o -name '*.tmp.*')" ""

# ---- a browser ----------------------------------------------------------------------------------------------------------
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
# The page tells about itself: is anything wider than the window, does any drawing leave its frame, which paper colour?
sed 's|</body>|<script>(function () {\
  var out = [], root = document.documentElement;\
  document.querySelectorAll("svg").forEach(function (s) {\
    var b = s.getBBox(), v = s.viewBox.baseVal;\
    if (b.width === 0 \|\| b.x < -2 \|\| b.y < -2 \|\| b.x + b.width > v.width + 6 \|\| b.y + b.height > v.height + 2)\
      out.push(s.getAttribute("aria-label"));\
  });\
  document.title = "width " + root.scrollWidth + " of " + root.clientWidth + "; svg outside: " + out.join(",") +\
    "; paper " + getComputedStyle(document.body).backgroundColor;\
})();</script></body>|' report.html > probe.html
sed -n '/<script>/,/<\/script>/p' probe.html > probe.js
sed -e '/<\/body>/r probe.js' -e '/<\/body>/d' set/all.html > tables.html

# browse WIDTH OPTIONS…: what the page told.
browse() {
  timeout 60 "$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$tap_dir/profile" \
    --window-size="$1",900 "${@:2}" --dump-dom "file://$tap_dir/${page-probe.html}" 2> /dev/null |
    sed -n 's|.*<title>\(width.*\)</title>.*|\1|p'
}
desk=
[[ -z $browser ]] || desk=$(browse 1200)
if [[ -n $desk ]]; then
  phone=$(browse 390)
  tap_is "on a desk" "$desk" "width 1200 of 1200; svg outside: ; paper rgb(255, 255, 255)"
  tap_is "on a phone nothing is wider than the window" "$(awk '{ print $2 <= $4 + 0 }' <<< "$phone")" 1
  tap_is "nor outside its frame" "${phone#*; }" "svg outside: ; paper rgb(255, 255, 255)"
  tap_is "the tables on a desk" "$(page=tables.html browse 1200)" "width 1200 of 1200; svg outside: ; paper rgb(255, 255, 255)"
  tap_is "and on a phone" "$(page=tables.html browse 390 | awk '{ print $2 <= $4 + 0 }')" 1
  tap_is "in the dark" "$(browse 1200 --force-dark-mode | sed 's/.*paper/paper/')" "paper rgb(20, 22, 27)"
  tap_ok "a picture of it" timeout 60 "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$tap_dir/profile" \
    --window-size=390,1500 --screenshot=phone.png "file://$tap_dir/report.html"
  tap_is "is more than a blank page" "$(($(wc -c < phone.png) > 30000))" 1
else
  tap_skip "the page in a browser" "chromium is not installed, or cannot run here"
fi
tap_done
