#!/usr/bin/env perl
# Two folders as Hugging Face publishes them, of random weights: <folder>/hubert, laid out as HuBERT large (layer norm in the
# convolutions, pre-norm), and <folder>/bert, as uncased BERT with its vocab.txt. Sizes of tens, so that an experiment takes a second.
use strict;
use warnings;
use File::Path qw(make_path);

my ($root) = @ARGV == 1 ? @ARGV : die "Usage: make_weights.pl <folder>\n";
my ($width, $inner, $layers, $heads) = (16, 32, 2, 2);
srand 1;

sub put {
    my ($path, $bytes) = @_;
    open my $out, '>:raw', $path or die "$path: $!";
    print $out $bytes;
    close $out or die "$path: $!";
}

# Normal numbers, in pairs by Box and Muller.
sub normal {
    my ($n, $sd) = @_;
    my @x;
    while (@x < $n) {
        my ($r, $a) = ($sd * sqrt(-2 * log(1 - rand)), 6.283185307 * rand);
        push @x, $r * cos $a, $r * sin $a;
    }
    return @x[0 .. $n - 1];
}

# safetensors: the length of the header, the header, the numbers. Tensors are [name, size, size, ...].
sub store {
    my ($path, @tensors) = @_;
    my ($data, @entries) = ('');
    for (sort { $a->[0] cmp $b->[0] } @tensors) {
        my ($name, @shape) = @$_;
        my ($n, $begin) = (1, length $data);
        $n *= $_ for @shape;
        my @x = $name =~ /(norm\.weight|weight_g)$/i ? (1) x $n : $name =~ /bias$/ ? (0) x $n : normal($n, 0.2);
        $data .= pack 'f<*', @x;
        push @entries, sprintf '"%s":{"dtype":"F32","shape":[%s],"data_offsets":[%d,%d]}', $name, join(',', @shape), $begin, length $data;
    }
    my $header = '{"__metadata__":{"format":"pt"},' . join(',', @entries) . '}';
    $header .= ' ' x (-length($header) % 8);
    put($path, pack('Q<', length $header) . $header . $data);
}

