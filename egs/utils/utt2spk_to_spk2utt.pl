#!/usr/bin/env perl
# From "utterance speaker" lines to "speaker utterance utterance …" lines, speakers in the order they first come.
use strict;
use warnings;

my (%utts, @speakers);
while (<>) {
    my @field = split;
    die "$ARGV:$.: expected an utterance and its speaker, found \"@field\"\n" if @field != 2;
    push @speakers, $field[1] if !$utts{$field[1]};
    push @{$utts{$field[1]}}, $field[0];
}
print "$_ @{$utts{$_}}\n" for @speakers;
