#!/usr/bin/env bash
# A tree in MELD's layout with rows and clips made up by rule: nobody's words, tones for voices. Needs ffmpeg. Quirks of the real one are in
# it: mp4 with six channels at 48 kHz, one that cannot be read, one that is absent, one of 305 s (or as said), one of 0.06 s, leftovers of file managers,
# clips without a row, CRLF, quoted commas and quotes, typographic signs, speakers with spaces and slashes, a row that ends before it starts.
# The signs are the corpus'.
# shellcheck disable=SC1111,SC1112
set -euo pipefail
export LC_ALL=C
[[ $# -eq 1 || $# -eq 2 ]] || { echo "Usage: make_meld.sh <folder> [seconds]" >&2; exit 1; }
root=$1
mkdir -p "$root/made" "$root"/{train/train_splits,dev/dev_splits_complete,test/output_repeated_splits_test/final_videos_test}

emotions=(neutral joy surprise anger sadness disgust fear)
for i in "${!emotions[@]}"; do echo "${emotions[i]} $((150 + 90 * i)) 0.6"; done > "$root/made/list"
printf 'short 300 0.06\nlong 300 %s\n' "${2:-305}" >> "$root/made/list"
while read -r name pitch seconds; do
  ffmpeg -nostdin -v error -y -f lavfi -i "sine=f=$pitch:r=48000:d=$seconds" -f lavfi -i "color=black:s=16x16:r=5:d=$seconds" -map 0 -map 1 \
    -af "pan=5.1|c0=0.3*c0|c1=0.3*c0|c2=0.6*c0|c3=0.1*c0|c4=0.2*c0|c5=0.2*c0" -c:a aac -b:a 48k -c:v mpeg4 "$root/made/$name.mp4" < /dev/null
done < "$root/made/list"

# row SPLIT NUMBER DIALOGUE UTTERANCE: a line of the csv, and its clip. Words and pitch tell the emotion.
words=("I think it’s at the station" "Oh, that’s so great!" "Oh my God! Really?" "“Stop” it, you idiot!" "He’s gone…" "That is ""disgusting"" – ew" "Don’t let it in, please")
speakers=(Joey Ross Rachel Phoebe Monica Chandler "The Interviewer" "Phoebe/Waitress" "All" "Joey’s Hand Twin")
row() {
  local i=$(($2 % 14)) clips text
  ((i < 7)) || i=0        # half is neutral
  case $1 in train) clips=train/train_splits ;; dev) clips=dev/dev_splits_complete ;; test) clips=test/output_repeated_splits_test ;; esac
  text=${words[i]//\"/\"\"}
  printf '%d,"%s %d",%s,%s,neutral,%d,%d,8,21,"00:16:16,059","00:16:%s,731"\r\n' "$2" "$text" $(($2 % 30)) "${speakers[$2 * 7 % 10]}" \
    "${emotions[i]}" "$3" "$4" "$([[ $1 == test && $3 == 155 ]] && echo 15 || echo 21)"
  ln -f "$root/made/${emotions[i]}.mp4" "$root/$clips/dia$3_utt$4.mp4"
}
head="Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime"
for split in train dev test; do
  case $split in
    train) n=42 extra="125:3 309:0" ;;
    dev) n=14 extra="110:7" ;;
    test) n=21 extra="38:4 220:0 155:3" ;;
  esac
  {
    printf '%s\r\n' "$head"
    for ((k = 1; k <= n; k++)); do row $split $k $((k / 6)) $((k % 6)); done
    for clip in $extra; do row $split $k "${clip%:*}" "${clip#*:}"; k=$((k + 1)); done
  } > "$root/${split}_sent_emo.csv"
done
test=$root/test/output_repeated_splits_test
ln -f "$root/made/long.mp4" "$test/dia38_utt4.mp4"
ln -f "$root/made/short.mp4" "$test/dia2_utt3.mp4"
rm "$root/train/train_splits/dia125_utt3.mp4" "$root/dev/dev_splits_complete/dia110_utt7.mp4"
head -c 4000 "$root/made/joy.mp4" > "$root/train/train_splits/dia125_utt3.mp4"
ln -f "$root/made/joy.mp4" "$test/final_videos_testdia0_utt1.mp4"
printf '\0\5\26\7' > "$test/._dia0_utt1.mp4"
printf '\0\5\26\7' > "$root/._train_sent_emo.csv"
rm -r "$root/made" "$test/final_videos_test"
