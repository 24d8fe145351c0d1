# Creates RATE processes a second for SECONDS. Each creates or joins a namespace and stays for a moment, and half of them leave
# the namespace before they end; their PIDs are reused at once. LOG gets two lines per process:
#   life SERIAL PID BEFORE KIND INODE   a process that was in this namespace besides its parent's
#   end SERIAL PID AFTER                it is gone
# Their command is `life SERIAL`. A process in a PID namespace has the serial of its parent.
use strict;
use warnings;
use POSIX "WNOHANG";
use Time::HiRes qw(time sleep);

my ($log_path, $seconds, $rate, $uts, $unshare, $setns) = @ARGV;
open(my $log, ">>", $log_path) or die "$log_path: $!";
open(my $home, "<", "/proc/self/ns/uts") or die $!;
open(my $hosts, "<", $uts) or die "$uts: $!";

# One write: lines of several processes do not mix.
sub note { my $line = sprintf("%s %d %d %.6f%s\n", @_); syswrite($log, $line) == length($line) or die $! }

sub inode { (stat("/proc/$_[0]/ns/$_[1]"))[1] or die "$_[0] $_[1]: $!" }

sub call {
    # A number that came as text would be a pointer.
    my ($number, @arguments) = map { $_ + 0 } @_;
    syscall($number, @arguments) == 0 or die "system call $number: $!";
}

my @kinds = (["uts", 0x04000000], ["ipc", 0x08000000], ["cgroup", 0x02000000], ["mnt", 0x00020000],
             ["user", 0x10000000], ["join"], ["pid", 0x20000000], ["uts", 0x04000000]);

sub live {
    my ($serial, $before) = @_;
    # A network namespace takes the kernel as long as all the others together.
    my ($kind, $flag) = $serial % 64 ? @{ $kinds[$serial % @kinds] } : ("net", 0x40000000);
    if ($kind eq "join") {
        call($setns, fileno($hosts), 0);
        note("life", $serial, $$, $before, " uts " . inode($$, "uts"));
        sleep(0.005);
        call($setns, fileno($home), 0);
    } elsif ($kind eq "pid") {
        call($unshare, $flag);
        note("life", $serial, $$, $before, "");
        my $inner = fork // die $!;
        if (!$inner) { sleep(0.01); POSIX::_exit(0) }
        note("life", $serial, $inner, $before, " pid " . inode($inner, "pid"));
        waitpid($inner, 0);
        note("end", $serial, $inner, time, "");
        return;
    } else {
        call($unshare, $flag);
        note("life", $serial, $$, $before, " $kind " . inode($$, $kind));
        if ($kind eq "uts" && $serial % 2) { sleep(0.005); call($setns, fileno($home), 0) }
    }
    sleep(0.005);
}

my ($begun, $serial, %alive) = (time, 0);
while ($serial < $rate * $seconds || %alive) {
    while ((my $pid = waitpid(-1, WNOHANG)) > 0) {
        $? == 0 or die "a process failed: $?";
        note("end", delete $alive{$pid}, $pid, time, "");
    }
    # If it falls behind, it catches up; but never with so many that the host is busy with them alone.
    if ($serial >= $rate * $seconds || $serial > (time - $begun) * $rate || keys(%alive) > 200) { sleep(0.001); next }
    if (++$serial % 20 == 0) {
        open(my $last, ">", "/proc/sys/kernel/ns_last_pid") or die $!;
        syswrite($last, "300");
        close($last);
    }
    # Before the fork, so that the process never has another command.
    $0 = "life $serial";
    my $before = time;
    my $pid = fork // die $!;
    if (!$pid) { live($serial, $before); POSIX::_exit(0) }
    $alive{$pid} = $serial;
}
printf("%d %.1f\n", $serial, time - $begun);
