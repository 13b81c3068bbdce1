#!/usr/bin/env bash
# slurm.pl and queue.pl, with a cluster of two small scripts: sbatch and qsub that run every task of an array here, and lists of
# what still runs.
# shellcheck source=tests/recipes/tap.sh disable=SC2016,SC2317
. "$(dirname "$0")/tap.sh"
utils=$top/egs/utils
cd "$tap_dir" || exit 1
mkdir bin "a dir"
PATH=$tap_dir/bin:$PATH
export tap_dir SERIN_GRACE=1

# cluster VARIABLE FIRST LAST SCRIPT: runs the tasks behind the caller's back; lost: they vanish; slow: their end shows later.
cat > bin/cluster <<'END'
#!/usr/bin/env bash
exec > /dev/null 2>&1 < /dev/null
touch "$tap_dir/alive"
for ((i = $2; i <= $3; i++)); do
  [[ -e $tap_dir/lost ]] || env "$1=$i" bash "$4" &
  echo $! >> "$tap_dir/tasks"
done
wait
rm -f "$tap_dir/alive"
END
cat > bin/sbatch <<'END'
#!/usr/bin/env bash
printf '%s\n' "$@" > "$tap_dir/asked"
[[ ! -e $tap_dir/refuse ]] || { echo "sbatch: error: invalid partition" >&2; exit 1; }
for word; do if [[ $word =~ ^--array=([0-9]+)-([0-9]+) ]]; then range=("${BASH_REMATCH[@]:1}"); fi; done
setsid cluster SLURM_ARRAY_TASK_ID "${range[@]}" "${*: -1}" &
echo "4711;here"
END
cat > bin/squeue <<'END'
#!/usr/bin/env bash
[[ $* == *--jobs=4711* ]] || exit 1
[[ ! -e $tap_dir/alive ]] || echo 4711_1
END
cat > bin/qsub <<'END'
#!/usr/bin/env bash
printf '%s\n' "$@" > "$tap_dir/asked"
while [[ $1 != -t ]]; do shift; done
setsid cluster SGE_TASK_ID "${2%-*}" "${2#*-}" "${*: -1}" &
echo "815.1-4:1"
END
cat > bin/qstat <<'END'
#!/usr/bin/env bash
[[ $* == "-j 815" && -e $tap_dir/alive ]]
END
for end in scancel qdel; do
  printf '#!/usr/bin/env bash\necho "%s $*" > "$tap_dir/cancelled"\nkill $(< "$tap_dir/tasks")\n' $end > bin/$end
