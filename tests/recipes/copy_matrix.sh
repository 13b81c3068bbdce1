#!/usr/bin/env bash
# serin-copy-matrix: every kind of file into every other, and what is refused.
# shellcheck source=tests/recipes/tap.sh
. "${srcdir:-.}/tests/recipes/tap.sh"
cd "$tap_dir" || exit 1
numpy=$top/tests/parity/store

printf 'a  [\n  0 1 2\n  3 4 5 ]\nb  [ 1.5 -2e-05 ]\nc  [ ]\n' >in.txt
tap_ok "text to binary, with a script" serin-copy-matrix ark:in.txt ark,scp:b.ark,b.scp
tap_is "the script names keys, file and bytes" "$(cat b.scp)" $'a b.ark:2\nb b.ark:43\nc b.ark:68'
tap_ok "script to text" serin-copy-matrix scp:b.scp ark,t:out.txt
tap_is "the numbers are those" "$(cat out.txt)" $'a  [\n  0 1 2\n  3 4 5 ]\nb  [\n  1.5 -1.99999995e-05 ]\nc  [ ]'
tap_ok "binary to a folder of npy" serin-copy-matrix ark:b.ark npy-dir:folder/deep
tap_is "a file a key" "$(ls folder/deep)" $'a.npy\nb.npy\nc.npy'
tap_ok "numpy would write the same bytes" cmp folder/deep/a.npy "$numpy/matrix_le_f4.npy"
tap_ok "the folder to a table" serin-copy-matrix npy-dir:folder/deep ark:c.ark
tap_ok "with the same bytes" cmp b.ark c.ark
tap_ok "one npy in, its name is the key" serin-copy-matrix "$numpy/vector_le_f4.npy" ark,t:one.txt
tap_is "as a row" "$(cat one.txt)" $'vector_le_f4  [\n  0 1 2 3 4 5 ]'
echo 'a b.ark:2[0:1,1:2]' >a.scp
tap_ok "a part to one npy" serin-copy-matrix scp:a.scp part.npy
tap_ok "and back" serin-copy-matrix part.npy ark,t:part.txt
tap_is "has its columns" "$(cat part.txt)" $'part  [\n  1 2\n  4 5 ]'
tap_is "standard input and output" "$(serin-copy-matrix ark:- ark,t:- <b.ark 2>log)" "$(cat out.txt)"
tap_ok "a report" grep -q 'Done 3 matrices, 0 failed' log
tap_is "an empty table is a table" "$(serin-copy-matrix ark:/dev/null ark,t:- 2>log)" ""

tap_refuses "an archive cut short" 'short.ark: key "b": byte 58: 8 bytes of data, but only 5 follow' bash -c \
  'head -c 63 b.ark >short.ark && serin-copy-matrix ark:short.ark ark:bad.ark'
tap_refuses "many matrices into one npy" 'bad.npy: a .npy file takes one matrix' serin-copy-matrix ark:b.ark bad.npy
tap_refuses "none into one npy" 'bad.npy: no matrix to write' serin-copy-matrix ark:/dev/null bad.npy
tap_refuses "a pipe" 'a pipe runs a command' serin-copy-matrix 'ark:cat b.ark |' ark:bad.ark
tap_refuses "a file that is not there" 'no.npy: No such file' serin-copy-matrix no.npy ark:bad.ark
tap_refuses "a folder that is not there" 'no: No such file' serin-copy-matrix npy-dir:no ark:bad.ark
tap_refuses "no table at all" 'expected ark:FILE or scp:FILE' serin-copy-matrix b.ark ark:bad.ark
tap_refuses "a full disk" 'No space left' serin-copy-matrix ark:b.ark ark:/dev/full
printf '../x [ 1 ]\n' >evil.txt
tap_refuses "a key that leads out of the folder" 'key "../x" cannot be the name' serin-copy-matrix ark:evil.txt npy-dir:folder/evil
printf 'x [ 1 ]\nx [ 2 ]\n' >twice.txt
tap_refuses "a key twice" 'key "x" appears twice' serin-copy-matrix ark:twice.txt npy-dir:folder/twice
tap_is "nothing is written then" "$(ls bad.* folder/x.npy 2>/dev/null; ls folder/evil)" ""
# A signal that ends the program takes what it was writing along; what a killed one left, the next writer in the folder takes.
mkfifo slow
mkdir written
temporary() { find written -name '*.tmp.*' | wc -l; }
for signal in TERM HUP KILL; do       # SIGINT is ignored by what a script starts behind it
  serin-copy-matrix ark:slow ark,scp:written/a.ark,written/a.scp 2> /dev/null &
  pid=$!
  exec 7> slow
  printf 'a  [ 1 2 ]\n' >&7
  for ((i = 0; i < 200 && $(temporary) < 2; i++)); do sleep 0.05; done
  tap_is "two files are being written" "$(temporary)" 2
  kill -$signal $pid
  wait $pid 2> /dev/null
  exec 7>&-
  [[ $signal == KILL ]] || tap_is "SIG$signal leaves none of them" "$(find written -type f)" ""
done
tap_is "SIGKILL leaves two" "$(temporary)" 2
printf 'a  [ 1 2 ]\n' > a.txt
tap_ok "another in this folder" serin-copy-matrix ark:a.txt ark:written/b.ark
tap_is "takes them away" "$(find written -type f)" written/b.ark
chmod 600 written/b.ark
tap_ok "once more" serin-copy-matrix ark:a.txt ark:written/b.ark
tap_is "permissions stay" "$(stat -c %a written/b.ark)" 600
ln -s c.ark written/link
tap_ok "through a link that leads nowhere yet" serin-copy-matrix ark:a.txt ark:written/link
tap_is "to where it leads" "$(find written -type f | sort | paste -sd ' ') $(readlink written/link)" "written/b.ark written/c.ark c.ark"
tap_done
