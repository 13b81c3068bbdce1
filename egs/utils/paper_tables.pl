#!/usr/bin/env perl
# Prints tables in the layout of the paper: each measure of <exp-dir>/expNN/scores.json with its 95 % interval, and the
# paper's figure behind it; "-" where there is none. The last row is what always answering the most frequent label would get.
# Then the speaking styles by themselves (IEMOCAP's improvised part is what many publications score), and means and deviations: over
# folds, and over seeds where <exp-dir>/seedN/expNN is there. Below stands what was scored.
# Needs nothing but Perl's base package, so it reads JSON itself.
use strict;
use warnings;

my $usage = "Usage: utils/paper_tables.pl <tables, say 1,2,4> <exp-dir>\ne.g.:  utils/paper_tables.pl 1,2,3,4,5,6 exp\n";
my %measure = (UA => 'emotion/UA', WA => 'emotion/WA', F1 => 'emotion/WF1', WER => 'text/WER', gender => 'gender/UA',
    style => 'style/UA');
my ($tables, $exp) = @ARGV == 2 ? @ARGV : die $usage;
(my $layout = $0) =~ s/\.pl$/.txt/;
my @title;      # of the tables asked for
my %rows;       # by title
my %scored;     # experiments by what was scored
my @styles;     # rows of the utterances of a style alone
my @spread;     # rows of means and deviations

sub fail { print STDERR "$0: $_[0]\n"; exit 1 }

# ---- JSON --------------------------------------------------------------------------------------------------------------
# A value as Perl's; the text is $$t, read up to pos($$t).
sub value {
    my ($t, $path) = @_;
    if ($$t =~ /\G\s*\{\s*/gc) { return object($t, $path) }
    if ($$t =~ /\G\s*\[\s*/gc) {
        my @list;
        return \@list if $$t =~ /\G\]/gc;
        do { push @list, value($t, $path) } while $$t =~ /\G\s*,/gc;
        return \@list if $$t =~ /\G\s*\]/gc;
    } elsif ($$t =~ /\G\s*"((?:[^"\\]|\\.)*)"/gcs) {
        (my $text = $1) =~ s/\\(["\\\/])/$1/g;
        return $text;
    } elsif ($$t =~ /\G\s*(-?\d[\d.eE+-]*|true|false|null)/gc) {
        return $1;
    }
    fail(sprintf '%s: byte %d is no JSON', $path, pos($$t) // 0);
}

sub object {
    my ($t, $path) = @_;
    my %members;
    until ($$t =~ /\G\s*\}/gc) {
        $$t =~ /\G\s*,?\s*"([^"\\]*)"\s*:/gc or fail(sprintf '%s: byte %d: a member expected', $path, pos($$t) // 0);
        my $name = $1;
        $members{$name} = value($t, $path);
    }
    return \%members;
}

