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
my $stopped;        # a signal that came while jobs were being handed over

sub fail { print STDERR "$runner: $_[0]\n"; exit 1 }

sub whole {
    my ($switch, $value) = @_;
    fail("$switch takes a whole number above 0, found \"$value\"") if $value !~ /^[1-9]\d{0,5}$/;
    return $value;
}

# A word as a shell reads it back, whatever its bytes, on one line that a terminal may show.
sub quoted {
    my ($word) = @_;
    return $word if $word =~ m{^[\w/.,:=@%+-]+$};
    return "\$'" . $word =~ s/([^\x20-\x7e]|['\\])/sprintf '\\x%02x', ord $1/ger . "'"
        if $word =~ /[\x00-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]|\xe2\x81[\xa6-\xa9]/;
    return "'" . $word =~ s/'/'\\''/gr . "'";
}

# Kaldi's convention, as far as no name in it can become a command: operators and redirections work, and so do patterns, variables
# and sums with them (\$[JOB-1]); every other argument, one with spaces say, reaches the command as it is.
my $sum = qr{[\w\$+*/%-]+};
my $as_it_is = qr{^(?:
    [;&|(){}!] | && | \|\| | \|& | &>>? | \d?(?:<|>>?|>\|)(?:&\d)?[\w/.,:=@%+-]* |
    (?:[\w/.,:=@%+^~*?\[\]-] | [^\x00-\x7f] | \$\w+ | \$\{\w+\} | \$\[$sum\] | \$\(\($sum\)\))+
)$}x;
sub word { return $_[0] =~ $as_it_is ? $_[0] : quoted($_[0]) }

# [options] [JOB=1:N] <log> <command …>: a hash of options by name without dashes, and name first last log command.
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
    $j{command} = join ' ', map { ($j{quote} // '') eq 'true' ? quoted($_) : word($_) } @args;
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
    $SIG{INT} = $SIG{TERM} = $SIG{HUP} = sub { $stopped = $_[0] };     # until wait_for knows what to end
    make_log_directory("$dir/x");
    $j->{script} = $path;
    for my $job ($j->{first} .. $j->{last}) {
        make_log_directory(numbered($j, $j->{log}, $job));
        write_file("$path.$job.sh", job_script($j, $job));
    }
    write_file("$path.sh", "#!/bin/bash\nexec bash " . quoted($path) . ".\"$task\".sh\n");
    return "$path.sh";
}

sub job_script {
    my ($j, $job) = @_;
    my $line = numbered($j, $j->{command}, $job);
    my ($log, $dir, $path, $done) =
        map { quoted($_) } numbered($j, $j->{log}, $job), getcwd(), $ENV{PATH}, "$j->{script}.$job.done";
    my $threads = $j->{'num-threads'} || 1;
    my $set = $j->{'num-threads'} ? "export OMP_NUM_THREADS=$threads\n" : '';
    return <<"END";
#!/bin/bash
cd $dir || exit 1
export PATH=$path LC_ALL=C
${set}cat > $log << 'END_OF_COMMAND'
# $line
END_OF_COMMAND
echo "# Running on \$(hostname)" >> $log
echo "# Started at \$(date)" >> $log
echo '#' >> $log
SECONDS=0
( set -e -o pipefail
$line
) >> $log 2>&1 < /dev/null
status=\$?
echo "# Accounting: time=\$SECONDS threads=$threads" >> $log
echo "# Ended (code \$status) at \$(date), elapsed time \$SECONDS seconds" >> $log
echo \$status > $done.tmp && mv $done.tmp $done
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

sub remove_scripts {
    my ($j) = @_;
    my ($dir, $base) = (dirname($j->{script}), basename($j->{script}));
    opendir(my $d, $dir) or return;
    unlink map { "$dir/$_" } grep { /^\Q$base\E\./ } readdir $d;
}

# Waits until every job has left its status, then finishes. $alive tells whether the cluster still knows any of them; when it does
# not, a slow file system has $SERIN_GRACE seconds [60] to show what they left.
sub wait_for {
    my ($j, $cancel, $alive) = @_;
    my %open = map { $_ => 1 } $j->{first} .. $j->{last};
    my ($pause, $gone, @failed) = (0.1, 0);
    my $stop = sub {
        print STDERR "$runner: stopped by SIG$_[0], and its jobs with it\n";
        $cancel->();
        exit 130;
    };
    $SIG{INT} = $SIG{TERM} = $SIG{HUP} = $stop;
    $stop->($stopped) if $stopped;
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
    remove_scripts($j) if !@failed;
    finish($j, sort { $a <=> $b } @failed);
}
1;
