#!/usr/bin/env bash
# serin-info: every container and kind of model, with its counts; what does not fit, and what is broken.
# shellcheck source=tests/recipes/tap.sh
. "${srcdir:-.}/tests/recipes/tap.sh"
PATH=$PWD/tests/recipes:$PATH
parity=$top/tests/parity
cd "$tap_dir" || exit 1

tap_ok "a HuBERT" serin-info "$parity/hubert-layer"
tap_has "its format" .out "format: safetensors"
tap_has "a tensor" .out '"hubert.encoder.pos_conv_embed.conv.parametrizations.weight.original1" "F32" [20, 5, 20]'
tap_has "its configuration" .out '"model_type": "hubert"'
tap_has "its metadata" .out '"format": "pt"'
tap_has "what is loaded" .out '"fits": true'
tap_has "a program" .out "serin-states"
tap_ok "the same as JSON" serin-info --json "$parity/hubert-layer"
tap_is "is one line" "$(wc -l < .out)" 1
# Parameters are the bytes behind the header, by 4: all of it is float32.
file=$parity/hubert-layer/model.safetensors
header=$(od -An -tu8 -N8 "$file" | tr -d ' ')
bytes=$(($(stat -c %s "$file") - 8 - header))
tap_has "with all bytes" .out "\"parameters\":$((bytes / 4)),\"bytes\":$bytes,"
tap_has "without a vocabulary, CTC's head is not asked for" .out '"unexpected":["lm_head.bias","lm_head.weight"]'
tap_has "so nothing can be recognised" .out '"programs":["serin-states","serin-train --init-model","serin-convert"]'

cp -r "$parity/hubert-layer" ctc
chmod -R u+w ctc
echo '{"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "|": 4, "A": 5, "B": 6}' > ctc/vocab.json
tap_ok "with a vocabulary" serin-info --json ctc
tap_has "it can" .out 'serin-recognize","serin-decode"'
tap_ok "a file in the folder" serin-info --json ctc/model.safetensors
tap_has "is the folder's" .out '"as":"HuBERT for CTC"'
sed -i 's/"num_hidden_layers": 2/"num_hidden_layers": 1/; s/"vocab_size": 7/"vocab_size": 8/; s/"hidden_size": 20/"hidden_size": 24/' ctc/config.json
tap_ok "another configuration" serin-info --json ctc
tap_has "fits not" .out '"fits":false'
tap_has "and is read by nobody" .out '"programs":[]'
tap_is "a tensor of another shape is named" "$(grep -c '"of_another_shape":\[[^]]*"hubert.encoder.layers.0.layer_norm.bias"' .out)" 1
tap_is "and one too many" "$(grep -c '"unexpected":\[[^]]*"hubert.encoder.layers.1.layer_norm.bias"' .out)" 1
sed -i 's/"num_hidden_layers": 1/"num_hidden_layers": 3/; s/"hidden_size": 24/"hidden_size": 20/' ctc/config.json
tap_ok "a layer too many" serin-info --json ctc
tap_is "is missing, all of it" "$(grep -o '"missing":\[[^]]*\]' .out | grep -o '"hubert.encoder.layers.2.[a-z_.]*"' | wc -l)" 16

tap_ok "a BERT" serin-info --json "$parity/bert"
tap_has "is read" .out '"programs":["serin-states","serin-train --init-bert","serin-convert"]'
tap_has "with its head" .out '"as":"BERT with its masked-word head"'
tap_has "and one that we have not" .out '"unexpected":["cls.seq_relationship.bias","cls.seq_relationship.weight"]'
for pair in 'zip.bin:PyTorch zip' 'legacy.bin:PyTorch legacy' 'fairseq.pt:PyTorch zip, of fairseq' 'sharded/pytorch_model.bin.index.json:PyTorch zip, sharded' \
  'sharded/model.safetensors.index.json:safetensors, sharded' sharded:safetensors,\ sharded; do
  tap_ok "${pair%%:*}" serin-info "$parity/torch/${pair%%:*}"
  tap_has "is ${pair#*:}" .out "format: ${pair#*:}"
done
tap_has "of no known model" .out "no config.json"

make_tones train 24 1
tap_ok "a model of serin-train's" serin-train --config="$top/tests/recipes/tones.conf" --epochs=1 train exp
tap_ok "is told" serin-info --json exp
tap_has "as that" .out "\"as\":\"serin-train's model\""
tap_has "whole" .out '"fits":true'
tap_is "with its labels" "$(grep -c '"serin.labels":"{\\"emotion\\"' .out)" 1
checkpoint=$(echo exp/checkpoints/checkpoint-*.safetensors | tr ' ' '\n' | tail -1)
tap_ok "its checkpoint" serin-info "$checkpoint"
tap_has "is what training goes on from" .out "serin-train --resume"

head -c 1000 "$file" > cut.safetensors
tap_refuses "half a file" "cut.safetensors: byte 0: a header of" serin-info cut.safetensors
head -c 4000 "$parity/torch/zip.bin" > cut.bin
tap_refuses "half a zip" "cut.bin" serin-info --json cut.bin
tap_is "of which nothing is told" "$(wc -c < .out)" 0
echo '<!DOCTYPE html><html>' > page.bin
tap_refuses "a web page" "page.bin: a web page" serin-info page.bin
tap_refuses "nothing" "absent: No such file" serin-info absent
echo '{"model_type": "hubert", "hidden_size": "wide"}' > ctc/config.json
tap_refuses "a broken configuration" 'ctc/config.json: "hidden_size" must be' serin-info ctc
echo '{' > ctc/config.json
tap_refuses "no JSON" "ctc/config.json:" serin-info ctc
tap_refuses "a full disk" "No space left" bash -c "serin-info '$parity/bert' > /dev/full"
tap_done