sub read_scores {
    my $path = shift;
    open my $f, '<', $path or return;
    my $text = do { local $/; <$f> };
    my $scores = value(\$text, $path);
    fail("$path: \"serin_scores\": 1 expected") unless ref $scores eq 'HASH' && ($scores->{serin_scores} // '') eq '1';
    return $scores;
}

# ---- rows --------------------------------------------------------------------------------------------------------------
sub place_of {          # scores, measure: its section, and its member there
    my ($scores, $name) = @_;
    my ($section, $member) = split m{/}, $measure{$name} // fail("$layout: \"$name\" is no measure");
    $section = 'corrected' if $section eq 'text' && $scores->{corrected};
    return ($section, $member);
}

sub ours {              # a measure
    my $m = shift;
    return defined $m->{value} ? sprintf '%.2f [%.2f, %.2f]', @{$m}{qw(value low high)} : '-';
}

sub cell {              # scores, measure, the paper's figure
    my ($scores, $name, $paper) = @_;
    my ($section, $member) = place_of($scores, $name);
    my $ours = ours($scores->{$section}{pooled}{$member});
    return $ours eq '-' && $paper eq '-' ? '-' : "$ours / $paper";
}

my @style_measures = qw(UA WA F1 WER);
sub add_styles {        # experiment, scores
    my ($n, $scores) = @_;
    for my $group (@{ $scores->{emotion}{groups} // [] }) {
        push @styles, [$n, "$group->{name}, $group->{utterances}", map {
            my ($section, $member) = place_of($scores, $_);
            my ($same) = grep { $_->{name} eq $group->{name} } @{ $scores->{$section}{groups} // [] };
            ours($same->{$member});
        } @style_measures];
    }
}

sub note {              # experiment, scores: what was scored, in one line
    my ($n, $scores) = @_;
    my $e = $scores->{emotion} or fail("$exp/exp$n/scores.json: no emotion in it");
    my $majority = $e->{majority};
    my $b = $e->{bootstrap} // {};
    my $drawn = ($b->{draws} // '') ne 'clusters' ? 'utterances'
        : "$b->{clusters} clusters of " . ($b->{table} =~ s{.*/}{}r) . ' and utterances in each'
        . ($b->{coarse} eq 'true' ? ', which are few: the intervals are coarse' : '');
    push @{ $scored{sprintf '%s: %d utterances of %s; always %s: UA %.2f, WA %.2f, F1 %.2f. Intervals draw %s',
        $scores->{corpus} || 'a corpus', $e->{pooled}{utterances},
        join(' ', map { $_->{name} } @{ $e->{folds} // [] }) || 'one part', $majority->{label},
        @{$majority}{qw(UA WA WF1)}, $drawn} }, $n + 0;
}

# Means and deviations, each "mean ± sd": of the folds as scores.json has them, and of the seeds' pooled values.
my @measures = qw(UA WA F1 WER gender style);
sub add_spread {        # experiment, scores of each seed
    my ($n, @scores) = @_;
    my ($folds, @of_folds, @of_seeds) = 0;
    for my $name (@measures) {
        my ($section, $member) = split m{/}, $measure{$name};
        my $s = $scores[0]{$section}{spread}{$member};
        $folds = $s->{n} if $s && $s->{n} > $folds;
        push @of_folds, $s && $s->{n} > 1 ? sprintf '%.2f ± %.2f', @{$s}{qw(mean sd)} : '-';
        my @value = map { $_->{$section}{pooled}{$member}{value} // () } @scores;
        my ($mean, $square) = (0, 0);
        $mean += $_ / @value for @value;
        $square += ($_ - $mean) ** 2 for @value;
        push @of_seeds, @value > 1 ? sprintf '%.2f ± %.2f', $mean, sqrt($square / (@value - 1)) : '-';
    }
    push @spread, [$n, "$folds folds", @of_folds] if $folds > 1;
    push @spread, [$n, @scores . ' seeds', @of_seeds] if @scores > 1;
}

# What always answering the most frequent label would get, from the first experiments of a table that tell it.
sub majority_row {      # names of measures, scores
    my ($names, @scores) = @_;
    my ($label) = map { $_->{emotion}{majority}{label} // () } @scores or return;
    my @values = map {
        my ($section, $member) = split m{/}, $measure{$_};
        my ($value) = map { $_->{$section}{majority}{$member} // () } @scores;
        defined $value ? sprintf '%.2f', $value : '-';
    } @$names;
    return ['', "always $label", @values];
}

my @seeds;              # their folders
if (opendir my $d, $exp) { @seeds = map { "$exp/$_" } sort grep { /^seed/ } readdir $d }
my %scores;             # by experiment, of each seed; <exp-dir> itself has seed 1
sub scores_of {         # experiment
    my $n = shift;
    return $scores{$n} if $scores{$n};
    my $id = sprintf '%02d', $n;
    my @all = map { read_scores($_) // () } "$exp/exp$id/scores.json", map { "$_/exp$id/scores.json" } @seeds;
    if (@all) {
        note($id, $all[0]);
        add_styles($n, $all[0]);
        add_spread($n, @all);
    }
    return $scores{$n} = \@all;
}

sub row {               # experiment, parts, names of measures, the paper's figures
    my ($n, $parts, $names, $paper) = @_;
    my $scores = scores_of($n)->[0];
    return [$n, $parts, map { cell($scores, $names->[$_], $paper->[$_]) } 0 .. $#$names];
}

open my $in, '<', $layout or fail("$layout: $!");
my ($now, @names);
while (<$in>) {
    next if /^#|^\s*$/;
    chomp;
    my @field = split /\s*\|\s*/;
    next if $field[0] eq 'compare';
    if ($field[0] =~ /^Table (\d+)/) {
        $now = ",$tables," =~ /[, ]$1[, ]/ ? $field[0] : undef;
        @names = split ' ', $field[1];
        push @title, $now if defined $now;
        $rows{$now} = [['exp', 'parts', @names]] if defined $now;
    } elsif (defined $now) {
        my @paper = split ' ', $field[2];
        fail("$layout:$.: " . @paper . ' figures, ' . @names . ' expected') unless @paper == @names;
        push @{ $rows{$now} }, row($field[0], $field[1], \@names, \@paper);
    }
}
fail("no table is among \"$tables\"; there are 1 to 8") unless @title;

for my $t (@title) {
    my ($head, @rest) = @{ $rows{$t} };
    push @{ $rows{$t} }, majority_row([@{$head}[2 .. $#$head]], map { @{ scores_of($_->[0]) } } @rest) // ();
}

# ---- printing ----------------------------------------------------------------------------------------------------------
sub width { my $t = shift; return length($t) - ($t =~ tr/\xc2//) }     # "±" is two bytes

sub print_table {       # title, rows
    my ($t, @rows) = @_;
    my @width;
    for my $r (@rows) {
        for (0 .. $#$r) { $width[$_] = width($r->[$_]) if width($r->[$_]) > ($width[$_] // 0) }
    }
    print "$t\n\n";
    for my $r (@rows) {
        print '| ', join(' | ', map { $r->[$_] . ' ' x ($width[$_] - width($r->[$_])) } 0 .. $#$r), " |\n";
        print '|', join('|', map { '-' x ($_ + 2) } @width), "|\n" if $r == $rows[0];
    }
    print "\n";
}

print_table($_, @{ $rows{$_} }) for @title;
print_table('Styles by themselves', ['exp', 'style, utterances', @style_measures], @styles) if @styles;
print_table('Mean and standard deviation', ['exp', 'over', @measures], @spread) if @spread;
print "Ours [95 % interval] / the paper's, in percent.\n";
print "Experiment", @{ $scored{$_} } > 1 ? 's' : '', " @{ $scored{$_} }, $_.\n"
    for sort { $scored{$a}[0] <=> $scored{$b}[0] } keys %scored;
