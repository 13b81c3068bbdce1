#!/usr/bin/env perl
# A tree in IEMOCAP's layout whose ids, labels and counts are the release's, made up by rule from the tables of
# egs/iemocap/conf/full_release.counts: nobody's recording and nobody's words. With --scale N every count is divided by N. The quirks of
# real copies are in it: CRs, leftovers of file managers, evaluators with two labels, dialogues with a suffix, texts of tags alone,
# transcripts without a label.
use strict;
use warnings;
use File::Path qw(make_path);

my $usage = "Usage: make_iemocap.pl [--scale N] <counts> <folder>\n";
my $scale = 1;
if (@ARGV && $ARGV[0] eq '--scale') { shift; $scale = shift }
my ($counts, $root) = @ARGV == 2 ? @ARGV : die $usage;

my %count;
open my $in, '<', $counts or die "$counts: $!";
while (<$in>) { $count{"$1 $2"} = $3 if /^(\S+) (\S+) (\d+)/ }

# Turns of each talker: the four classes by the table, the others one after the other over all talkers.
sub scaled { my $n = int($_[0] / $scale + 0.5); return $n || $scale == 1 ? $n : 1 }
my (%turns, $impro, $excited, $tags);
my @talkers = map { ("Ses0${_}F", "Ses0${_}M") } 1 .. 5;
for my $t (@talkers) {
    push @{ $turns{$t} }, ($_) x scaled($count{"talker-emotion $t-$_"}) for qw(ang hap neu sad);
}
($impro, $excited, $tags) = map { scaled($count{$_}) } 'style impro', 'labelled exc', 'text empty';
my $next = 0;
for my $label (qw(fru xxx sur fea oth dis)) {
    push @{ $turns{ $talkers[$next++ % 10] } }, $label for 1 .. scaled($count{"labelled $label"});
}

# Half a second of a tone that tells the emotion, with noise; linked, so that thousands take no room.
my %pitch = (neu => 200, ang => 400, hap => 600, exc => 600, sad => 120);
sub sound {
    my ($label) = @_;
    my $path = "$root/sounds/$label.wav";
    return $path if -e $path;
    srand 1;
    my $data = pack 's<*', map { 6000 * sin(6.2832 * ($pitch{$label} || 300) * $_ / 16000) + rand(2000) - 1000 } 1 .. 8000;
    put($path, 'RIFF' . pack('V', 36 + length $data) . 'WAVEfmt ' . pack('VvvVVvv', 16, 1, 1, 16000, 32000, 2, 16) .
        'data' . pack('V', length $data) . $data);
    return $path;
}

my %text;
sub put {
    my ($path, $bytes, $how) = @_;
    (my $dir = $path) =~ s{/[^/]*$}{};
    make_path($dir);
    open my $out, $how // '>', $path or die "$path: $!";
    binmode $out;
    print $out $bytes;
    close $out or die "$path: $!";
}

my %word = (neu => 'It is noon', ang => "Don't you dare", hap => 'This is great', sad => 'He is gone');
my (%number, %labels, %said);
for my $t (@talkers) {
    my ($session, $sex) = $t =~ /Ses0(\d)(.)/;
    my $i = 0;
    for my $label (@{ $turns{$t} }) {
        my $class = $label;
        my $four = $label =~ /^(ang|hap|neu|sad)$/;
        my $style = $four ? ($impro-- > 0 ? 'impro' : 'script') : $i % 2 ? 'impro' : 'script';
        $label = 'exc' if $label eq 'hap' && $excited-- > 0;
        my $wears = $i % 2 ? 'F' : 'M';
        my $d = int($i++ / 60);
        my $dialogue = "Ses0$session$wears\_$style" . sprintf('%02d', $d + 1) . ($style eq 'script' ? '_1' : '');
        $dialogue .= 'a' if $session == 3 && $style eq 'impro' && $d % 3 == 1;
        $dialogue .= 'b' if $session == 5 && $style eq 'script' && $d % 3 == 1;
        my $id = sprintf '%s_%s%03d', $dialogue, $sex, $number{"$dialogue$sex"}++;
        my $wav = "$root/Session$session/sentences/wav/$dialogue";
        make_path($wav);
        my $sound = sound($label);
        link $sound, "$wav/$id.wav" or die "$wav/$id.wav: $!";
        my $eol = $session == 2 ? "\r\n" : "\n";
        my $time = sprintf '%.4f - %.4f', 10 * $i, 10 * $i + 0.5;
        my ($name, $other) = $label eq 'neu' ? ('Neutral', 'Frustration') : ('Anger', 'Neutral');
        $labels{"$session/$dialogue"} .= join $eol, "[$time]\t$id\t$label\t[2.5000, 2.5000, 2.5000]", "C-E2:\t$name;\t()",
            "C-E3:\t$name; $other;\t()", "A-E3:\tval 3; act 2; dom  2;\t()", '', '';
        my $tag = $four && $tags-- > 0;
        my $words = $tag ? '[LAUGHTER]' : ($word{$class} // 'Well') . ', number ' . ('one', 'two', 'three', 'four')[$i % 4] . '.';
        (my $span = $time) =~ s/ - /-/;
        $said{"$session/$dialogue"} .= "$id [$span]: $words$eol";
    }
}
for (sort keys %labels) {
    my ($session, $dialogue) = split m{/};
    my $eol = $session == 2 ? "\r\n" : "\n";
    my $dialog = "$root/Session$session/dialog";
    put("$dialog/EmoEvaluation/$dialogue.txt", "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]$eol$eol$labels{$_}");
    put("$dialog/transcriptions/$dialogue.txt", "${dialogue}_FXX0 [000.1000-000.2000]: Oh.$eol$said{$_}");
    put("$dialog/EmoEvaluation/Categorical/${dialogue}_e2_cat.txt", "$dialogue :Other; ()\n");
    put("$dialog/EmoEvaluation/._$dialogue.txt", "\0\5\x16\7");
    put("$root/Session$session/sentences/wav/$dialogue/._$dialogue.wav", "\0\5\x16\7");
    put("$root/Session$session/sentences/wav/$dialogue/.DS_Store", "\0\0\0\1Bud1");
}
