#!/usr/bin/env bash
# The preparation of IEMOCAP, on a small corpus in its layout with silent sounds: every quirk the real one has.
# shellcheck source=tests/recipes/tap.sh
. "$(dirname "$0")/tap.sh"
cd "$top/egs/iemocap" || exit 1
corpus="$tap_dir/a corpus"
data=$tap_dir/data

# A tenth of a second of silence.
{ printf 'RIFF\244\014\0\0WAVEfmt \020\0\0\0\001\0\001\0\200>\0\0\0}\0\0\002\0\020\0data\200\014\0\0'; head -c 3200 /dev/zero; } > "$tap_dir/silence.wav"
turn() {            # session dialogue turn label text [line end]
  local wav="$corpus/Session$1/sentences/wav/$2" dialog="$corpus/Session$1/dialog"
  mkdir -p "$wav" "$dialog"/{transcriptions,EmoEvaluation/Categorical}
  cp "$tap_dir/silence.wav" "$wav/$2_$3.wav"
  printf '[1.0000 - 2.0000]\t%s_%s\t%s\t[2.5, 2.5, 2.5]%b\nC-E2:\tNeutral; Anger;\t()%b\n' "$2" "$3" "$4" "${6-}" "${6-}" \
    >> "$dialog/EmoEvaluation/$2.txt"
  printf '%s_%s [001.0000-002.0000]: %s%b\n' "$2" "$3" "$5" "${6-}" >> "$dialog/transcriptions/$2.txt"
}
make() {
  rm -rf "$corpus"
  turn 1 Ses01F_impro01 F000 neu "Excuse me."
  turn 1 Ses01F_impro01 M000 ang $'What\'s\tthis - a joke?'
  turn 1 Ses01M_script01_2 F003 exc "It’s great!"
  turn 2 Ses02F_script03_1 M001 sad "[LAUGHTER]" '\r'
  turn 3 Ses03M_impro05a M010 hap "Well...yes. [BREATHING]"
  turn 3 Ses03M_impro05b F010 fru "No."
  turn 4 Ses04F_impro01 F000 xxx "Hm."
  turn 5 Ses05M_script01_1b F001 hap "Let's go"
  # What must not be read.
  touch "$corpus"/Session1/sentences/wav/Ses01F_impro01/{._Ses01F_impro01_F000.wav,.DS_Store}
  printf '\0\1[1 - 2]\tjunk\tjunk\t' > "$corpus/Session1/dialog/EmoEvaluation/._Ses01F_impro01.txt"
  printf '[1.0 - 2.0]\tSes01F_impro01_F000\tdis\t[1, 1, 1]\n' > "$corpus/Session1/dialog/EmoEvaluation/Categorical/Ses01F_x.txt"
  echo 'Ses01F_impro01_FXX0 [000.1-000.2]: Hi.' >> "$corpus/Session1/dialog/transcriptions/Ses01F_impro01.txt"
}
table() { cat "$data/$1"; }

make
before=$(find "$corpus" -type f -exec cksum {} + | sort)
tap_ok "prepares" local/prepare_data.sh "$corpus" "$data"
tap_is "leaves the corpus alone" "$(find "$corpus" -type f -exec cksum {} + | sort)" "$before"
tap_is "labels: four classes, exc is hap" "$(table utt2emo)" "Ses01F-Ses01F_impro01_F000 neu
Ses01F-Ses01M_script01_2_F003 hap
Ses01M-Ses01F_impro01_M000 ang
Ses02M-Ses02F_script03_1_M001 sad
Ses03M-Ses03M_impro05a_M010 hap
Ses05F-Ses05M_script01_1b_F001 hap"
tap_is "text: upper case, tags and signs dropped" "$(table text)" "Ses01F-Ses01F_impro01_F000 EXCUSE ME
Ses01F-Ses01M_script01_2_F003 IT'S GREAT
Ses01M-Ses01F_impro01_M000 WHAT'S THIS A JOKE
Ses02M-Ses02F_script03_1_M001
Ses03M-Ses03M_impro05a_M010 WELL YES
Ses05F-Ses05M_script01_1b_F001 LET'S GO"
tap_is "the talker is the last F or M" "$(cut -d ' ' -f 2 "$data/utt2gender" | tr -d '\n')" "ffmmmf"
tap_is "styles" "$(cut -d ' ' -f 2 "$data/utt2style" | tr '\n' ' ')" "impro script impro script impro script "
tap_is "folds by session" "$(cut -d ' ' -f 2 "$data/utt2fold" | tr '\n' ' ')" "Ses01 Ses01 Ses01 Ses02 Ses03 Ses05 "
tap_is "a path with a space" "$(sed -n '3p' "$data/wav.scp")" \
  "Ses01M-Ses01F_impro01_M000 $corpus/Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_M000.wav"
