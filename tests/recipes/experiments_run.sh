#!/usr/bin/env bash
# Every experiment of the paper with every corpus' configurations, from the corpus to the tables, by the programs themselves: networks
# from scratch and weights in Hugging Face's layout (random ones, make_weights.pl), trees in the corpora's layouts. Everything is
# as shipped but the epochs, which are one. What each row trains is read from its models.
# shellcheck source=tests/recipes/tap.sh disable=SC2016,SC2317
. "$(dirname "$0")/tap.sh"
command -v serin-train > /dev/null || tap_skip_all "serin-train is not built"
SERIN_BUILD=$(dirname "$(command -v serin-train)")
export SERIN_BUILD=${SERIN_BUILD%/recipes/bin} OMP_NUM_THREADS=1
here=$top/tests/recipes
cd "$tap_dir" || exit 1
mkdir egs
cp -r "$top"/egs/{utils,iemocap,meld,mini} egs
rm -rf egs/*/{data,exp,corpus}
sed -i 's/^epochs=.*/epochs=1/' egs/*/conf/*/*.conf egs/mini/conf/*.conf
weights=$tap_dir/weights
"$here/make_weights.pl" "$weights"
published=(--hubert "$weights/hubert" --bert "$weights/bert")

# "13-15 17" as numbers.
numbers() { for w in $1; do seq "${w%-*}" "${w#*-}"; done; }
# stands EXP-DIR EXPERIMENTS: those that lack a model, an answer to each test utterance, a score or their line in a table.
stands() {
  local n e f
  for n in $(numbers "$2"); do
    e=$1/exp$(printf %02d "$n")
    if [[ ! -s $e/folds ]]; then echo "$n: not run"; continue; fi
    while read -r f; do
      [[ -s $e/$f/model.safetensors && -s $e/$f/done ]] || echo "$n: no model of $f"
      cmp -s <(cut -d ' ' -f 1 "$e/$f/decode/utt2emo") <(cut -d ' ' -f 1 "$data/folds/$f/test/utt2emo") || echo "$n: not all of $f are answered"
    done < "$e/folds"
    grep -q '"emotion"' "$e/scores.json" || echo "$n: no score"
    grep -Eq "^\| $n +\|.*\| [0-9.]+ \[.* / [0-9]" "$1/tables.txt" || echo "$n: not in its table"
  done
}
# groups MODEL FIRST …: groups.pl of the first fold.
groups() {
  local e=$exp/exp$1 f
  f=$(head -n 1 "$e/folds")
  "$here/groups.pl" "$e/$f/model.safetensors" "${@:2}"
}
first() { echo "$exp/exp$1/$(head -n 1 "$exp/exp$1/folds")/model.safetensors"; }
# losses EXPERIMENT: those that its training log has.
losses() {
  awk -F '\t' 'NR == 1 { split($0, name) } NR == 2 { for (i = 1; i <= NF; i++) if (sub(/^loss_/, "", name[i]) && $i > 0) printf "%s ", name[i] }' \
    "$exp/exp$1/$(head -n 1 "$exp/exp$1/folds")/train.tsv"
}

# ---- IEMOCAP
cd egs/iemocap || exit 1
corpus=$tap_dir/iemocap data=data/session
"$here/make_iemocap.pl" --scale 120 conf/full_release.counts "$corpus"
run() { ./run.sh --iemocap "$corpus" --counts "" --folds 1 --estimate 0 "$@"; }
more() { utils/run_experiments.sh --folds 1 --has meld "$@" "$data" "$exp" && utils/paper_tables.sh 1,2,3,4,5,6,7,8 "$exp"; }
exp=exp/scratch-session
tap_ok "IEMOCAP is prepared" run --stop-stage 1
tap_fails "from scratch adapters alone are refused" 'experiment 19 needs an encoder.*nothing was begun' run --stage 3 --exp 1-29
tap_ok "IEMOCAP from scratch" run --stage 3 --exp "1-18 21-29"
tap_ok "adapters in encoders pre-trained here" more --conf-dir conf/scratch --dev conf/dev_session.txt --pretrain speech 19-20
tap_ok "MELD's experiments with its configurations" more --conf-dir conf/scratch --dev conf/dev_session.txt 30-37
tap_is "each was trained, decoded, scored and stands in its table" "$(stands $exp 1-37)" ""
exp=exp/pretrained-session
tap_ok "IEMOCAP with published weights" run --stage 3 "${published[@]}" --exp 1-29
tap_ok "and MELD's" more --conf-dir conf/pretrained --dev conf/dev_session.txt "${published[@]}" 30-37
tap_is "each was trained, decoded, scored and stands in its table" "$(stands $exp 1-37)" ""

