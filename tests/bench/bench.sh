#!/usr/bin/env bash
# The bench works: a training step of a tiny model, which must not call malloc, an operator at full size, and the tokenizer.
# shellcheck source=tests/recipes/tap.sh
. "${srcdir:-.}/tests/recipes/tap.sh"

tap_ok "a training step calls malloc nowhere" tests/bench/bench --step --tiny --steps=1
tap_is "all at once and in pieces" "$(grep -c 'useful GFLOP/s' "$tap_dir/.out")" 2
tap_ok "nor does one with adapters in the upper layer alone" tests/bench/bench --step --stage=2 --adapter-layers=1 --tiny --steps=1
for stage in 1 2; do
  tap_ok "nor does one of stage $stage" tests/bench/bench --step --stage=$stage --kept-features --tiny --steps=1
  tap_is "either way" "$(grep -c 'useful GFLOP/s.* 0 blocks' "$tap_dir/.out")" 2
done
tap_ok "an operator" tests/bench/bench --only=relu --seconds=0
tap_is "at the shapes of two models" "$(grep -c '^relu .* ms .* GB/s .* ms .* GB/s' "$tap_dir/.out")" 2
printf '%s\n' '[UNK]' '[CLS]' '[SEP]' a b '##b' > "$tap_dir/vocab.txt"
tap_ok "the tokenizer" tests/bench/bench --tokenize="$tap_dir/vocab.txt" --seconds=0 < <(printf 'abb a\n\nb')
tap_has "every line and piece" "$tap_dir/.out" "3 lines, 0.000 MB, 11 pieces"
tap_ok "loading" tests/bench/bench --load="$tap_dir" --tiny
tap_is "until a result" "$(grep -c ' MiB own ' "$tap_dir/.out")" 3
tap_is "and nothing is left" "$(echo "$tap_dir"/bench.*)" "$tap_dir/bench.*"
tap_ok "writing sentences" tests/bench/bench --decode --tiny --steps=1
tap_is "greedily and with a beam" "$(grep -c '^16 sentences of 20 words, beam [15]: .* s' "$tap_dir/.out")" 2
tap_done
