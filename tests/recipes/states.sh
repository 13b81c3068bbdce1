#!/usr/bin/env bash
# serin-states on the tiny models of tests/parity: frames, layers, and what is refused. The numbers are test_states's.
# shellcheck source=tests/recipes/tap.sh
. "${srcdir:-.}/tests/recipes/tap.sh"
cd "$tap_dir" || exit 1
model=$top/tests/parity/hubert-layer

# A tenth of a second at 16 kHz, at 8 kHz, and what is shorter than a frame.
two() { printf '\\0%o\\0%o' $(($1 % 256)) $(($1 / 256)); }
wav() {             # bytes of samples, rate; samples on standard input
  printf '%b' "RIFF$(two $(($1 + 36)))\0\0WAVEfmt \020\0\0\0\001\0\001\0$(two "$2")\0\0\0\0\0\0\002\0\020\0data$(two "$1")\0\0"
  cat
}
noise() { awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) printf "%c", 32 + (i * i * 7 + i * 31) % 90 }'; }
noise 3200 | wav 3200 16000 > a.wav
noise 1600 | wav 1600 8000 > b.wav
noise 20 | wav 20 16000 > c.wav
printf 'a a.wav\nb b.wav\n' > wav.scp

shape() { awk '$1 == k { on = 1; next } on { n++; c = NF - ($NF == "]") } /\]/ { on = 0 } END { print n, c }' k="$1" "$2"; }

tap_ok "the last layer" serin-states "$model" scp:wav.scp ark,t:last.ark
tap_is "a row for 20 samples, a column for each of the model's" "$(shape a last.ark) $(shape b last.ark)" "79 20 79 20"
tap_ok "a layer below" serin-states --layer=1 "$model" scp:wav.scp ark,t:first.ark
tap_is "has as many" "$(shape a first.ark)" "79 20"
tap_ok "is another" bash -c '! cmp -s last.ark first.ark'
tap_ok "a single file of weights" serin-states "$model/model.safetensors" scp:wav.scp ark,t:file.ark
tap_ok "beside its config.json is the folder" cmp last.ark file.ark
tap_ok "binary, with an index" serin-states "$model" scp:wav.scp ark,scp:last.bin,last.scp
tap_is "names every sound" "$(cut -d ' ' -f 1 last.scp | paste -sd ' ')" "a b"
printf 'a a.wav\nc c.wav\nd absent.wav\n' > wav.scp
tap_refuses "bad sounds are told" "Done 1 utterance, 2 failed" serin-states "$model" scp:wav.scp ark,t:some.ark
tap_ok "bad sounds are left out" serin-states --allow-failures "$model" scp:wav.scp ark,t:some.ark
for text in 'c: 10 samples are too short for a frame' 'd: absent.wav: No such file' 'Done 1 utterance, 2 failed'; do
  tap_has "told: $text" .err "$text"
done
tap_refuses "a layer too many" "layer 3 of a model with 2" serin-states --layer=3 "$model" scp:wav.scp ark:none.ark
tap_refuses "no model" "absent/config.json" serin-states absent scp:wav.scp ark:none.ark
mkdir cut
cp "$model/config.json" cut
head -c 1000 "$model/model.safetensors" > cut/model.safetensors
tap_refuses "half a model" "cut/model.safetensors" serin-states cut scp:wav.scp ark:none.ark
sed 's/"hidden_size": 20/"hidden_size": 24/' "$model/config.json" > cut/config.json
cp "$model/model.safetensors" cut
tap_refuses "a model of another shape" 'feature_projection.projection.weight" is [20, 10], expected [24, 10]' serin-states cut scp:wav.scp ark:none.ark
sed 's/"num_hidden_layers": 2/"num_hidden_layers": 3/' "$model/config.json" > cut/config.json
tap_refuses "a model with a layer less" '16 missing: "hubert.encoder.layers.2.' serin-states cut scp:wav.scp ark:none.ark
tap_ok "unless that is allowed" serin-states --allow-failures --allow-missing cut scp:wav.scp ark:some.ark
tap_has "and told" .err '16 missing: "hubert.encoder.layers.2.'
# What fairseq saves has its configuration in it.
printf 'a a.wav\nb b.wav\n' > wav.scp
mkdir fairseq plain
cp "$top"/tests/parity/torch/fairseq-{group,layer}.pt fairseq
cp "$top"/tests/parity/hubert-group/{config.json,model.safetensors} plain
echo '{"do_normalize": false}' > plain/preprocessor_config.json
tap_ok "a file of fairseq's alone" serin-states fairseq/fairseq-group.pt scp:wav.scp ark,t:fairseq.ark
tap_ok "its twin of Hugging Face's" serin-states plain scp:wav.scp ark,t:plain.ark
tap_ok "gives the same" cmp fairseq.ark plain.ark
tap_ok "a fine-tuned one" serin-states fairseq/fairseq-layer.pt scp:wav.scp ark,t:fairseq.ark
tap_ok "gives the same as its twin" cmp fairseq.ark last.ark
tap_ok "converted" serin-convert --to=hf fairseq/fairseq-group.pt converted
tap_has "its settings go along" converted/config.json '"num_conv_pos_embeddings": 15'
tap_has "those of the waveform where they belong" converted/preprocessor_config.json '"do_normalize": false'
tap_ok "is read" serin-states converted scp:wav.scp ark,t:converted.ark
tap_ok "and gives the same" cmp converted.ark plain.ark
tap_ok "to be fine-tuned" serin-info --json fairseq/fairseq-layer.pt
for text in '"attention_dropout":0.0625' '"mask_feature_length":3' '"feat_extract_norm":"layer"' '"vocab_size":7'; do
  tap_has "has $text" .out "$text"
done
sed 's/(8,3, 2)/(8,3, x)/' fairseq/fairseq-group.pt > fairseq/odd.pt
tap_refuses "convolutions that are none" 'odd.pt: conv_feature_layers is "[(6,10, 5)] * 1 + [(8,3, x)]' \
  serin-states fairseq/odd.pt scp:wav.scp ark:none.ark
cp "$top/tests/parity/torch/fairseq.pt" fairseq
tap_refuses "settings of which the most are missing" "fairseq/config.json: No such file" \
  serin-states fairseq/fairseq.pt scp:wav.scp ark:none.ark
tap_is "nothing is left" "$(echo none*)" "none*"
tap_done
