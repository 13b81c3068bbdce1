#!/usr/bin/env bash
# Options that are paths: of every recipe, named from where the caller stands, in folders whose names a shell, awk or a list would take
# apart; the same folders for the scripts of utils.
# shellcheck source=tests/recipes/tap.sh disable=SC1003,SC2016
. "$(dirname "$0")/tap.sh"
build=$PWD
[[ -x tests/recipes/make_tones ]] || tap_skip_all "make_tones is not built"
export SERIN_BUILD=$build OMP_NUM_THREADS=1
cd "$tap_dir" || exit 1
mkdir egs
for r in utils generic emodb fsdd iemocap meld commonvoice mini; do cp -r "$top/egs/$r" egs; rm -rf egs/$r/{data,exp,corpus}; done
sed -i 's/^epochs=.*/epochs=1/' egs/*/conf/*.conf egs/*/conf/*/*.conf
odd='it'"'"'s "$HOME" \é *'
one='$HOME"\n'"'"'é'            # no blank
mkdir "$odd" "$one"
# shellcheck source=egs/utils/words.sh
. "$top/egs/utils/words.sh"
tiny="--epochs=1 --width=16 --layers=1 --heads=2 --inner=32 --pos-kernel=7 --pos-groups=2 --bert-width=16 --bert-layers=1 --bert-heads=2 --bert-inner=32 --fusion-heads=2 --speed=0"

# ---- which paths are whose
mkdir -p script/conf a/conf
cat > script/run.sh <<'END'
#!/usr/bin/env bash
stage=0
counts=conf/own
dir=exp
dev=none
from=$PWD
cd "$(dirname "$0")"
_paths="counts dir dev config"
. ../egs/utils/parse_options.sh
set -u
echo "$stage|$counts|$dir|$dev|$*"
END
chmod +x script/run.sh
touch a/Ses01 a/conf/own
printf 'stage=3 counts=conf/own2 dir=exp\n' > a/settings
run() { (cd "$1" && "$tap_dir/script/run.sh" "${@:2}"); }
tap_is "defaults are the script's" "$(run a)" "0|conf/own|exp|none|"
tap_is "paths are the caller's" "$(run a --counts conf/own --dir ../b x/y)" "0|$tap_dir/a/conf/own|$tap_dir/b|none|x/y"
tap_is "short where he stands in the script's folder" "$(run script --counts conf/own --dir ./b/../c)" "0|conf/own|c|none|"
tap_is "whole ones are left alone" "$(run a --dir /dev/fd/../x)" "0|conf/own|/dev/fd/../x|none|"
tap_is "so is nothing" "$(run a --counts '')" "0||exp|none|"
tap_is "words and folds are none" "$(run a --dev next; run a --dev Ses02)" $'0|conf/own|exp|next|\n0|conf/own|exp|Ses02|'
tap_is "a file is one" "$(run a --dev Ses01; run a --dev ./Ses02)" "0|conf/own|exp|$tap_dir/a/Ses01|"$'\n'"0|conf/own|exp|$tap_dir/a/Ses02|"
tap_is "none is an option or an assignment" "$(run script --dir -x; run script --dir a=b)" $'0|conf/own|./-x|none|\n0|conf/own|./a=b|none|'
tap_is "a configuration and what it sets" "$(run a --config settings --stage 4)" "4|$tap_dir/a/conf/own2|exp|none|"
tap_fails "which is not the script's" 'cannot read --config settings' run script --config settings

# ---- recipes
"$build/tests/recipes/make_tones" tones 40 1
mapfile -t sounds < <(cut -d ' ' -f 1 tones/text | sed 's/.*/tones\/wav\/&.wav/')
mkdir -p "$odd/f/recordings" "$odd/e/wav" "$one/c/clips"
n=0
for d in 0 1 2 3; do for k in 0 1 6 7; do cp "${sounds[n++]}" "$odd/f/recordings/${d}_george_$k.wav"; done; done
n=0
for s in 03 08 10 13; do for e in a01W a02W a01F a02F; do cp "${sounds[n++]}" "$odd/e/wav/$s${e}a.wav"; done; done
tap_ok "FSDD" egs/fsdd/run.sh --fsdd "$odd/f" --counts false --dir "$odd/fsdd" --train-opts "$tiny" --decode-opts ""
tap_has "is scored" .out "report: $tap_dir/$odd/fsdd/report.html"
tap_ok "EmoDB" egs/emodb/run.sh --emodb "$odd/e" --counts false --folds "03 08" --dev next --dir "$one/emodb" --train-opts "$tiny" --decode-opts ""
tap_has "is scored" .out "report: $tap_dir/$one/emodb/report.html"
tap_ok "its encoder first, into the same place" egs/emodb/run.sh --stage 2 --folds 03 --dir "$odd/pretrained" --pretrain speech --train-opts "--speed=0" --decode-opts ""
cp "${sounds[0]}" "$one/c/clips/a.wav"
printf 'client_id\tpath\tsentence\nabc\ta.wav\thello\n' > "$one/c/validated.tsv"
tap_ok "Common Voice, and what an experiment of such a name heard" egs/commonvoice/run.sh --commonvoice "$one/c" --jobs 1 --beam 5 \
  --models "$(quote_words "$one/emodb/03" "$one/emodb/08")" --own "$(quote_words "$one/emodb" egs/emodb/data/all4)" --dir "$odd/pairs"
