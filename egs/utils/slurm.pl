#!/usr/bin/env perl
# Runs a command, or JOB=1:N numbered copies of it, through Slurm; the command line is run.pl's, and so are the logs. Returns
# when all have ended; stopped, it cancels them.
use strict;
use warnings;
use Cwd ();
use File::Basename qw(basename dirname);
use lib dirname(Cwd::abs_path(__FILE__));
use jobs;

my $j = jobs::parse(<<'END', @ARGV);
Usage: slurm.pl [options] [JOB=1:N] <log-file> <command> [arguments]
e.g.:  slurm.pl --mem 8G --num-threads 4 JOB=1:4 exp/log/copy.JOB.log serin-copy-audio data/wav.JOB.scp data/out.JOB.scp
Options:
  --quote true       every argument reaches the command as it is: for names that come from anywhere
  --max-jobs-run N   copies at once [as many as there are]
  --num-threads N    processors of a copy: --cpus-per-task, and OMP_NUM_THREADS [1, and unset]
  --mem 8G, --time T sbatch's
  --gpu N            --gres=gpu:N of sbatch
Any other --name value is accepted and has no effect. What else sbatch is to be told (partition, account) is in the variable
SERIN_JOB_OPTS. Jobs have the caller's directory and PATH.
END
my $script = jobs::write_scripts($j, '$SLURM_ARRAY_TASK_ID');
my $array = "$j->{first}-$j->{last}" . ($j->{'max-jobs-run'} ? "%$j->{'max-jobs-run'}" : '');
my @sbatch = ('sbatch', '--parsable', '--job-name=' . basename($j->{log}, '.log'), "--array=$array", '--export=ALL',
    "--output=$j->{script}.%a.out", '--cpus-per-task=' . ($j->{'num-threads'} || 1));
push @sbatch, "--mem=$j->{mem}" if $j->{mem};
push @sbatch, "--time=$j->{time}" if $j->{time};
push @sbatch, "--gres=gpu:$j->{gpu}" if $j->{gpu};
push @sbatch, split ' ', $ENV{SERIN_JOB_OPTS} // '';
my ($said, $status) = jobs::ask(@sbatch, $script);
jobs::fail("sbatch refused: @sbatch $script") if $status;
my ($id) = $said =~ /^(\d+)/ or jobs::fail("sbatch said \"$said\", a job's number was expected");

jobs::wait_for($j, sub { system 'scancel', $id }, sub {
    my ($text, $failed) = jobs::ask('squeue', '--noheader', '--format=%i', "--jobs=$id");
    return !$failed && $text =~ /\d/;
});
