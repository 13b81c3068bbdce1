#!/usr/bin/env bash
# parse_options.sh and run.pl.
# shellcheck source=tests/recipes/tap.sh disable=SC2016
. "$(dirname "$0")/tap.sh"
utils=$top/egs/utils
cd "$tap_dir" || exit 1

# ---- parse_options.sh
cat > script <<END
#!/usr/bin/env bash
stage=0
stop_stage=9
clean=false
name=
help_message="Usage: script"
. $utils/parse_options.sh
set -u
echo "\$stage|\$stop_stage|\$clean|\$name|\$*"
END
chmod +x script
echo 'stage=7; name=config' > conf
tap_is "defaults" "$(./script)" "0|9|false||"
tap_is "names, values, arguments" "$(./script --stop-stage 4 --clean true --name "a  'b'" x --name)" "0|4|true|a  'b'|x --name"
tap_is "the line wins over --config" "$(./script --stage 3 --config conf x)" "3|9|false|config|x"
tap_is "a variable of the environment is no obstacle" "$(stage=5 ./script --stage 6)" "6|9|false||"
tap_is "an empty value" "$(./script --stage '' x)" "|9|false||x"
tap_is "-- ends options" "$(./script -- --stage 3)" "0|9|false||--stage 3"
tap_is "help" "$(./script --stage 3 --help)" "Usage: script"
tap_fails "an unknown option" './script: unknown option --stages' ./script --stages 3
tap_fails "a variable of the shell is none" 'unknown option --PATH' ./script --PATH x
tap_fails "no code in names" 'unknown option --x\$\(touch hit\)' ./script '--x$(touch hit)' 1
tap_ok "none was run" test ! -e hit
tap_fails "a boolean" '--clean is true or false, found "1"' ./script --clean 1
tap_fails "no value" 'option --stage lacks its value' ./script --stage
tap_fails "an equals sign" 'write options as --name value' ./script --stage=3
tap_fails "no such config" 'cannot read --config nowhere' ./script --config nowhere

# ---- run.pl
run() { "$utils/run.pl" "$@"; }
tap_ok "runs a command" run log/a.log echo hello
tap_ok "its log has the form of Kaldi's" perl -0ne '
  exit !/\A# echo hello\n# Started at \w.*\n#\nhello\n# Accounting: time=\d+ threads=1\n# Ended \(code 0\) at \w.*, elapsed time \d+ seconds\n\z/' log/a.log
tap_ok "numbers its copies" run JOB=2:4 log/b.JOB.log echo JOB '|' sed 's/^/number /' '>' out.JOB
tap_is "each its own" "$(cat out.2 out.3 out.4)" $'number 2\nnumber 3\nnumber 4'
tap_is "an argument with spaces is one" "$(run log/c.log printf '%s+' "a  b" c && grep -v '^#' log/c.log | head -n 1)" \
  "a  b+c+# Accounting: time=0 threads=1"
tap_fails "a failure names its log and shows it" 'job failed, log is in log/d.log.*gone wrong.*Ended \(code 3\)' \
  run log/d.log echo gone wrong ';' exit 3
tap_fails "failures of several are counted" '2 / 3 failed, log is in log/e.\*.log' run JOB=1:3 log/e.JOB.log test JOB = 2
tap_ok "the others ran" grep -q 'code 0' log/e.2.log
tap_fails "a failure in a pipe counts" 'Ended \(code 1\)' run log/f.log false '|' cat
tap_fails "a signal counts" 'Ended \(code 137\)' run log/g.log 'kill' -9 '$BASHPID'
tap_fails "copies need logs of their own" 'log/h.log does not contain JOB' run JOB=1:2 log/h.log true
tap_ok "a cluster's options are taken" run --mem 4G --gpu 1 --num-threads 3 log/i.log echo '$OMP_NUM_THREADS'
tap_ok "threads reach the command and the log" grep -qz $'\n3\n# Accounting: time=[0-9]* threads=3' log/i.log
tap_fails "copies at once are a number" '--max-jobs-run takes a whole number above 0, found "x"' run --max-jobs-run x log/j.log true
tap_is "not more at once than allowed" "$(run --max-jobs-run 2 JOB=1:6 log/k.JOB.log \
  mkdir run.JOB '&&' ls -d 'run.*' '|' wc -l '&&' sleep 0.1 '&&' rmdir run.JOB; grep -hv '#' log/k.*.log | sort -n | tail -n 1)" 2
tap_is "follows when asked" "$(run --follow true log/l.log echo seen 2>&1)" "l: seen"
tap_is "is silent otherwise" "$(run log/l.log echo seen 2>&1)" ""
"$utils/run.pl" log/m.log echo '$BASHPID' '>' pid '&&' exec sleep 60 &
runner=$!
for ((i = 0; i < 50; i++)); do
  if [[ -s pid ]]; then break; fi
  sleep 0.1
done
kill -TERM $runner
wait $runner
tap_is "when stopped, it says so" "$?" 130
for ((i = 0; i < 50; i++)); do
  if ! kill -0 "$(cat pid)" 2> /dev/null; then break; fi
  sleep 0.1
done
tap_ok "and stops what it runs" test "$i" -lt 50
tap_done
