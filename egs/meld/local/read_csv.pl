#!/usr/bin/env perl
# MELD's three csv files as Kaldi's tables: utt2spk utt2emo utt2gender utt2fold utt2dialogue and the text as it stands, sorted; "clips" says which
# clip of which split an utterance is; "counts" and "problems" what was found and left out.
use strict;
use warnings;
use File::Basename qw(basename);

my $usage = "Usage: local/read_csv.pl <known_bad.txt> <genders.txt> <train.csv> <dev.csv> <test.csv> <folder>\n";
my ($bad_list, $gender_list, @csv) = @ARGV == 6 ? @ARGV : die $usage;
my $dir = pop @csv;
my @columns = ('Sr No.', qw(Utterance Speaker Emotion Sentiment Dialogue_ID Utterance_ID Season Episode StartTime EndTime));
my %known = map { $_ => 1 } qw(anger disgust fear joy neutral sadness surprise);

sub fail { print STDERR "local/read_csv.pl: $_[0]\n"; exit 1 }
sub lines { my ($path) = @_; open(my $in, '<', $path) or fail("$path: $!"); return grep { !/^#|^\s*$/ } map { s/\r?\n$//r } <$in> }

my (%bad, %gender, %out, %count, %seen);
for (lines($bad_list)) {
    my ($split, $clip, $policy, $reason) = /^(train|dev|test) (\S+) (drop|keep) (.+)/
        or fail("$bad_list: expected a split, a clip, drop or keep, and the reason, found \"$_\"");
    $bad{"$split $clip"} = [$policy, $reason];
}
for (lines($gender_list)) { /^(.*) ([mf])$/ or fail("$gender_list: expected a name and m or f, found \"$_\""); $gender{$1} = $2 }

# Records of a csv file (RFC 4180): quoted fields may hold commas, line ends and doubled quotes.
sub records {
    my ($path) = @_;
    open(my $in, '<:raw', $path) or fail("$path: $!");
    my $text = do { local $/; <$in> };
    $text =~ s/^\xef\xbb\xbf//;
    my (@records, @fields);
    my $line = my $begins = 1;
    pos($text) = 0;
    while (pos($text) < length $text) {
        if ($text =~ /\G"((?:[^"]|"")*)"(?=,|\r?\n|\z)/gc) { my $f = $1; $line += ($f =~ tr/\n//); push @fields, $f =~ s/""/"/gr }
        elsif ($text =~ /\G([^",\r\n][^,\r\n]*|)(?=,|\r?\n|\z)/gc) { push @fields, $1 }
        else { fail("$path:$line: no csv from here on: \"" . substr($text, pos $text, 40) . '"') }
        next if $text =~ /\G,/gc;
        $text =~ /\G\r?\n/gc;
        push @records, [$begins, @fields] if @fields > 1 || length $fields[0];
        @fields = ();
        $begins = ++$line;
    }
    return @records;
}

# A speaker as the beginning of a key: letters, digits and _.
sub key_of {
    my ($name) = @_;
    $name =~ s/\xe2\x80\x99|'//g;
    $name =~ s/[^A-Za-z0-9]+/_/g;
    $name =~ s/^_|_$//g;
    return length $name ? $name : 'unknown';
}

for my $split (qw(train dev test)) {
    my $path = shift @csv;
    my ($head, @rows) = records($path);
    shift @$head;
    fail("$path:1: expected the columns @columns, found @$head") if "@$head" ne "@columns";
    for my $row (@rows) {
        my ($at, %r) = (shift @$row);
        fail("$path:$at: expected " . @columns . ' fields, found ' . @$row) if @$row != @columns;
        @r{@columns} = @$row;
        fail("$path:$at: no numbers of a dialogue and an utterance: $r{Dialogue_ID}, $r{Utterance_ID}")
            if "$r{Dialogue_ID} $r{Utterance_ID}" !~ /^\d+ \d+$/;
        fail("$path:$at: \"$r{Emotion}\" is none of the emotions " . join ' ', sort keys %known) if !$known{ $r{Emotion} };
        my $clip = "dia$r{Dialogue_ID}_utt$r{Utterance_ID}";
        fail("$path:$at: $clip was there before, on line $seen{\"$split $clip\"}") if $seen{"$split $clip"};
        $seen{"$split $clip"} = $at;
        $count{"$split all"}++;
        $count{"$split $r{Emotion}"}++;
        my $what = $bad{"$split $clip"};
        if ($what) {
            push @{ $out{problems} }, "$split-$clip " . ($what->[0] eq 'drop' ? 'left out: ' : 'kept: ') . $what->[1];
            next if $what->[0] eq 'drop';
        }
        my $speaker = key_of($r{Speaker});
        my $utt = "$speaker-${split}_$clip";
        (my $text = $r{Utterance}) =~ s/[\x00-\x20]+|\xc2[\x80-\xa0]/ /g;
        $text =~ s/^ | $//g;
        my $gender = $gender{ $r{Speaker} } // '-';
        push @{ $out{text} }, length $text ? "$utt $text" : $utt;
        push @{ $out{utt2spk} }, "$utt $speaker";
        push @{ $out{utt2emo} }, "$utt $r{Emotion}";
        push @{ $out{utt2gender} }, "$utt $gender";
        push @{ $out{utt2fold} }, "$utt $split";
        push @{ $out{utt2dialogue} }, "$utt ${split}_dia$r{Dialogue_ID}";
        push @{ $out{clips} }, "$utt $split $clip";
        $count{"$split used"}++;
        $count{"gender $gender"}++;
    }
}
my @used = map { /^(\S+)/ } @{ $out{text} };
my %times;
$times{$_}++ for @used;
fail("keys that occur twice: " . join ' ', grep { $times{$_} > 1 } sort keys %times) if grep { $_ > 1 } values %times;
$out{counts} = [map { "$_ $count{$_}" } keys %count];
for my $table (keys %out) {
    open(my $f, '>', "$dir/$table") or fail("$dir/$table: $!");
    print $f map { "$_\n" } sort @{ $out{$table} };
    close($f) or fail("$dir/$table: $!");
}
