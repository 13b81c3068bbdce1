#!/usr/bin/env perl
# Runs a command, or JOB=1:N numbered copies of it, on this machine, each with its own log; takes the command line of
# Kaldi's run.pl, so that cmd.sh can name slurm.pl or queue.pl instead. The log begins with the command and
# "# Started at", ends with "# Accounting: time=…" and "# Ended (code 0) at …".
use strict;
use warnings;
use IO::Handle;
use POSIX qw(setpgid strftime);
use File::Basename qw(basename dirname);
use File::Path qw(make_path);

my $usage = <<'END';
Usage: run.pl [options] [JOB=1:N] <log-file> <command> [arguments]
e.g.:  run.pl --max-jobs-run 2 JOB=1:4 exp/log/copy.JOB.log serin-copy-audio data/wav.JOB.scp data/out.JOB.scp
An argument without spaces reaches the shell as it is ('|' and '>' work), one with spaces is quoted.
Options:
  --max-jobs-run N   copies at once [processors / threads]
  --num-threads N    threads of a copy: sets OMP_NUM_THREADS [unset]
  --follow true      show each line the commands print as it comes, behind the name of its log
  --mem X, --time X, --gpu N and any other --name value of a cluster's runner are accepted and have no effect
END

my ($max_jobs, $threads, $follow) = (0, 0, 'false');
while (@ARGV >= 2 && $ARGV[0] =~ /^-/) {
    my ($switch, $value) = (shift, undef);
    if ($switch =~ /^(--?[^=]+)=(.*)$/s) { ($switch, $value) = ($1, $2) } else { $value = shift }
    $switch =~ tr/_/-/;
    if    ($switch =~ /^(--max-jobs-run|-tc)$/) { $max_jobs = whole($switch, $value) }
    elsif ($switch eq '--num-threads')          { $threads = whole($switch, $value) }
    elsif ($switch eq '--follow')               { $follow = $value }
}
my ($name, $first, $last) = ('', 1, 1);
if (@ARGV && $ARGV[0] =~ /^([A-Za-z_]\w*)=(\d+)(?::(\d+))?$/) {
    ($name, $first, $last) = ($1, $2, defined $3 ? $3 : $2);
    fail("no job in $ARGV[0]") if $first > $last;
    shift;
}
if (@ARGV < 2) { print STDERR $usage; exit 1 }
my $log = shift;
fail("the log file $log does not contain $name, so $name=$first:$last would share it")
    if $first < $last && index($log, $name) < 0;
my $command = join ' ', map { /^\S+$/ ? $_ : /"/ ? "'$_'" : "\"$_\"" } @ARGV;

if (!$max_jobs) {
    my $processors = `nproc 2>/dev/null` || 1;
    $max_jobs = int($processors / ($threads || 1)) || 1;
}
$ENV{OMP_NUM_THREADS} = $threads if $threads;

my (%running, %failed);     # process -> job, job -> log
$SIG{INT} = $SIG{TERM} = $SIG{HUP} = sub {
    print STDERR "run.pl: stopped by SIG$_[0], and what it runs with it\n";
    kill 'TERM', map { -$_ } keys %running;
    exit 130;
};
for my $job ($first .. $last) {
    reap(0) while keys %running >= $max_jobs;
    defined(my $pid = fork) or fail("cannot fork: $!");
    if (!$pid) { setpgid(0, 0); exit run_job($job) }
    setpgid($pid, $pid);
    $running{$pid} = $job;
}
reap(0) while %running;

if (my @jobs = sort { $a <=> $b } keys %failed) {
    (my $logs = $log) =~ s/\Q$name\E/*/g if $name;
    print STDERR $first == $last ? "run.pl: job failed, log is in $failed{$jobs[0]}\n"
        : sprintf("run.pl: %d / %d failed, log is in %s\n", scalar @jobs, $last - $first + 1, $logs);
    print STDERR tail($failed{$jobs[0]});
    exit 1;
}
exit 0;

sub fail { print STDERR "run.pl: $_[0]\n"; exit 1 }

sub whole {
    my ($switch, $value) = @_;
    fail("$switch takes a whole number above 0, found \"$value\"") if $value !~ /^[1-9]\d{0,5}$/;
    return $value;
}

sub numbered {
    my ($text, $job) = @_;
    $text =~ s/\Q$name\E/$job/g if $name;
    return $text;
}

# Waits until one job has ended.
sub reap {
    my $pid = waitpid(-1, 0);
    return if $pid <= 0 || !exists $running{$pid};
    my $job = delete $running{$pid};
    $failed{$job} = numbered($log, $job) if $?;
}

# In the job's own process: the log's head, the command, the log's foot. Returns the exit code.
sub run_job {
    my ($job) = @_;
    my ($path, $line) = (numbered($log, $job), numbered($command, $job));
    my $started = time;

    $SIG{INT} = $SIG{TERM} = $SIG{HUP} = 'DEFAULT';
    eval { make_path(dirname($path)); 1 } or fail("cannot make the directory of $path");
    open(my $out, '>', $path) or fail("cannot write $path: $!");
    $out->autoflush(1);
    (my $shown = $line) =~ s/\n/\n# /g;
    print $out "# $shown\n# Started at ", now(), "\n#\n";

    pipe(my $from, my $to) or fail("cannot make a pipe: $!");
    defined(my $pid = fork) or fail("cannot fork: $!");
    if (!$pid) {
        open(STDIN, '<', '/dev/null');
        open(STDOUT, '>&', $to);
        open(STDERR, '>&', $to);
        exec 'bash', '-c', "set -e -o pipefail; ( $line\n)";
        exit 127;
    }
    close($to);
    while (my $part = <$from>) {
        print $out $part;
        print STDERR basename($path, '.log'), ": $part" if $follow eq 'true';
    }
    waitpid($pid, 0);
    my $code = $? & 127 ? 128 + ($? & 127) : $? >> 8;
    my $elapsed = time - $started;
    print $out "# Accounting: time=$elapsed threads=", $threads || 1, "\n",
        "# Ended (code $code) at ", now(), ", elapsed time $elapsed seconds\n";
    close($out) or fail("cannot write $path: $!");
    return $code;
}

sub now { return strftime('%a %b %e %H:%M:%S %Z %Y', localtime) }

# The last lines of a log, for the eyes of whoever sees the failure.
sub tail {
    my ($path) = @_;
    open(my $in, '<', $path) or return '';
    seek($in, -8192, 2) if -s $in > 8192;
    my @lines = <$in>;
    splice @lines, 0, -20 if @lines > 20;
    return join '', map { "  | $_" } @lines;
}