tap_is "for each fold" "$(cut -d ' ' -f 1 "$odd/pairs/03/text" | tr '\n' ' ')" "$(cut -d ' ' -f 1 "$one/emodb/08/decode/text" | tr '\n' ' ')$(cut -d ' ' -f 1 "$odd/pairs/text")"$' '
"$top/tests/recipes/make_iemocap.pl" --scale 200 egs/iemocap/conf/full_release.counts "$one/i" > /dev/null
tap_ok "IEMOCAP" egs/iemocap/run.sh --iemocap "$one/i" --counts "" --stop-stage 1
cp egs/iemocap/data/session/counts "$odd/the counts"
sed 's/all .*/all 1/' "$odd/the counts" > "$odd/other counts"
tap_ok "counts that come true" egs/iemocap/run.sh --iemocap "$one/i" --counts "$odd/the counts" --stop-stage 1
tap_fails "and that do not" 'labelled all' egs/iemocap/run.sh --iemocap "$one/i" --counts "$odd/other counts" --stop-stage 1
cp egs/iemocap/conf/dev_session.txt "$odd/the list"
cp -r "$odd/pairs" "$one"
printf 'x1 HELLO THERE\nx2 GOOD BYE\n' > "$one/pairs/text"
printf 'x1 HELLO DARE\nx2 GOD BYE\n' > "$one/pairs/hypotheses"
tap_ok "whom to choose the model on, pairs for the corrector" egs/iemocap/run.sh --iemocap "$one/i" --stage 2 --folds 1 --exp 16 --estimate 1 \
  --dev "$odd/the list" --aec-data "$one/pairs" --train-opts "--speed=0" --decode-opts ""
tap_has "which are heard" .out "pairs of its own, 2 of $tap_dir/$one/pairs"
tap_fails "a list that is not there" "$tap_dir/conf/dev_session.txt" egs/iemocap/run.sh --iemocap "$one/i" --stage 3 --exp 2 --dev conf/dev_session.txt
"$top/tests/recipes/make_weights.pl" "$odd/w"
declare -A clips=([train]=train_splits [dev]=dev_splits_complete [test]=output_repeated_splits_test)
if command -v ffmpeg > /dev/null; then
  for part in train dev test; do
    mkdir -p "$odd/m/${clips[$part]}"
    echo 'Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime' > "$odd/m/${part}_sent_emo.csv"
    for k in 0 1 2 3; do
      echo "$k,Hello there $k,Joey,$( ((k % 2)) && echo joy || echo anger),neutral,0,$k,8,21,0,1" >> "$odd/m/${part}_sent_emo.csv"
      ffmpeg -nostdin -v error -y -i "${sounds[k]}" -c:a aac "$odd/m/${clips[$part]}/dia0_utt$k.mp4"
    done
  done
  tap_ok "MELD with published weights" egs/meld/run.sh --meld "$odd/m" --counts "" --exp "36" --estimate 1 --hubert "$odd/w/hubert" --bert "$odd/w/bert" \
    --aec-data "$one/pairs" --train-opts "--epochs=1 --select=last" --decode-opts ""
  tap_has "is scored" .out "pooled  "
