#!/usr/bin/env bash
# Checkpoints and tokenizers as others write them: wrappers' names, tensors and keys that change what is computed, vocabularies of every
# kind, transformers 5's files.
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/recipes/tap.sh
. "${srcdir:-.}/tests/recipes/tap.sh"
PATH=$PWD/tests/recipes:$PATH
parity=$top/tests/parity
cd "$tap_dir" || exit 1
make_tones train 24 1 && make_tones test 4 2
mapfile -t wav < <(cut -d ' ' -f 2 test/wav.scp)
states() { serin-states "$1" scp:test/wav.scp "ark,t:$2"; }
retensor() { perl "$top/tests/recipes/retensor.pl" "$@"; }
with() {            # FOLDER KEY VALUE: in its config.json, in place of what is there
  perl -MJSON::PP -0pi -e 'BEGIN { ($k, $v) = splice @ARGV, 0, 2 } $j = decode_json $_; $j->{$k} = JSON::PP->new->allow_nonref->decode($v); $_ = encode_json $j' \
    "$2" "$3" "$1/config.json"
}
copy() { rm -rf "$2" && cp -r "$1" "$2" && chmod -R u+w "$2"; }
said() { sed -n 's/.*"transcript":"\([^"]*\)".*/\1/p' .out | head -n 1; }

# ---- names and tensors ---------------------------------------------------------------------------------------------

states "$parity/hubert-layer" plain.ark 2> /dev/null
for prefix in _orig_mod. module. model. base_model.model. module._orig_mod. model.base_model.model.; do
  copy "$parity/hubert-layer" wrapped
  retensor "$parity/hubert-layer/model.safetensors" wrapped/model.safetensors '$_->{name} = "'$prefix'$_->{name}" for @t'
  tap_ok "names that begin with $prefix" states wrapped wrapped.ark
  tap_ok "give the same states" cmp plain.ark wrapped.ark
done
tap_has "are told" <(serin-info wrapped 2> /dev/null) 'names without "model.base_model.model."'
retensor "$parity/hubert-layer/model.safetensors" wrapped/model.safetensors '$_->{name} = "module.$_->{name}" for @t[1 .. $#t]'
tap_refuses "but not when one does not" "missing" states wrapped none.ark

copy "$parity/hubert-layer" lora
retensor "$parity/hubert-layer/model.safetensors" lora/model.safetensors \
  'push @t, { name => "hubert.encoder.layers.0.attention.q_proj.lora_$_.weight", dtype => "F32", shape => "[1,20]", data => "\0" x 80 } for "A", "B"'
echo '{"[PAD]": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "|": 4, "A": 5, "B": 6}' > lora/vocab.json
tap_refuses "LoRA that was not merged" 'encoder.layers.0.attention.q_proj.lora_A.weight' states lora none.ark
tap_refuses "in every program" 'inside the encoder that nothing reads' serin-recognize lora "${wav[0]}"
tap_refuses "also as a beginning" 'inside the encoder that nothing reads' serin-train --config="$top/tests/recipes/tones.conf" \
  --front-end=conv --init-model=lora train exp
tap_refuses "or to be handed on" 'inside the encoder that nothing reads' serin-convert lora out
tap_has "serin-info tells" <(serin-info --json lora 2> /dev/null) '"fits":false'
retensor "$parity/hubert-layer/model.safetensors" lora/model.safetensors \
  'push @t, { name => "strange.weight", dtype => "F32", shape => "[1]", data => "\0" x 4 }'
tap_ok "a tensor of nothing we know" serin-recognize lora "${wav[0]}"
tap_has "is told" .err '1 tensor no part of the model reads: "strange.weight"'
tap_ok "also for states" states lora strange.ark
tap_has "is told" .err 'strange.weight'
retensor "$parity/hubert-layer/model.safetensors" lora/model.safetensors \
  'push @t, { name => "hubert.encoder.layers.9.final_layer_norm.bias", dtype => "F32", shape => "[1]", data => "\0" x 4 }'
tap_ok "a layer more than config.json has" states lora layer.ark
tap_has "is told" .err 'no part of the model reads: "hubert.encoder.layers.9.final_layer_norm.bias"'

# ---- keys ----------------------------------------------------------------------------------------------------------

for key in 'add_adapter true' 'adapter_attn_dim 16' 'conv_pos_batch_norm true' 'quantization_config {"bits":4}' 'pruned_heads {"0":[1]}' \
  'hidden_act "relu"' 'feat_extract_activation "relu"' 'model_type "wavlm"' 'num_feat_extract_layers 6'; do
  copy "$parity/hubert-layer" keys
  with keys "${key%% *}" "${key#* }"
  tap_refuses "${key%% *}" "${key%% *}" states keys none.ark
done
for key in 'is_decoder true' 'add_cross_attention true' 'position_embedding_type "relative_key"' 'hidden_act "gelu_new"' 'pruned_heads {"1":[0]}'; do
  copy "$parity/bert" keys
  with keys "${key%% *}" "${key#* }"
  tap_refuses "BERT's ${key%% *}" "${key%% *}" serin-states keys test/text ark:none.ark
done
copy "$parity/hubert-layer" keys
with keys unknown 1000000000000000019884624838656
tap_ok "an integer of 31 digits" states keys keys.ark
tap_ok "changes nothing" cmp plain.ark keys.ark
printf '\xef\xbb\xbf' | cat - "$parity/hubert-layer/config.json" > keys/config.json
tap_refuses "a byte order mark" "byte order mark" states keys none.ark

# ---- the waveform --------------------------------------------------------------------------------------------------

