# What run.pl, slurm.pl and queue.pl share: Kaldi's command line, the form of a log, and, for the clusters, jobs as scripts
# that leave their status in a file.
package jobs;
use strict;
use warnings;
use Cwd qw(getcwd);
use File::Basename qw(basename dirname);
use File::Path qw(make_path);
use POSIX qw(strftime);

our $runner = basename($0);

sub fail { print STDERR "$runner: $_[0]\n"; exit 1 }

sub whole {
    my ($switch, $value) = @_;
    fail("$switch takes a whole number above 0, found \"$value\"") if $value !~ /^[1-9]\d{0,5}$/;
    return $value;
}

# [options] [JOB=1:N] <log> <command …>: a hash of options by name without dashes, and name first last log command.
# An argument without spaces reaches the shell as it is, one with spaces is quoted.
sub parse {
    my ($usage, @args) = @_;
    my %j = (name => '', first => 1, last => 1);
    while (@args >= 2 && $args[0] =~ /^-/) {
        my ($switch, $value) = (shift @args, undef);
        if ($switch =~ /^(--?[^=]+)=(.*)$/s) { ($switch, $value) = ($1, $2) } else { $value = shift @args }
        $switch =~ tr/_/-/;
        $switch = '--max-jobs-run' if $switch eq '-tc';
        $value = whole($switch, $value) if $switch =~ /^--(max-jobs-run|num-threads)$/;
        $j{ $switch =~ s/^-+//r } = $value;
    }
    if (@args && $args[0] =~ /^([A-Za-z_]\w*)=(\d+)(?::(\d+))?$/) {
        @j{qw(name first last)} = ($1, $2, defined $3 ? $3 : $2);
        fail("no job in $args[0]") if $j{first} > $j{last};
        shift @args;
    }
    if (@args < 2) { print STDERR $usage; exit 1 }
    $j{log} = shift @args;
    fail("the log file $j{log} does not contain $j{name}, so $j{name}=$j{first}:$j{last} would share it")
        if $j{first} < $j{last} && index($j{log}, $j{name}) < 0;
    $j{command} = join ' ', map { /^\S+$/ ? $_ : /"/ ? "'$_'" : "\"$_\"" } @args;
    return \%j;
}

# The log or the command of one job.
sub numbered {
    my ($j, $text, $job) = @_;
    $text =~ s/\Q$j->{name}\E/$job/g if $j->{name};
    return $text;
}

sub make_log_directory {
    my ($path) = @_;
    eval { make_path(dirname($path)); 1 } or fail("cannot make the directory of $path");
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

# Says which logs to read when jobs failed, shows the first of them, and ends with the status of all.
sub finish {
    my ($j, @failed) = @_;
    exit 0 if !@failed;
    my $log = numbered($j, $j->{log}, $failed[0]);
    (my $logs = $j->{log}) =~ s/\Q$j->{name}\E/*/g if $j->{name};
    print STDERR $j->{first} == $j->{last} ? "$runner: job failed, log is in $log\n"
        : sprintf("%s: %d / %d failed, log is in %s\n", $runner, scalar @failed, $j->{last} - $j->{first} + 1, $logs);
    print STDERR tail($log);
    exit 1;
}

# ---- clusters ----------------------------------------------------------------------------------------------------------

# A script for each job in <directory of the log>/q, and one, returned, that becomes job number $task of them. A job's log is as run.pl
# writes it; its status appears in <script>.done in one move, since a network's file system shows half-written files.
sub write_scripts {
    my ($j, $task) = @_;
    my $dir = dirname($j->{log}) . '/q';
    (my $base = basename($j->{log}, '.log')) =~ s/[^\w.-]/_/g;
    my $path = getcwd() . "/$dir/$base.$$";
    $path = "$dir/$base.$$" if $dir =~ m{^/};
    make_log_directory("$dir/x");
    $j->{script} = $path;
    for my $job ($j->{first} .. $j->{last}) {
        make_log_directory(numbered($j, $j->{log}, $job));
        write_file("$path.$job.sh", job_script($j, $job));
    }
    write_file("$path.sh", "#!/bin/bash\nexec bash '$path'.\"$task\".sh\n");
    return "$path.sh";
}

sub job_script {
    my ($j, $job) = @_;
    my ($log, $line) = map { numbered($j, $_, $job) } @{$j}{qw(log command)};
    my ($dir, $threads) = (getcwd(), $j->{'num-threads'} || 1);
    (my $shown = $line) =~ s/\n/\n# /g;
    my $set = $j->{'num-threads'} ? "export OMP_NUM_THREADS=$threads\n" : '';
    return <<"END";
#!/bin/bash
cd '$dir' || exit 1
export PATH='$ENV{PATH}' LC_ALL=C
${set}cat > '$log' << 'END_OF_COMMAND'
# $shown
END_OF_COMMAND
echo "# Running on \$(hostname)" >> '$log'
echo "# Started at \$(date)" >> '$log'
echo '#' >> '$log'
SECONDS=0
( set -e -o pipefail
$line
) >> '$log' 2>&1 < /dev/null
status=\$?
echo "# Accounting: time=\$SECONDS threads=$threads" >> '$log'
echo "# Ended (code \$status) at \$(date), elapsed time \$SECONDS seconds" >> '$log'
echo \$status > '$j->{script}.$job.done.tmp' && mv '$j->{script}.$job.done.tmp' '$j->{script}.$job.done'
exit \$status
END
}

sub write_file {
    my ($path, $text) = @_;
    open(my $out, '>', $path) or fail("cannot write $path: $!");
    print $out $text;
    close($out) or fail("cannot write $path: $!");
}

# What a command of the cluster wrote, and its status; its arguments reach it as they are.
sub ask {
    my (@command) = @_;
    open(my $from, '-|', @command) or fail("cannot run $command[0]: $!");
    my $text = do { local $/; <$from> } // '';
    close($from);
    return ($text, $?);
}

# The statuses that have come are taken from $open; returns the jobs that failed.
sub take_statuses {
    my ($j, $open) = @_;
    my @failed;
    for my $job (keys %$open) {
        open(my $in, '<', "$j->{script}.$job.done") or next;
        chomp(my $status = <$in> // '1');
        delete $open->{$job};
        push @failed, $job if $status ne '0';
    }
    return @failed;
}

# Jobs that were killed leave no status.
sub give_up_on {
    my ($j, @jobs) = @_;
    for my $job (@jobs) {
        open(my $log, '>>', numbered($j, $j->{log}, $job)) or next;
        print $log "# The cluster ended this job, which left no status: out of memory or of time?\n";
    }
    return @jobs;
}

# Waits until every job has left its status, then finishes. $alive tells whether the cluster still knows any of them; when it does
# not, a slow file system has $SERIN_GRACE seconds [60] to show what they left.
sub wait_for {
    my ($j, $cancel, $alive) = @_;
    my %open = map { $_ => 1 } $j->{first} .. $j->{last};
    my ($pause, $gone, @failed) = (0.1, 0);
    $SIG{INT} = $SIG{TERM} = $SIG{HUP} = sub {
        print STDERR "$runner: stopped by SIG$_[0], and its jobs with it\n";
        $cancel->();
        exit 130;
    };
    while (1) {
        if (opendir(my $d, dirname($j->{script}))) { readdir($d) }     # makes a network's file system look again
        push @failed, take_statuses($j, \%open);
        last if !%open;
        $gone = $alive->() ? 0 : $gone || time;
        if ($gone && time - $gone >= ($ENV{SERIN_GRACE} // 60)) {
            push @failed, give_up_on($j, keys %open);
            last;
        }
        select(undef, undef, undef, $pause);
        $pause *= 1.3 if $pause < 5;
    }
    unlink glob("$j->{script}.*") if !@failed;
    finish($j, sort { $a <=> $b } @failed);
}
1;