tap_is "spk2utt" "$(head -n 1 "$data/spk2utt")" "Ses01F Ses01F-Ses01F_impro01_F000 Ses01F-Ses01M_script01_2_F003"
tap_is "counts" "$(grep -E '^(labelled|text)' "$data/counts" | tr '\n' ';')" \
  "labelled all 8;labelled ang 1;labelled exc 1;labelled fru 1;labelled hap 2;labelled neu 1;labelled sad 1;labelled xxx 1;text empty 1;"
first=$(cat "$data"/*)
local/prepare_data.sh "$corpus" "$data" > /dev/null 2>&1
tap_is "the same again" "$(cat "$data"/*)" "$first"

tap_ok "folds by talker, text as it is" local/prepare_data.sh --folds talker --text-norm none "$corpus" "$data"
tap_is "folds are speakers" "$(cut -d ' ' -f 2 "$data/utt2fold")" "$(cut -d ' ' -f 2 "$data/utt2spk")"
tap_is "text untouched" "$(sed -n '3p' "$data/text")" "Ses01M-Ses01F_impro01_M000 What's this - a joke?"
tap_ok "another choice of classes" local/prepare_data.sh --map "fru=ang ang=ang" "$corpus" "$data"
tap_is "and only these" "$(cut -d ' ' -f 2 "$data/utt2emo" | tr '\n' ' ')" "ang ang "

printf 'emotion hap 3\nemotion neu 1\n' > "$tap_dir/counts"
tap_ok "counts that come true" local/prepare_data.sh --counts "$tap_dir/counts" "$corpus" "$data"
tap_fails "counts that do not" "emotion neu: expected 1708, found 1" \
  local/prepare_data.sh --counts conf/full_release.counts "$corpus" "$data"

rm "$corpus/Session2/sentences/wav/Ses02F_script03_1/Ses02F_script03_1_M001.wav"
tap_fails "a missing sound is named" "Ses02F_script03_1_M001 labelled, but there is no sound" \
  local/prepare_data.sh "$corpus" "$data"
tap_ok "and dropped when allowed" local/prepare_data.sh --allow-missing true "$corpus" "$data"
tap_is "and listed" "$(cat "$data/problems")" "Ses02F_script03_1_M001 labelled, but there is no sound"
make
sed -i '/F003/d' "$corpus/Session1/dialog/transcriptions/Ses01M_script01_2.txt"
tap_fails "a missing transcript is named" "Ses01M_script01_2_F003 labelled, but there is no transcript" \
  local/prepare_data.sh "$corpus" "$data"
make
printf '[1.0 - 2.0]\tSes01F_impro01_F001\tglad\t[1, 1, 1]\n' >> "$corpus/Session1/dialog/EmoEvaluation/Ses01F_impro01.txt"
tap_fails "an unknown label is named with file and line" "Ses01F_impro01.txt:5: expected a turn and its label, found .*glad" \
  local/prepare_data.sh "$corpus" "$data"
make
turn 1 Ses01F_impro01 F000 neu "Twice."
tap_fails "a turn that occurs twice" "twice in its labels: Ses01F_impro01_F000" local/prepare_data.sh "$corpus" "$data"
rm -rf "$corpus/Session4"
tap_fails "no release" "lacks Session4/sentences/wav" local/prepare_data.sh "$corpus" "$data"
tap_fails "an option out of range" "--folds is session or talker" local/prepare_data.sh --folds x "$corpus" "$data"
tap_done
