#!/bin/bash
# The session that `cargo xtask picture` draws. Run by that as root, on a host whose Docker runs and has no containers.
set -euo pipefail

cleanup() {
    docker rm -f web worker
    nsx rm lab:test
    docker image rm nsx-picture
} &>/dev/null
trap cleanup EXIT

# Containers of a static busybox, and a set of namespaces with a network of its own.
root=$(mktemp -d)
mkdir "$root/bin"
cp /bin/busybox "$root/bin/busybox"
for program in httpd sh sleep; do ln -s busybox "$root/bin/$program"; done
tar -c -C "$root" . | docker import - nsx-picture >/dev/null
rm -r "$root"
docker run --detach --name web nsx-picture httpd -f -p 80 >/dev/null
docker run --detach --name worker --network container:web nsx-picture sleep 1000 >/dev/null
nsx unshare --name test --pid --link veth

show() {
    printf '\e[1m# %s\e[0m\n' "$1"
    bash -c "$1" || true
    echo
}
show "nsx ls"
show "nsx enter web --host-tools -- ps -e -o pid,user,args"
show "nsx net web"
show "setpriv --reuid=nobody --clear-groups nsx unshare --net ss -ltn"
