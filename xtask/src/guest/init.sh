#!/bin/sh
# PID 1 of the guest: turns the initramfs into a small Linux system, runs the tests and powers the machine off.
#
# The tests' names are on the kernel's command line, after `--`. The last line that begins with `guest:` is the outcome.

PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
NSX_TEST_GUEST=1
export PATH NSX_TEST_GUEST

off() {
    echo "guest: $1"
    busybox poweroff -f
}

# pivot_root(2) refuses the initramfs itself as a root directory.
if [ ! -e /started ]; then
    mkdir /new && mount -t tmpfs -o mode=755,size=80% root /new || off "no root directory"
    for entry in /*; do
        [ "$entry" = /new ] || cp -a "$entry" /new || off "no root directory"
    done
    >/new/started
    exec busybox switch_root /new /init "$@"
fi

mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm /dev/mqueue
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t tmpfs -o mode=1777 tmp /tmp
mount -t tmpfs -o mode=755 run /run
mount -t mqueue mqueue /dev/mqueue
mount -t securityfs security /sys/kernel/security
mount -t cgroup2 cgroup /sys/fs/cgroup
ln -s /proc/self/fd /dev/fd
ln -s /proc/self/fd/0 /dev/stdin
ln -s /proc/self/fd/1 /dev/stdout
ln -s /proc/self/fd/2 /dev/stderr
for module in /modules/*.ko; do
    busybox insmod "$module"
done
busybox ip link set lo up
hostname guest
# Other kernel messages would mix with the tests' lines.
dmesg -n 1

echo "guest: Linux $(uname -r); $(cat /sys/kernel/security/lsm)"
(cd /proc/sys && grep -s . kernel/apparmor_* kernel/unprivileged_* kernel/yama/* user/max_*_namespaces)
cd /
status=0
for name in "$@"; do
    /tests/system --test-threads "$(nproc)" "$name" </dev/null || status=$?
done
off "status $status"