else
  tap_skip "MELD" "ffmpeg is not installed"
fi
if command -v espeak-ng > /dev/null; then
  tap_ok "the synthetic corpus" egs/mini/run.sh --utts 40 --data "$one/data" --dir "$odd/mini" --pretrain none --folds 1 --train-opts "$tiny" --decode-opts ""
  tap_has "is scored" .out "report: $tap_dir/$odd/mini/report.html"
  tap_ok "experiments on it" egs/mini/run.sh --stage 2 --data "$one/data" --dir "$one/hard" --pretrain none --folds 1 --exp "2 5" --seeds "1 2" --train-opts "$tiny" --decode-opts ""
  tap_ok "are in a table" grep -Eq '^\| 2 .* [0-9.]+ \[' "$one/hard/tables.txt"
  tap_has "the mean of seeds, too" "$one/hard/tables.txt" "| 2 seeds |"
else
  tap_skip "the synthetic corpus" "espeak-ng is not installed"
fi

# ---- utils by themselves
cd egs/emodb || exit 1
PATH=$PWD/utils:$build/recipes/bin:$PATH
data="$tap_dir/$odd/data" exp=$tap_dir/$one/two
cp -r data/all4 "$data"
mkdir "$tap_dir/$odd/conf"
cp conf/train.conf "$tap_dir/$odd/conf/my train.conf"
conf=$(quote_words "$tap_dir/$odd/conf/my train.conf" conf/train.conf)
printf '%s\n' 08a01Wa 03a01Wa > "$tap_dir/$one/list"
tap_ok "configurations of such names" utils/train_folds.sh --conf "$conf" --folds 03 --train-opts "$tiny" "$data" "$exp/exp01"
tap_has "are in the command" "$exp/exp01/03/done" "$(quote_words "--config=$tap_dir/$odd/conf/my train.conf")"
tap_fails "and told where they are missing" 'cannot read .*my other.conf, which --conf names' utils/train_folds.sh --conf "$(quote_words "$odd/my other.conf")" "$data" "$exp/exp01"
tap_fails "none is no configuration" '--conf names no configuration' utils/train_folds.sh --conf '' "$data" "$exp/exp01"
cp -r "$exp/exp01" "$exp/exp02"
tap_ok "score_folds.sh" utils/score_folds.sh "$data" "$exp/exp01"
tap_ok "score_folds.sh again" utils/score_folds.sh "$data" "$exp/exp02"
cp -r "$exp" "$exp/../seed2"
mv "$exp/../seed2" "$exp"
tap_ok "compare_experiments.sh" utils/compare_experiments.sh --bootstrap 100 '1<2' "$exp"
tap_has "pools its seeds" "$tap_dir/.out" "| 1<2, 2 seeds "
tap_has "and says what was drawn" "$tap_dir/.out" "of utt2spk"
tap_ok "paper_tables.sh" utils/paper_tables.sh --compare '1<2' 1 "$exp"
tap_has "its report" "$tap_dir/.out" "report: $exp/report.html"
tap_ok "subset_data_dir.sh" utils/subset_data_dir.sh --utt-list "$tap_dir/$one/list" "$data" "$tap_dir/$one/part 1"
tap_ok "by speakers" utils/subset_data_dir.sh --spk-list <(echo 10) "$data" "$tap_dir/$one/part 2"
tap_ok "combine_data_dir.sh" utils/combine_data_dir.sh "$tap_dir/$one/both" "$tap_dir/$one/part 1" "$tap_dir/$one/part 2"
tap_is "is both" "$(wc -l < "$tap_dir/$one/both/utt2spk") $(wc -l < "$tap_dir/$one/both/wav.scp")" "6 6"
tap_ok "split_data.sh" utils/split_data.sh "$tap_dir/$one/both" 3
tap_is "has them all" "$(cat "$tap_dir/$one/both/split3"/*/text | sort)" "$(cat "$tap_dir/$one/both/text")"
sed -i 's/$/\r/' "$tap_dir/$one/both/utt2emo"
tap_ok "fix_data_dir.sh" utils/fix_data_dir.sh "$tap_dir/$one/both"
tap_ok "validate_data_dir.sh" utils/validate_data_dir.sh "$tap_dir/$one/both"
tap_done