done
chmod +x bin/*

for runner in slurm queue; do
  run() { "$utils/$runner.pl" "$@"; }
  log=$runner/log
  tap_ok "$runner.pl runs a command" run $log/a.log echo 'hello' '$OMP_NUM_THREADS'
  tap_ok "its log has the form of run.pl's" perl -0ne '
    exit !/\A# echo hello \$OMP_NUM_THREADS\n# Running on \S+\n# Started at \w.*\n#\nhello.*\n# Accounting: time=\d+ threads=1\n# Ended \(code 0\) at \w.*, elapsed time \d+ seconds\n\z/' $log/a.log
  tap_is "and leaves nothing else" "$(ls $log/q)" ""
  tap_ok "numbered copies" run JOB=2:4 $log/b.JOB.log echo JOB '|' sed 's/^/number /' '>' $runner.JOB
  tap_is "each its own" "$(cat $runner.2 $runner.3 $runner.4)" $'number 2\nnumber 3\nnumber 4'
  tap_ok "resources" run --mem 4G --time 1:00:00 --gpu 1 --max-jobs-run 2 --num-threads 3 --follow true JOB=1:4 $log/c.JOB.log \
    echo '$OMP_NUM_THREADS' "it's  here"
  cp asked $runner.asked
  tap_ok "threads reach the command, and spaces" grep -qx "3 it's  here" $log/c.4.log
  tap_fails "a failure names its log and shows it" "$runner.pl: job failed, log is in $log/d.log.*gone wrong.*Ended .code 3" \
    run $log/d.log echo gone wrong ';' exit 3
  tap_fails "failures of several are counted" "2 / 3 failed, log is in $log/e.\*.log" run JOB=1:3 $log/e.JOB.log test JOB = 2
  tap_ok "the others ran" grep -q 'code 0' $log/e.2.log
  tap_fails "a failure in a pipe counts" 'Ended \(code 1\)' run $log/f.log false '|' cat
  tap_fails "copies need logs of their own" 'log/h.log does not contain JOB' run JOB=1:2 $log/h.log true
  hostile=('$(touch hit)' '`touch hit`' "it's" 'a;touch hit' $'two\nlines' 'é*?' END_OF_COMMAND)
  tap_ok "words of any kind" run --quote true $log/n.log printf '<%s>\n' "${hostile[@]}"
  tap_is "reach the command" "$(sed '1,4d' $log/n.log | head -n -2)" "$(printf '<%s>\n' "${hostile[@]}")"
  tap_is "and the log can be pasted" "$(eval "$(head -n 1 $log/n.log | cut -c 3-)")" "$(printf '<%s>\n' "${hostile[@]}")"
  mkdir -p "a dir/it's \$(touch hit)"
  tap_ok "a directory of any name" bash -c 'cd "$1" && "$2" "$PWD/a log/$3.JOB.log" pwd' - "a dir/it's \$(touch hit)" "$utils/$runner.pl" '$(touch hit)'
  tap_is "nothing else ran" "$(find . -name hit)" ""
  touch lost
  tap_fails "a job that the cluster loses" "job failed, log is in $log/i.log.*left no status: out of memory" run $log/i.log true
  rm lost
  tap_ok "a directory and a log with spaces" bash -c 'cd "a dir" && "$1" "$PWD/my log/j.log" pwd' - "$utils/$runner.pl"
  tap_ok "is where it runs" grep -qx "$tap_dir/a dir" "a dir/my log/j.log"
  rm -f tasks cancelled
  "$utils/$runner.pl" $log/k.log sleep 60 &
  waits=$!
  for ((i = 0; i < 50; i++)); do if [[ -s tasks ]]; then break; fi; sleep 0.1; done
  sleep 0.3
  kill -TERM $waits
  wait $waits
  tap_is "when stopped, it says so" "$?" 130
  tap_ok "and cancels the job" grep -Eq 'scancel 4711|qdel 815' cancelled
  for ((i = 0; i < 50; i++)); do if [[ ! -e alive ]]; then break; fi; sleep 0.1; done
done
tap_is "what sbatch is told" "$(sed '$d' slurm.asked | grep -v output | tr '\n' ' ')" \
  "--parsable --job-name=c.JOB --array=1-4%2 --export=ALL --cpus-per-task=3 --mem=4G --time=1:00:00 --gres=gpu:1 "
tap_is "what qsub is told" "$(sed '$d' queue.asked | grep -v /q/ | tr '\n' ' ')" \
  "-terse -V -cwd -S /bin/bash -j y -N jc.JOB -t 1-4 -o -tc 2 -pe smp 3 -l mem_free=4G,ram_free=4G -l h_rt=1:00:00 -l gpu=1 "
SERIN_JOB_OPTS="-p long -A us" "$utils/slurm.pl" slurm/log/l.log true
tap_is "and what the site wants" "$(tail -n 5 asked | head -n 4 | tr '\n' ' ')" "-p long -A us "
touch refuse
tap_fails "a cluster that refuses" 'invalid partition.*sbatch refused: sbatch --parsable' "$utils/slurm.pl" slurm/log/m.log true

rm refuse

# ---- folds as jobs
ln -s "$utils" utils
mkdir conf data
touch conf/train.conf
for s in A B C; do
  for table in utt2spk utt2fold; do printf '%s %s\n' "$s-1" $s "$s-2" $s >> data/$table; done
  printf '%s\n' "$s-1 x" "$s-2 y" >> data/utt2emo
done
utils/utt2spk_to_spk2utt.pl data/utt2spk > data/spk2utt
printf '#!/usr/bin/env bash\nmkdir -p "${*: -1}"\necho "$0 $OMP_NUM_THREADS" >> "${*: -1}/ran"\n[[ ${*: -1} != *B || ! -e broken ]]\n' > bin/serin-train
printf '#!/usr/bin/env bash\nmkdir -p "$3"\n' > bin/serin-decode
chmod +x bin/serin-*
export train_cmd=utils/slurm.pl decode_cmd=utils/slurm.pl
touch broken
tap_fails "a fold that fails names its log" 'slurm.pl: job failed, log is in exp/log/train.B.log' utils/train_folds.sh --threads 2 data exp
rm broken
tap_ok "started again" utils/train_folds.sh --threads 2 data exp
tap_is "all folds ran at once" "$(grep -o 'folds: A B C; 3 at once, threads: 2' "$tap_dir/.out")" "folds: A B C; 3 at once, threads: 2"
tap_is "and only the broken one twice, with its threads" "$(cut -d ' ' -f 2 exp/B/ran | tr '\n' ' ')$(wc -l < exp/A/ran)$(wc -l < exp/C/ran)" "2 2 11"
unset train_cmd decode_cmd

# ---- what cmd.sh chooses
chosen() { (cd "$top/egs/mini" && SERIN_JOBS=$1 bash -c '. ./cmd.sh; echo "$train_cmd, $decode_cmd"' ./run.sh); }
tap_is "this machine by default" "$(chosen "")" "run.pl --follow true, run.pl"
tap_is "Slurm" "$(chosen slurm)" "slurm.pl, slurm.pl"
tap_is "Grid Engine" "$(chosen queue)" "queue.pl, queue.pl"
tap_fails "nothing else" 'SERIN_JOBS is run, slurm or queue, found "lsf"' chosen lsf
tap_done