sub affine { my ($name, $out, $in) = @_; return (["$name.weight", $out, $in], ["$name.bias", $out]) }
sub norm { my ($name) = @_; return (["$name.weight", $_[1] // $width], ["$name.bias", $_[1] // $width]) }

make_path("$root/hubert", "$root/bert");

# ---- HuBERT, with the published kernels and strides: 320 samples a frame
my ($channels, $kernel, $groups) = (8, 16, 4);
my @conv = ([10, 5], ([3, 2]) x 4, ([2, 2]) x 2);
my @hubert = (['masked_spec_embed', $width], norm('feature_projection.layer_norm', $channels),
    affine('feature_projection.projection', $width, $channels), ['encoder.pos_conv_embed.conv.bias', $width],
    ['encoder.pos_conv_embed.conv.weight_g', 1, 1, $kernel],
    ['encoder.pos_conv_embed.conv.weight_v', $width, $width / $groups, $kernel], norm('encoder.layer_norm'));
for my $i (0 .. $#conv) {
    my $name = "feature_extractor.conv_layers.$i";
    push @hubert, ["$name.conv.weight", $channels, $i ? $channels : 1, $conv[$i][0]], ["$name.conv.bias", $channels],
        norm("$name.layer_norm", $channels);
}
for (map { "encoder.layers.$_" } 0 .. $layers - 1) {
    my $layer = $_;
    push @hubert, (map { affine("$layer.attention.${_}_proj", $width, $width) } qw(k v q out)), norm("$layer.layer_norm"),
        affine("$layer.feed_forward.intermediate_dense", $inner, $width),
        affine("$layer.feed_forward.output_dense", $width, $inner), norm("$layer.final_layer_norm");
}
store("$root/hubert/model.safetensors", @hubert);
my ($dims, $kernels, $strides) = map { join ', ', @$_ } [($channels) x @conv], [map { $_->[0] } @conv], [map { $_->[1] } @conv];
put("$root/hubert/config.json", <<"JSON");
{
  "activation_dropout": 0.0, "apply_spec_augment": true, "architectures": ["HubertModel"], "attention_dropout": 0.1,
  "bos_token_id": 1, "conv_bias": true, "conv_dim": [$dims], "conv_kernel": [$kernels], "conv_stride": [$strides],
  "ctc_loss_reduction": "sum", "ctc_zero_infinity": false, "do_stable_layer_norm": true, "eos_token_id": 2,
  "feat_extract_activation": "gelu", "feat_extract_norm": "layer", "feat_proj_dropout": 0.1, "feat_proj_layer_norm": true,
  "final_dropout": 0.1, "hidden_act": "gelu", "hidden_dropout": 0.1, "hidden_size": $width, "initializer_range": 0.02,
  "intermediate_size": $inner, "layer_norm_eps": 1e-05, "layerdrop": 0.1, "mask_feature_length": 10, "mask_feature_prob": 0.0,
  "mask_time_length": 10, "mask_time_prob": 0.05, "model_type": "hubert", "num_attention_heads": $heads,
  "num_conv_pos_embedding_groups": $groups, "num_conv_pos_embeddings": $kernel, "num_feat_extract_layers": ${\ scalar @conv},
  "num_hidden_layers": $layers, "pad_token_id": 0, "torch_dtype": "float32", "vocab_size": 32
}
JSON
put("$root/hubert/preprocessor_config.json", <<'JSON');
{ "do_normalize": true, "feature_extractor_type": "Wav2Vec2FeatureExtractor", "feature_size": 1, "padding_side": "right",
  "padding_value": 0, "return_attention_mask": true, "sampling_rate": 16000 }
JSON

# ---- BERT, whose pieces are single letters, in front of a word and inside
my @pieces = ('[PAD]', (map { "[unused$_]" } 0 .. 9), qw([UNK] [CLS] [SEP] [MASK]), split(//, q(!',-.?)), 0 .. 9, 'a' .. 'z',
    map { "##$_" } 0 .. 9, 'a' .. 'z');
my ($vocabulary, $positions) = (scalar @pieces, 128);
my @bert = (['bert.embeddings.word_embeddings.weight', $vocabulary, $width],
    ['bert.embeddings.position_embeddings.weight', $positions, $width],
    ['bert.embeddings.token_type_embeddings.weight', 2, $width], norm('bert.embeddings.LayerNorm'),
    affine('bert.pooler.dense', $width, $width), ['cls.predictions.bias', $vocabulary],
    affine('cls.predictions.transform.dense', $width, $width), norm('cls.predictions.transform.LayerNorm'));
for (map { "bert.encoder.layer.$_" } 0 .. $layers - 1) {
    my $layer = $_;
    push @bert, (map { affine("$layer.attention.$_", $width, $width) } qw(self.query self.key self.value output.dense)),
        norm("$layer.attention.output.LayerNorm"), affine("$layer.intermediate.dense", $inner, $width),
        affine("$layer.output.dense", $width, $inner), norm("$layer.output.LayerNorm");
}
store("$root/bert/model.safetensors", @bert);
put("$root/bert/vocab.txt", join '', map { "$_\n" } @pieces);
put("$root/bert/tokenizer_config.json", qq({"do_lower_case": true}\n));
put("$root/bert/config.json", <<"JSON");
{
  "architectures": ["BertForMaskedLM"], "attention_probs_dropout_prob": 0.1, "gradient_checkpointing": false,
  "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "hidden_size": $width, "initializer_range": 0.02, "intermediate_size": $inner,
  "layer_norm_eps": 1e-12, "max_position_embeddings": $positions, "model_type": "bert", "num_attention_heads": $heads,
  "num_hidden_layers": $layers, "pad_token_id": 0, "position_embedding_type": "absolute", "transformers_version": "4.6.0.dev0",
  "type_vocab_size": 2, "use_cache": true, "vocab_size": $vocabulary
}
JSON
