#!/usr/bin/env perl
# groups.pl MODEL [FIRST …]: the groups of parameters of a model's safetensors; of those that one of the others has under the same
# name and shape, whether they are as there ("kept") or not ("learnt"), else "new". A group of which one tensor differs has learnt.
use strict;
use warnings;

sub tensors {
    my ($path) = @_;
    open my $in, '<:raw', $path or die "$path: $!";
    my $bytes = do { local $/; <$in> };
    my $n = unpack 'Q<', $bytes;
    my ($header, %t) = (substr $bytes, 8, $n);
    while ($header =~ /"([^"]+)":\s*\{[^{}]*?"data_offsets":\s*\[\s*(\d+),\s*(\d+)\s*\]/g) { $t{$1} = substr $bytes, 8 + $n + $2, $3 - $2 }
    return \%t;
}

# Layers of CTC and of the corrector have names of their own; what is not listed is a head or the fusion, by its first word.
sub group {
    my ($name) = @_;
    return 'adapters' if $name =~ /\.adapter\.|lora/;
    return 'convolutions' if $name =~ /^hubert\.feature_extractor/;
    return $name =~ /^lm_head/ ? 'ctc' : $name =~ /^(\w+)\./ ? $1 : $name;
}

my ($model, @first) = @ARGV;
my $here = tensors($model);
my %before;
for (@first) {
    my $t = tensors($_);
    for my $name (keys %$t) { $before{ $name =~ /^(hubert|bert|lm_head|fusion|emotion|gender|style|aec)\./ ? $name : "hubert.$name" } = $t->{$name} }
}
my %state;
for my $name (keys %$here) {
    next if $name =~ /^front\.|masked_spec_embed|pooler/;
    my $was = $before{$name} // ($name =~ /^aec\.encoder\.(.*)/ ? $before{"bert.$1"} : undef);   # which a corrector calls so
    my $now = !defined $was || length $was != length $here->{$name} ? 'new' : $was eq $here->{$name} ? 'kept' : 'learnt';
    my $g = group($name);
    $state{$g} = $now if !$state{$g} || $now eq 'learnt' || ($now eq 'new' && $state{$g} eq 'kept');
}
print join(' ', map { @first ? "$_:$state{$_}" : $_ } sort keys %state), "\n";
