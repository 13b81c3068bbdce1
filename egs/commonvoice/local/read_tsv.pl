#!/usr/bin/env perl
# Tables of Common Voice's tsv files: wav.scp, text and utt2spk, sorted; a clip that two files have is taken once. A key is the
# client's first 16 digits and the clip's name.
use strict;
use warnings;

my $usage = "Usage: local/read_tsv.pl <most clips, 0: all> <clips folder> <new-dir> <tsv> …\n";
my ($most, $clips, $dir, @tsv) = @ARGV >= 4 ? @ARGV : die $usage;
sub fail { print STDERR "local/read_tsv.pl: $_[0]\n"; exit 1 }

my %line;
for my $path (@tsv) {
    open(my $in, '<', $path) or fail("$path: $!");
    my $head = <$in> // '';
    $head =~ s/\r?\n$//;
    my @name = split /\t/, $head;
    my %at = map { $name[$_] => $_ } 0 .. $#name;
    for (qw(client_id path sentence)) { fail("$path:1: no column $_; is it a table of Common Voice?") if !defined $at{$_} }
    while (<$in>) {
        s/\r?\n$//;
        my @f = split /\t/, $_, -1;
        fail("$path:$.: " . @f . ' fields, ' . @name . ' expected') if @f != @name;
        my ($client, $file, $text) = @f[@at{qw(client_id path sentence)}];
        fail("$path:$.: client \"$client\" and clip \"$file\" make no key") if "$client/$file" !~ m{^[\w-]+/[\w.-]+$};
        $file .= '.mp3' if $file !~ /\.\w+$/;
        (my $clip = $file) =~ s/\.\w+$//;
        $text =~ s/[\x00-\x20]+|\xc2[\x80-\xa0]/ /g;
        $text =~ s/^ | $//g;
        $line{ substr($client, 0, 16) . "-$clip" } = [substr($client, 0, 16), "$clips/$file", $text];
    }
}
my @keys = sort keys %line;
fail("no clip in @tsv") if !@keys;
# Spread evenly over the speakers, who stand together.
@keys = @keys[map { int $_ * @keys / $most } 0 .. $most - 1] if $most && $most < @keys;
my %table = ('utt2spk' => 0, 'wav.scp' => 1, 'text' => 2);
for my $name (keys %table) {
    open(my $out, '>', "$dir/$name") or fail("$dir/$name: $!");
    for (@keys) { my $v = $line{$_}[$table{$name}]; print $out length $v ? "$_ $v\n" : "$_\n" }
    close($out) or fail("$dir/$name: $!");
}
