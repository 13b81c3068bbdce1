#!/usr/bin/env bash
# serin-kmeans: clusters, labels, and what is refused.
# shellcheck source=tests/recipes/tap.sh
. "${srcdir:-.}/tests/recipes/tap.sh"
cd "$tap_dir" || exit 1

printf 'a  [\n  0 0\n  0 1\n  9 9 ]\nb  [\n  9 8\n  0 0.5 ]\nc  [ ]\n' > f.txt
tap_ok "two clusters" serin-kmeans --clusters=2 ark:f.txt km.npy
tap_has "the log has the inertia" .err 'inertia 0.2'
serin-copy-matrix km.npy ark,t:- 2> log | sed '1d; s/ \]//; s/^ *//' | sort > centres
tap_is "the centres are the means" "$(cat centres)" $'0 0.5\n9 8.5'
tap_ok "labels" serin-kmeans --assign km.npy ark:f.txt labels
tap_is "a line an utterance, a number a frame" "$(sed 's/1/x/g; s/0/1/g; s/x/0/g' labels | sort | cat - labels | grep -c '^a 0 0 1$\|^b 1 0$\|^c$')" 4
tap_has "the same inertia" .err 'inertia 0.2'

awk 'BEGIN { srand(5); for (u = 0; u < 20; u++) { printf "u%02d  [\n", u; for (i = 0; i < 200; i++) {
  for (j = 0; j < 13; j++) printf " %.5f", rand() + (i % 7) * (j % 3); print i == 199 ? " ]" : "" } } }' > many.txt
tap_ok "one thread" env OMP_NUM_THREADS=1 serin-kmeans --clusters=20 --max-frames=1000 ark:many.txt one.npy
tap_has "a sample, told" .err '1000 of 4000 frames are sampled'
tap_ok "two threads" env OMP_NUM_THREADS=2 serin-kmeans --clusters=20 --max-frames=1000 ark:many.txt two.npy
tap_ok "give the same bytes" cmp one.npy two.npy
tap_ok "another seed" serin-kmeans --seed=2 --clusters=20 --max-frames=1000 ark:many.txt three.npy
tap_fails "gives others" differ cmp one.npy three.npy

tap_refuses "more clusters than frames" 'ark:f.txt: 5 frames are too few for 6 clusters' serin-kmeans --clusters=6 ark:f.txt bad.npy
tap_refuses "no frames" 'ark:/dev/null: no frames' serin-kmeans ark:/dev/null bad.npy
tap_refuses "centres of other features" 'ark:many.txt: "u00" and the centres of km.npy: 13 columns, expected 2' \
  serin-kmeans --assign km.npy ark:many.txt bad.labels
printf 'a  [\n  0 0 ]\nb  [\n  1 2 3 ]\n' > ragged.txt
tap_refuses "utterances of other columns" '"b": 3 columns, expected 2' serin-kmeans --clusters=1 ark:ragged.txt bad.npy
printf 'a  [\n  0 nan ]\n' > nan.txt
tap_refuses "a NaN" '"a": row 0, column 1 is nan' serin-kmeans --clusters=1 ark:nan.txt bad.npy
tap_refuses "a missing file" 'no.npy: No such file' serin-kmeans --assign no.npy ark:f.txt bad.labels
tap_refuses "arguments of the other form" 'expected <centres.npy> <matrix-rspecifier> <labels>' serin-kmeans --assign km.npy ark:f.txt
tap_is "nothing is written then" "$(ls bad.* 2>/dev/null)" ""
tap_done
