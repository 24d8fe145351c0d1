//! Results of releases since 2.40 that differ from those of 2.38. The expected values come from
//! 2.42.4.

use super::{layout::on_terminal, nsx_gives};
use crate::support::{Need, Session, Test, both};

pub(super) fn tests() -> Vec<Test> {
    vec![
        both(a_tree_shows_the_requested_types),
        both(a_column_is_as_narrow_as_its_heading_allows),
        both(the_last_column_is_shortened_first).needs([Need::Tool("script")]),
        both(a_filter_comes_before_the_tree),
        both(a_text_beside_a_number_fails_the_filter),
        both(namespaces_kept_by_descriptors_and_sockets_are_listed)
            .needs([Need::Tool("perl"), Need::Kernel(5, 6)]),
    ]
}

fn a_tree_shows_the_requested_types(session: &Session) {
    nsx_gives(
        session,
        "",
        &[
            ("lsns -T -t uts -n -o TYPE | sort -u", "uts\n"),
            (
                "lsns -T -t net -t user -n -r -o TYPE | sort -u",
                "net\nuser\n",
            ),
            (
                "lsns -Tparent -t pid -t uts -n -r -o TYPE | sort -u",
                "pid\nuts\n",
            ),
            ("LC_ALL=C lsns -T -t uts -n -o NS | grep -c '^[|`]'", "0\n"),
            (
                "LC_ALL=C lsns -Tparent -t pid -n -o NS | grep -c '^[|`]'",
                "2\n",
            ),
            // A user namespace that only its child keeps has no process.
            (
                "lsns -T -P -t user -n -r -o NPROCS | sort -n | head -n 1",
                "0\n",
            ),
            ("lsns -P -t user", ""),
        ],
    );
}

fn a_column_is_as_narrow_as_its_heading_allows(session: &Session) {
    nsx_gives(
        session,
        "",
        &[
            (
                "lsns -l -t user -o TYPE,NPROCS | head -n 2 | cut -c1-6",
                "TYPE N\nuser  \n",
            ),
            (
                "lsns -l -t time -p 1 -o PPID,PID,TYPE",
                "PPID PID TYPE\n   0   1 time\n",
            ),
            (
                "lsns -l -t cgroup -p 1 -o PPID,TYPE,PID",
                "PPID TYPE   PID\n   0 cgroup   1\n",
            ),
            // Without headings one character is the minimum, and an empty column has no width.
            (
                "lsns -l -n -t uts -p 1 -o NPROCS,PPID,PID,TYPE | sed 's/^ *[0-9]*//'",
                " 0 1 uts\n",
            ),
            ("lsns -l -n -t uts -p 1 -o TYPE,PID", "uts   1\n"),
            ("lsns -l -n -t time -o PID,TYPE -p 1", "1 time\n"),
            ("lsns -l -n -t uts -p 1 -o NETNSID,NSFS,TYPE", "  uts\n"),
            (
                "lsns -n -l -t pid -o NPROCS,NSFS,PPID -p 1 | grep -c '^   1[0-9]  0$'",
                "1\n",
            ),
        ],
    );
}

fn the_last_column_is_shortened_first(session: &Session) {
    let heads = |columns: &str| {
        on_terminal("60", &format!("-l -t time -p 1 -o {columns}")) + " | sed -n 1p"
    };
    let [two, three, other] = [
        "COMMAND,NS,COMMAND",
        "COMMAND,COMMAND,NS,COMMAND",
        "COMMAND,COMMAND,NS",
    ]
    .map(heads);
    nsx_gives(
        session,
        "",
        &[
            (
                &two,
                "COMMAND                                           NS COMMAND\n",
            ),
            (
                &three,
                "COMMAND              COMMAND                      NS COMMAND\n",
            ),
            (
                &other,
                "COMMAND                                   COMMAND         NS\n",
            ),
        ],
    );
}

