#!/bin/sh
# Installs the packages of DIRECTORY on a bare Debian, uses them as root and as an ordinary user,
# upgrades them to those of DIRECTORY/upgrade, removes them, and looks for traces:
#
#     sh packaging/test-deb.sh DIRECTORY
#
# It requires root, debootstrap, and a mirror of Debian: the one that apt uses here.
# shellcheck disable=SC2016
set -eu
directory=$(realpath "$1")
work=$(mktemp -d)
root=$work/root
trap 'rm -rf --one-file-system "$work"' EXIT

mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' |
    head -n 1)
debootstrap --variant=minbase --include=man-db bookworm "$root" "$mirror" >"$work/log" ||
    { tail -n 20 "$work/log"; exit 1; }
mkdir "$root/packages"
cp -r "$directory"/*.deb "$directory/upgrade" "$root/packages/"

# Runs a script there, with a procfs and as PID 1 of its own, so that nothing outlives it.
there() {
    unshare --mount --pid --fork sh -euc '
        mount --bind "$1" "$1"
        cd "$1"
        mount -t proc proc proc
        pivot_root . .
        umount -l .
        cd /
        exec env -i HOME=/root PATH=/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin sh -euc "$2"
        ' sh "$root" "$1"
}

files() {
    (cd "$root" && find . -xdev \( -path ./proc -o -path ./packages -o -path ./var/log \
        -o -path ./var/cache/man -o -path './var/lib/dpkg/*-old' \) -prune -o -print | sort)
}

check() {
    echo "ok: $1"
}

there 'useradd --create-home ada'
files >"$work/before"

there 'dpkg -i /packages/nsx_*.deb /packages/nsx-util-linux_*.deb' >"$work/log"
there 'nsx --version; test "$(nsx unshare --pid sh -c "echo \$\$")" = 1'
check 'root uses nsx'
there 'setpriv --reuid=ada --regid=ada --init-groups sh -euc "
    test \"\$(nsx unshare -r id -u)\" = 0
    nsx ls >/dev/null
    nsx pidmap \$\$ >/dev/null"'
check 'an ordinary user uses nsx'
there 'test "$(command -v unshare)" = /usr/local/bin/unshare
    unshare --help | grep -q nsx; nsenter --help | grep -q nsx; lsns --help | grep -q nsx
    /usr/bin/unshare --version | grep -q util-linux'
check 'nsx-util-linux provides the names, and those of util-linux stay'
there 'man -w nsx-enter nsx-compat nsx.7 nsx >/dev/null; test -s /usr/share/doc/nsx/copyright
    test -s /usr/share/bash-completion/completions/nsx; dpkg --verify nsx nsx-util-linux'
check 'pages and completions are installed'
there 'dpkg -i /packages/upgrade/*.deb; unshare --help | grep -q nsx
    dpkg-query -W -f "\${Version}\n" nsx | grep -q -- "-2$"' >"$work/log"
check 'the packages are upgraded'
there 'dpkg -r nsx-util-linux; test "$(command -v unshare)" = /usr/bin/unshare
    dpkg --purge nsx-util-linux nsx' >"$work/log" 2>&1
files >"$work/after"
diff "$work/before" "$work/after"
check 'nothing is left'
