#!/usr/bin/env perl
# Runs a command, or JOB=1:N numbered copies of it, on this machine, each with its own log; takes the command line of
# Kaldi's run.pl, so that cmd.sh can name slurm.pl or queue.pl instead. The log begins with the command and
# "# Started at", ends with "# Accounting: time=…" and "# Ended (code 0) at …".
use strict;
use warnings;
use Cwd ();
use File::Basename qw(basename dirname);
use IO::Handle;
use POSIX qw(setpgid sigprocmask SIG_BLOCK SIG_UNBLOCK SIGINT SIGTERM SIGHUP WNOHANG);
use lib dirname(Cwd::abs_path(__FILE__));
use jobs;

my $j = jobs::parse(<<'END', @ARGV);
Usage: run.pl [options] [JOB=1:N] <log-file> <command> [arguments]
e.g.:  run.pl --max-jobs-run 2 JOB=1:4 exp/log/copy.JOB.log serin-copy-audio data/wav.JOB.scp data/out.JOB.scp
'|', '>', '*' and $NAME in arguments without spaces work as in a shell; all else reaches the command as it is.
Options:
  --quote true       every argument reaches the command as it is: for names that come from anywhere
  --max-jobs-run N   copies at once [processors / threads]
  --num-threads N    threads of a copy: sets OMP_NUM_THREADS [unset]
  --follow true      show each line the commands print as it comes, behind the name of its log
  --mem X, --time X, --gpu N and any other --name value of a cluster's runner are accepted and have no effect
END
my $threads = $j->{'num-threads'} || 0;
my $max_jobs = $j->{'max-jobs-run'};
if (!$max_jobs) {
    my $processors = `nproc 2>/dev/null` || 1;
    $max_jobs = int($processors / ($threads || 1)) || 1;
}
$ENV{OMP_NUM_THREADS} = $threads if $threads;

my (%running, @failed);     # process, and group of processes -> job
my $signals = POSIX::SigSet->new(SIGINT, SIGTERM, SIGHUP);
$SIG{INT} = $SIG{TERM} = $SIG{HUP} = \&stop;
for my $job ($j->{first} .. $j->{last}) {
    reap() while keys %running >= $max_jobs;
    sigprocmask(SIG_BLOCK, $signals);           # or a signal could come before we know whom to tell
    defined(my $pid = fork) or jobs::fail("cannot fork: $!");
    if (!$pid) {
        setpgid(0, 0);
        $SIG{$_} = 'IGNORE' for qw(INT TERM HUP);       # what it runs ends; its last words are logged
        sigprocmask(SIG_UNBLOCK, $signals);
        exit run_job($job);
    }
    setpgid($pid, $pid);
    $running{$pid} = $job;
    sigprocmask(SIG_UNBLOCK, $signals);
}
reap() while %running;
jobs::finish($j, sort { $a <=> $b } @failed);

# Ends all jobs, which have $SERIN_GRACE seconds [60] to save what they have.
sub stop {
    my ($signal) = @_;
    my $until = time + ($ENV{SERIN_GRACE} // 60);

    $SIG{$_} = 'IGNORE' for qw(INT TERM HUP);
    print STDERR "run.pl: stopped by SIG$signal, and what it runs with it\n";
    kill 'TERM', map { -$_ } keys %running;
    while (%running && time < $until) {
        while ((my $pid = waitpid(-1, WNOHANG)) > 0) { }
        kill 0, -$_ or delete $running{$_} for keys %running;
        select(undef, undef, undef, 0.05) if %running;
    }
    kill 'KILL', map { -$_ } keys %running;
    exit 130;
}

# Waits until one job has ended.
sub reap {
    my $pid = waitpid(-1, 0);
    return if $pid <= 0 || !exists $running{$pid};
    my $job = delete $running{$pid};
    push @failed, $job if $?;
}

# In the job's own process: the log's head, the command, the log's foot. Returns the exit code.
sub run_job {
    my ($job) = @_;
    my ($path, $line) = map { jobs::numbered($j, $_, $job) } @{$j}{qw(log command)};
    my $started = time;

    jobs::make_log_directory($path);
    open(my $out, '>', $path) or jobs::fail("cannot write $path: $!");
    $out->autoflush(1);
    print $out "# $line\n# Started at ", jobs::now(), "\n#\n";

    pipe(my $from, my $to) or jobs::fail("cannot make a pipe: $!");
    defined(my $pid = fork) or jobs::fail("cannot fork: $!");
    if (!$pid) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
        open(STDIN, '<', '/dev/null');
        open(STDOUT, '>&', $to);
        open(STDERR, '>&', $to);
        exec 'bash', '-c', "set -e -o pipefail; ( $line\n)";
        exit 127;
    }
    close($to);
    while (my $part = <$from>) {
        print $out $part;
        print STDERR basename($path, '.log'), ": $part" if ($j->{follow} // '') eq 'true';
    }
    waitpid($pid, 0);
    my $code = $? & 127 ? 128 + ($? & 127) : $? >> 8;
    my $elapsed = time - $started;
    print $out "# Accounting: time=$elapsed threads=", $threads || 1, "\n",
        "# Ended (code $code) at ", jobs::now(), ", elapsed time $elapsed seconds\n";
    close($out) or jobs::fail("cannot write $path: $!");
    return $code;
}