copy "$parity/hubert-layer" raw
echo '{"do_normalize": false}' > raw/preprocessor_config.json
states raw raw.ark 2> /dev/null
rm raw/preprocessor_config.json
echo '{"processor_class": "Wav2Vec2Processor", "feature_extractor": {"do_normalize": false, "sampling_rate": 16000}}' > raw/processor_config.json
tap_ok "processor_config.json" states raw five.ark
tap_ok "counts" cmp raw.ark five.ark
tap_ok "and differs from none" bash -c '! cmp -s raw.ark plain.ark'
tap_ok "goes along" serin-convert raw raw-out
tap_ok "to the same states" states raw-out out.ark
tap_ok "there" cmp raw.ark out.ark
sed -i 's/16000/8000/' raw/processor_config.json
tap_refuses "another rate" "processor_config.json: sampling_rate is 8000" states raw none.ark
echo '{"feature_extractor": {"feature_extractor_type": "SeamlessM4TFeatureExtractor"}}' > raw/processor_config.json
tap_refuses "other features" "SeamlessM4TFeatureExtractor" states raw none.ark

# ---- vocabularies --------------------------------------------------------------------------------------------------

copy "$parity/hubert-layer" ctc
echo '{"[PAD]": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "|": 4, "A": 5, "B": 6}' > ctc/vocab.json
serin-recognize ctc "${wav[@]}" > .out 2> /dev/null
words=$(said)
tap_ok "words to compare with" test -n "$words"
copy ctc added
echo '{"[PAD]": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "|": 4}' > added/vocab.json
echo '{"A": 5, "B": 6}' > added/added_tokens.json
tap_ok "added_tokens.json" serin-recognize added "${wav[@]}"
tap_is "the same words" "$(said)" "$words"
rm added/added_tokens.json
echo '{"added_tokens_decoder": {"5": {"content": "A"}, "6": {"content": "B"}}, "model_max_length": 1000000000000000019884624838656}' \
  > added/tokenizer_config.json
tap_ok "added_tokens_decoder" serin-recognize added "${wav[@]}"
tap_is "the same words" "$(said)" "$words"
rm added/tokenizer_config.json
echo '{"[PAD]": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "|": 4, "A": 5}' > added/vocab.json
tap_ok "a head that is wider than its vocabulary" serin-recognize added "${wav[@]}"
tap_is "leaves out what has no name" "$(said)" "$(tr -d B <<< "$words" | tr -s ' ' | sed 's/^ //; s/ $//')"
tap_ok "and is a beginning" serin-convert --to=serin added added-ours
tap_ok "that says the same" serin-recognize added-ours "${wav[@]}"
tap_is "words" "$(said)" "$(tr -d B <<< "$words" | tr -s ' ' | sed 's/^ //; s/ $//')"
tap_ok "nor does a second stage of it lack an output" serin-train --stage=2 --init-model=added --lambda-ctc=0 --adapter-dim=4 --bin-masks=0 \
  --time-masks=0 --speed=0 --max-updates=1 --learning-rate=0 --decay=0 --average=none train second
tap_ok "which recognises" serin-recognize second "${wav[@]}"
tap_is "what it did" "$(said)" "$(tr -d B <<< "$words" | tr -s ' ' | sed 's/^ //; s/ $//')"
with added vocab_size 5
tap_refuses "a vocab_size that is wrong" "vocab_size is 5, but" serin-recognize added "${wav[0]}"
copy ctc pad
with pad pad_token_id 3
tap_refuses "a blank that is not <pad>" 'pad_token_id, the blank of CTC, is 3, but "[PAD]" is 0' serin-recognize pad "${wav[0]}"
copy ctc phones
echo '{"tokenizer_class": "Wav2Vec2PhonemeCTCTokenizer", "pad_token": "[PAD]", "word_delimiter_token": null}' > phones/tokenizer_config.json
tap_ok "phones" serin-recognize phones "${wav[@]}"
tap_is "stand apart" "$(said)" "$(sed 's/ /|/g; s/./& /g; s/ $//' <<< "$words")"
echo '{"tokenizer_class": "WhisperTokenizer"}' > phones/tokenizer_config.json
tap_refuses "another class" '"WhisperTokenizer"' serin-recognize phones "${wav[0]}"
tap_ok "n best" serin-recognize --beam=100 --nbest=20 ctc "${wav[0]}"
tap_is "no text twice" "$(grep -o '"transcript":"[^"]*"' .out | tail -n +2 | sort | uniq -d)" ""

# ---- BERT ----------------------------------------------------------------------------------------------------------

# A cased one that has no vocab.txt.
copy "$parity/bert" bert
{
  printf '{"added_tokens": [], "normalizer": {"type": "BertNormalizer", "lowercase": false}, "pre_tokenizer": {"type": "BertPreTokenizer"}, "model": {"type": "WordPiece", "unk_token": "[UNK]", "vocab": {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4'
  n=5
  for c in $(cut -d ' ' -f 2- train/text | fold -w 1 | sort -u | tr -d ' ' | head -n 10); do printf ', "%s": %d, "##%s": %d' "$c" $n "$c" $((n + 1)); n=$((n + 2)); done
  printf '}}}\n'
} > bert/tokenizer.json
size=$(grep -o '"vocab_size": *[0-9]*' bert/config.json | grep -o '[0-9]*$')
tap_ok "its states" serin-states bert test/text ark,t:bert.ark
tap_ok "it may begin a model" serin-train --config="$top/tests/recipes/tones.conf" --epochs=1 --input=both --fusion-heads=2 --train-text=noisy \
  --init-bert=bert --pieces=bert/tokenizer.json train exp-bert
tap_ok "which keeps its rules" grep -q '"lowercase": false' exp-bert/tokenizer.json
tap_ok "and no vocab.txt" test ! -e exp-bert/vocab.txt
tap_ok "which decodes" serin-decode exp-bert test decoded
tap_ok "of $size words" test -n "$size"
tap_done
