#!/usr/bin/env bash
# The synthetic corpus: deterministic, whatever the number of jobs and the awk; cut as its options say; prepared by
# IEMOCAP's preparation.
# shellcheck source=tests/recipes/tap.sh disable=SC2016
. "$(dirname "$0")/tap.sh"
cd "$top/egs/mini" || exit 1
export TMPDIR=$tap_dir

draw() {            # awk options
  $1 -v utts=1000 -v seed="${2-1}" -v emotion_words="${3-12}" -v prosody_share=30 -v words_share=30 -v snr_low=15 \
    -v snr_high=35 -f local/make_table.awk local/grammar.txt
}
table=$(draw awk)
tap_is "a thousand of four classes, a tenth besides" "$(cut -f 4 <<< "$table" | sort | uniq -c | awk '{ print $2, $1 }')" \
  $'ang 200\nexc 180\nfru 40\nhap 120\nneu 300\nsad 200\nsur 20\nxxx 40'
tap_is "identifiers are unique" "$(cut -f 1 <<< "$table" | sort | uniq -d)" ""
tap_is "ten voices of two sexes, a hundred and ten turns each" \
  "$(awk -F '\t' '{ n[$7 $3]++ } END { for (v in n) print v, n[v] }' <<< "$table" | sort | tr '\n' ' ')" \
  "f2F 110 f3F 110 f4F 110 f5F 110 lindaF 110 m1M 110 m3M 110 m4M 110 m7M 110 m8M 110 "
tap_ok "words alone are spoken like neutral ones" awk -F '\t' '
  $4 == "neu" || $6 == "words" { r = $10 < 85 || $10 > 115 || $11 < -12.5 || $11 > -5.5; bad += r; n++ }
  END { exit !(n > 400 && bad == 0) }' <<< "$table"
tap_ok "prosody alone says what neutral ones say" awk -F '\t' '
  { t = $14; gsub(/[.]/, "", t); t = tolower(t) }
  $6 == "prosody" && t ~ /angry|happy|sad|furious|hate|miss|love|lonely/ { bad++ }
  $6 == "words" && $5 == "script" && t ~ /angry|happy|sad|furious|hate|miss|love|lonely/ { told++ }
  END { exit !(bad == 0 && told > 10) }' <<< "$table"
tap_ok "another seed, another corpus" test "$(draw awk 2)" != "$table"
tap_ok "more emotional words" test "$(draw awk 1 40 | cut -f 14 | tr ' ' '\n' | sort -u | wc -l)" -gt \
  "$(cut -f 14 <<< "$table" | tr ' ' '\n' | sort -u | wc -l)"
hard() { awk -v utts=1500 -v seed=1 -v emotion_words=40 -v own_words="$1" -v prosody_spread="$2" -v prosody_share=33 \
  -v words_share=33 -v snr_low=10 -v snr_high=30 -f local/make_table.awk local/frames.txt; }
own=$(hard 20 40 | cut -f 1,14 | awk -F '\t' '
  { n = split(tolower($2), w, /[^a-z]+/); for (i = 1; i <= n; i++) if (w[i] != "") heard[w[i] substr($1, 1, 5)] = w[i] }
  END { for (k in heard) sessions[heard[k]]++; for (k in sessions) own += sessions[k] == 1; print own }')
tap_ok "words that one session has to itself, 8 of 40 of each kind" test "$own" -ge 30 -a "$own" -le 36
tap_ok "without them hardly any" test "$(hard 0 40 | awk -F '\t' '
  { n = split(tolower($14), w, /[^a-z]+/); for (i = 1; i <= n; i++) heard[w[i] substr($1, 1, 5)] = w[i] }
  END { for (k in heard) sessions[heard[k]]++; for (k in sessions) own += sessions[k] == 1; print own + 0 }')" -le 3
tap_ok "talkers differ in how strongly a voice shows emotion" awk -F '\t' '
  $4 == "sad" && $6 == "prosody" { n[$7]++; range[$7] += $10 }
  END { for (v in n) { r = range[v] / n[v]; if (!low || r < low) low = r; if (r > high) high = r }; exit !(high - low > 15) }' \
  <(hard 20 40)
for other in mawk gawk original-awk "busybox awk"; do
  if command -v "${other%% *}" > /dev/null; then
    tap_is "the same under $other" "$(draw "$other" | cksum)" "$(cksum <<< "$table")"
  else
    tap_skip "the same under $other" "not installed"
  fi
done

if ! command -v espeak-ng > /dev/null || ! command -v serin-copy-audio > /dev/null; then
  tap_skip "speaking" "espeak-ng or serin-copy-audio is missing"
  tap_done
fi
corpus=$tap_dir/corpus
sum() { (cd "$corpus" && find . -type f | sort | xargs cksum); }
tap_ok "speaks a small corpus" local/make_corpus.sh --utts 40 --nj 2 "$corpus"
first=$(sum)
tap_ok "is done already" local/make_corpus.sh --utts 40 "$corpus"
rm "$corpus/table.tsv"
tap_fails "spares what it did not make" "was not made by this script" local/make_corpus.sh --utts 40 "$corpus"
rm -rf "$corpus"
tap_ok "speaks it again in one job" local/make_corpus.sh --utts 40 --nj 1 "$corpus"
tap_is "byte for byte" "$(sum)" "$first"
tap_is "16 kHz, mono, 16 bits" \
  "$(head -c 36 "$corpus"/Session5/sentences/wav/Ses05F_impro01/Ses05F_impro01_F000.wav | tail -c 14 | od -An -tu2 | tr -s ' ')" \
  " 1 16000 0 32000 0 2 16"
tap_ok "IEMOCAP's preparation reads it" \
  bash -c 'cd ../iemocap && local/prepare_data.sh "$1" "$2"' - "$corpus" "$tap_dir/data"
tap_is "and finds its classes" "$(cut -d ' ' -f 2 "$tap_dir/data/utt2emo" | sort | uniq -c | awk '{ print $2, $1 }' | tr '\n' ' ')" \
  "$(cut -f 4 "$corpus/table.tsv" | sed 's/exc/hap/' | grep -E 'ang|hap|neu|sad' | sort | uniq -c | awk '{ print $2, $1 }' | tr '\n' ' ')"
tap_fails "an option out of range" "--utts is a whole number from 20 to 30000, found \"7\"" local/make_corpus.sh --utts 7 "$tap_dir/x"
tap_fails "shares over 100" "--words-share is a whole number from 0 to 20" \
  local/make_corpus.sh --prosody-share 80 --words-share 30 "$tap_dir/x"
tap_done
