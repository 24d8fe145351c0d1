# A host for container engines, made of namespaces and of a cgroup in every hierarchy: their files in /run, /var/lib and
# /etc, their bridges and their cgroups exist only there, and all of it is gone when standard input ends.
#
# For root. `outside LAYOUT` creates a host and prints a line when the host is ready; LAYOUT is `hosts` for the cgroup hierarchies that
# the machine has, `unified` for cgroup2 alone. `enter` runs a command in it. /run/image is a root directory of busybox;
# the user `mapper`, 4242, has subids.
set -euo pipefail

hierarchies() {
    findmnt --noheadings --list --types cgroup,cgroup2 --output TARGET,FSTYPE,FS-OPTIONS
}

# Moves into the cgroups of the host named $1.
join() {
    local target
    hierarchies | while read -r target _; do
        if [ -e "$target$1/init" ]; then echo $$ >"$target$1/init/cgroup.procs"; else echo $$ >"$target$1/cgroup.procs"; fi
    done
}

outside() {
    local name=/nsx-tests.$$ target status=0
    hierarchies | while read -r target _; do
        mkdir "$target$name"
        for file in cpuset.cpus cpuset.mems; do
            # In v1 a new group has none of them, and takes no process.
            [ ! -e "$target$name/$file" ] || cat "$target/$file" >"$target$name/$file"
        done
    done
    bash "$0" joined "$1" "$name" || status=$?
    hierarchies | while read -r target _; do
        find "$target$name" -depth -type d -exec rmdir {} +
    done
    return $status
}

joined() {
    join "$2"
    exec unshare --mount --net --pid --cgroup --fork --kill-child --mount-proc bash "$0" inside "$1"
}

# Runs a command in the host named $1, whose first process is $2, as after a login there.
enter() {
    join "$1"
    exec nsenter --target "$2" --mount --net --pid --cgroup -- "${@:3}"
}

# PID 1 of the host; bash reaps orphans.
inside() {
    mount_cgroups "$1"
    mount -t tmpfs -o mode=755 tmpfs /run
    mount -t tmpfs -o mode=755 tmpfs /var/lib
    mkdir -p /run/etc/upper /run/etc/work /var/lib/lxc
    mount -t overlay -o lowerdir=/etc,upperdir=/run/etc/upper,workdir=/run/etc/work overlay /etc
    mount --make-rshared /
    ip link set lo up

    echo mapper:x:4242:4242::/var/lib/mapper:/bin/sh >>/etc/passwd
    echo mapper:x:4242: >>/etc/group
    echo mapper:200000:65536 | tee /etc/subuid >/etc/subgid
    install -d -o 4242 -g 4242 -m 700 /var/lib/mapper /run/user/4242

    mkdir -p /run/image/{bin,dev/pts,dev/shm,etc,proc,run,srv/web,sys,tmp}
    cp "$(command -v busybox)" /run/image/bin/busybox
    for tool in cat env grep hostname id ls ps readlink sh sleep stat stty sync true; do
        ln -s busybox /run/image/bin/$tool
    done
    printf '%s\n' root:x:0:0::/srv:/bin/sh web:x:1000:1001::/srv/web:/bin/sh >/run/image/etc/passwd
    printf '%s\n' root:x:0: web:x:1001: extra:x:2002:web >/run/image/etc/group
    chmod -R u=rwX,go=rX /run/image

    echo ready
    read -r _ || true
    # In v1 what is frozen cannot be killed.
    find /sys/fs/cgroup -name freezer.state | while read -r file; do echo THAWED >"$file" || true; done
}

# Mounts the hierarchies anew, so that each one's root is the host's cgroup.
mount_cgroups() {
    local mounts target kind options
    mounts=$(hierarchies)
    umount --recursive /sys/fs/cgroup
    if [ "$1" = unified ]; then mounts="/sys/fs/cgroup cgroup2 rw"; fi
    if [[ $mounts != "/sys/fs/cgroup "* ]]; then mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup; fi
    while read -r target kind options; do
        mkdir -p "$target"
        mount -t "$kind" -o "$options" cgroup "$target"
        # In v2 only a group without processes of its own can hand controllers down.
        if [ "$kind" = cgroup2 ]; then mkdir "$target/init" && echo $$ >"$target/init/cgroup.procs"; fi
    done <<<"$mounts"
}

"$@"