# ---- what each row trains
both="$weights/hubert/model.safetensors $weights/bert/model.safetensors"
row() { tap_is "$1 trains" "$(losses "$1")| $(groups "$@")" "$expected"; }
# shellcheck disable=SC2086
{
  expected="emo | convolutions:kept emotion:new hubert:learnt" && row 01 $both
  expected="emo ctc | convolutions:kept ctc:new emotion:new hubert:learnt" && row 02 $both
  expected="emo gender style | convolutions:kept emotion:new gender:new hubert:learnt style:new" && row 03 $both
  expected="emo ctc gender style | convolutions:kept ctc:new emotion:new gender:new hubert:learnt style:new" && row 04 $both
  expected="emo gender style | bert:learnt emotion:new gender:new style:new"
  tap_is "08 trains" "$(losses 08)| $(groups 08 $both | sed 's/ hubert:new//')" "$expected"
  expected="emo | bert:learnt convolutions:kept emotion:new fusion:new hubert:learnt" && row 09 $both
  expected="emo ctc | bert:learnt convolutions:kept ctc:new emotion:new fusion:new hubert:learnt" && row 10 $both
  for n in 13 14 25 26 27 29 33 34; do row $n $both; done
  expected="emo ctc gender style | bert:learnt convolutions:kept ctc:new emotion:new fusion:new gender:new hubert:learnt style:new" && row 12 $both
  expected="emo ctc | aec:learnt bert:learnt convolutions:kept ctc:new emotion:new fusion:new hubert:learnt" && row 35 $both
  expected="emo ctc cl | aec:learnt bert:learnt convolutions:kept ctc:new emotion:new fusion:new hubert:learnt"
  for n in 16 18-1 37; do row $n $both; done
  expected="emo ctc cl | bert:learnt convolutions:kept ctc:new emotion:new fusion:new hubert:learnt" && row 36 $both
  expected="emo ctc | adapters:new convolutions:kept ctc:new emotion:new hubert:kept" && row 19 $both
  expected="emo gender style | adapters:new convolutions:kept emotion:new gender:new hubert:kept style:new" && row 20 $both
  expected="emo ctc | convolutions:kept ctc:new emotion:new hubert:learnt" && row 30 $both
}
second="adapters:new bert:kept convolutions:kept ctc:kept emotion:learnt fusion:learnt"
expected="emo gender style | $second gender:new hubert:kept style:new"
row 15 "$(first 13)"
row 17 "$(first 14)"
expected="emo gender style cl | ${second/bert/aec:kept bert} gender:new hubert:kept style:new" && row 18 "$(first 18-1)"
expected="emo ctc | bert:learnt convolutions:kept ctc:learnt emotion:learnt fusion:learnt hubert:learnt" && row 21 "$(first 13)"
expected="emo gender style | bert:learnt convolutions:kept ctc:kept emotion:learnt fusion:learnt gender:new hubert:learnt style:new" && row 22 "$(first 13)"
expected="emo ctc | $second hubert:kept" && row 23 "$(first 13)"
tap_is "the corrector is the fold's, as it was" "$(groups 16 "$exp/aec/Ses01/model/model.safetensors" | grep -o 'aec:[a-z]*')" "aec:kept"
tap_is "and corrects in both stages" "$(wc -l < $exp/exp16/Ses01/decode/text_aec) $(wc -l < $exp/exp18/Ses01/decode/text_aec)" \
  "$(wc -l < $data/folds/Ses01/test/text) $(wc -l < $data/folds/Ses01/test/text)"
cd ../..

# ---- MELD
if command -v ffmpeg > /dev/null; then
  cd egs/meld || exit 1
  corpus=$tap_dir/meld data=data/all
  bash "$here/make_meld.sh" "$corpus" 1
  run() { ./run.sh --meld "$corpus" --counts "" --estimate 0 "$@"; }
  more() { utils/run_experiments.sh --folds test --dev dev "$@" "$data" "$exp" && utils/paper_tables.sh 1,2,3,4,5,6,7,8 "$exp"; }
  tap_ok "MELD is prepared" run --stop-stage 1
  tap_fails "which has no styles" 'experiment 17 needs data/all/utt2style.*nothing was begun' run --stage 3 --exp "17 30"
  awk '{ print $1, NR % 2 ? "impro" : "script" }' data/all/utt2emo > data/all/utt2style
  tap_ok "MELD from scratch" run --stage 3 --exp 30-37
  tap_ok "MELD with published weights" run --stage 3 "${published[@]}" --exp 30-37
  exp=exp/scratch
  tap_ok "IEMOCAP's experiments with its configurations, were there styles" more --conf-dir conf/scratch "1-18 21-29"
  tap_ok "adapters in encoders pre-trained here" more --conf-dir conf/scratch --pretrain speech 19-20
  tap_is "each was trained, decoded, scored and stands in its table" "$(stands $exp 1-37)" ""
  exp=exp/pretrained
  tap_ok "and with published weights" more --conf-dir conf/pretrained "${published[@]}" 1-29
  tap_is "each was trained, decoded, scored and stands in its table" "$(stands $exp 1-37)" ""
  cd ../..
else
  tap_skip "MELD" "ffmpeg is not installed"
fi

# ---- mini
if command -v espeak-ng > /dev/null; then
  cd egs/mini || exit 1
  tap_ok "mini" ./run.sh --exp 1-37 --utts 40 --folds 1 --more-sentences 200
  data=data/hard/all
  tap_is "each was trained, decoded, scored and stands in its table" "$(stands exp/hard 1-29)" ""
  data=data/noisy/all
  tap_is "so was each of MELD's" "$(stands exp/noisy 30-37)" ""
else
  tap_skip "mini" "espeak-ng is not installed"
fi
tap_done
