#!/usr/bin/env perl
# Runs a command, or JOB=1:N numbered copies of it, through Grid Engine; the command line is run.pl's, and so are the logs.
# Returns when all have ended; stopped, it deletes them.
use strict;
use warnings;
use Cwd ();
use File::Basename qw(basename dirname);
use lib dirname(Cwd::abs_path(__FILE__));
use jobs;

my $j = jobs::parse(<<'END', @ARGV);
Usage: queue.pl [options] [JOB=1:N] <log-file> <command> [arguments]
e.g.:  queue.pl --mem 8G --num-threads 4 JOB=1:4 exp/log/copy.JOB.log serin-copy-audio data/wav.JOB.scp data/out.JOB.scp
Options:
  --quote true       every argument reaches the command as it is: for names that come from anywhere
  --max-jobs-run N   copies at once [as many as there are]
  --num-threads N    slots of a copy: -pe smp N, and OMP_NUM_THREADS [1, and unset]
  --mem 8G, --time T -l mem_free=8G,ram_free=8G and -l h_rt=T of qsub
  --gpu N            -l gpu=N
Any other --name value is accepted and has no effect. What else qsub is to be told (queue, project) is in the variable
SERIN_JOB_OPTS. Jobs have the caller's directory and PATH.
END
my $script = jobs::write_scripts($j, '$SGE_TASK_ID');
(my $name = 'j' . basename($j->{log}, '.log')) =~ s/[^\w.-]/_/g;        # it must not begin with a digit
my @qsub = ('qsub', '-terse', '-V', '-cwd', '-S', '/bin/bash', '-j', 'y', '-N', $name, '-t', "$j->{first}-$j->{last}",
    '-o', "$j->{script}.\$TASK_ID.out");
push @qsub, '-tc', $j->{'max-jobs-run'} if $j->{'max-jobs-run'};
push @qsub, '-pe', 'smp', $j->{'num-threads'} if ($j->{'num-threads'} || 1) > 1;
push @qsub, '-l', "mem_free=$j->{mem},ram_free=$j->{mem}" if $j->{mem};
push @qsub, '-l', "h_rt=$j->{time}" if $j->{time};
push @qsub, '-l', "gpu=$j->{gpu}" if $j->{gpu};
push @qsub, split ' ', $ENV{SERIN_JOB_OPTS} // '';
my ($said, $status) = jobs::ask(@qsub, $script);
jobs::fail("qsub refused: @qsub $script") if $status;
my ($id) = $said =~ /^(\d+)/m or jobs::fail("qsub said \"$said\", a job's number was expected");

jobs::wait_for($j, sub { system 'qdel', $id }, sub {
    my (undef, $failed) = jobs::ask('sh', '-c', "qstat -j $id > /dev/null 2>&1");
    return !$failed;
});