fn a_filter_comes_before_the_tree(session: &Session) {
    let later = ": >/mnt/empty; unshare --net=/mnt/empty true; unshare -n sleep 1000 & until [ \
    $(sleeps) -eq 10 ]; do :; done; ";
    nsx_gives(
        session,
        later,
        &[
            (
                "LC_ALL=C lsns -n -o COMMAND -Q 'TYPE == \"net\"' | grep -c '^[|`]-'",
                "4\n",
            ),
            (
                "LC_ALL=C lsns -n -o COMMAND -Q 'TYPE == \"uts\"' | grep -c '^[|`]-'",
                "2\n",
            ),
            (
                "lsns -n -r -o NPROCS,COMMAND -Q 'TYPE == \"net\"' | tail -n 1",
                "0 \n",
            ),
            (
                "LC_ALL=C lsns -T -n -o NS -Q 'TYPE != \"user\"' | grep -c '^[|`]'",
                "0\n",
            ),
        ],
    );
}

fn a_text_beside_a_number_fails_the_filter(session: &Session) {
    let failed = "1\nlsns: failed to apply filter: Invalid argument\n";
    nsx_gives(
        session,
        "",
        &[
            ("lsns -Q 'NETNSID == 0' -o NS,NETNSID; echo $?", failed),
            ("lsns -Q 'TYPE > 1.5'; echo $?", failed),
            ("lsns -Q 'NPROCS == TYPE'; echo $?", failed),
            ("lsns -Q 'TYPE == 0 || true'; echo $?", failed),
            (
                "lsns -Q 'true || TYPE == 0' -n -l -t time -o TYPE -p 1",
                "time\n",
            ),
            ("lsns -Q 'TYPE == \"x\" && TYPE == 0'; echo $?", "0\n"),
            ("lsns -Q 'PID == \"1\"' -n -l -t time -o TYPE", "time\n"),
            ("lsns -Q 'NETNSID == 0' -t uts -n; echo $?", "0\n"),
        ],
    );
}

fn namespaces_kept_by_descriptors_and_sockets_are_listed(session: &Session) {
    // As `ip netns del` leaves it, as an ended process leaves it, and as a socket made in another
    // namespace keeps it.
    let kept = r#"
        : >/mnt/x; unshare --net=/mnt/x true; exec 8</mnt/x; umount -l /mnt/x
        unshare -u sleep 77 & until grep -qx sleep /proc/$!/comm; do :; done
        exec 9</proc/$!/ns/uts; kill $!; wait $! 2>/dev/null
        perl -MSocket -e '$^F = 99; syscall(272, 0x40000000) == 0 && socket(S, AF_INET, SOCK_DGRAM, 0) or die $!;
            print readlink("/proc/self/ns/net"); close STDOUT; syscall(272, 0x40000000) == 0 or die $!;
            exec "sleep", 1000' >/mnt/socket & until [ $(sleeps) -eq 10 ]; do :; done
        unmounted=$(stat -Lc %i /dev/fd/8); ended=$(stat -Lc %i /dev/fd/9); socket=$(tr -dc 0-9 </mnt/socket)
    "#;
    let columns = "lsns -l -n -o TYPE,NPROCS,PID,USER,PATH,COMMAND -Q";
    nsx_gives(
        session,
        kept,
        &[
            (&format!("{columns} NS==$unmounted"), "net   0  root  \n"),
            (&format!("{columns} NS==$ended"), "uts   0  root  \n"),
            (&format!("{columns} NS==$socket"), "net   0  root  \n"),
            (
                &format!("{columns} NS==$socket -t net -P"),
                "net   0  root  \n",
            ),
            (
                "lsns -n -o NS | grep -c -e $unmounted -e $ended -e $socket",
                "3\n",
            ),
            (
                "lsns -P -J -t net -o NS,USER | grep -c -e $unmounted -e $socket",
                "2\n",
            ),
            (
                "test $(lsns -l -n -o ONS -Q NS==$socket) = $(stat -Lc %i /proc/self/ns/user) && \
                echo own",
                "own\n",
            ),
            (
                "lsns -T -t net -t user -n -r -o NS | grep -c -e $unmounted -e $socket",
                "2\n",
            ),
            (
                "for ns in $unmounted $ended $socket; do lsns $ns; echo $?; done",
                "0\n0\n0\n",
            ),
            (
                "lsns $ended -t net 2>&1 | tr -d 0-9",
                "lsns: not found namespace: \n",
            ),
            (
                "lsns -p $$ -n -l -o NS | grep -c -e $unmounted -e $ended -e $socket",
                "0\n",
            ),
        ],
    );
}
