//! Messages about the command line and about targets that do not exist.

use super::{beside_target, user};
use crate::{
    strict::{Side, assert_gives, assert_same, run, unshare::CHILD_OF},
    support::{Session, Test, both},
};

pub(super) fn tests() -> Vec<Test> {
    vec![
        both(usage),
        both(wrong_words_give_the_same),
        both(missing_targets_give_the_same),
    ]
}

fn usage(session: &Session) {
    for script in [
        "nsenter --bogus",
        "nsenter -z",
        "nsenter -t",
        "nsenter --target",
        "nsenter --w",
        "nsenter --no-fork=1",
        "nsenter --version >/dev/full",
        "nsenter --help >/dev/full",
        "nsenter --help >&-",
        "nsenter -h --bogus | head -n 4",
        "nsenter -S foo --bogus",
    ] {
        assert_same(session, script);
    }
    let u = user(session);
    assert_same(
        session,
        &beside_target(&format!(
            "t --targ $T {u} --ut -- readlink /proc/self/ns/uts | cut -d[ -f1"
        )),
    );
    assert_same(
        session,
        &beside_target(&format!("t -t$T {u} -u echo a -u --bogus")),
    );
    let version = "nsenter from util-linux 2.42.2\n";
    assert_eq!(run(session, Side::Nsx, "nsenter --version").stdout, version);
    assert_eq!(
        session.nsx("compat nsenter -V").run().exited(0).stdout,
        version.as_bytes()
    );
}

fn wrong_words_give_the_same(session: &Session) {
    for script in [
        "nsenter -S abc -u true",
        "nsenter -S '' -u true",
        "nsenter -G 0x1 -u true",
        "nsenter -m/nonexistent true",
        "nsenter --mount=/nonexistent true",
        "nsenter --mount= true",
        "nsenter --all -u/nonexistent true",
        "nsenter -r/nonexistent -u true",
        "nsenter --root= -u true",
        "nsenter --wd=/nonexistent -u true",
        "nsenter -n/proc/self/ns/net -r true",
        "nsenter -n/proc/self/ns/net -w true",
    ] {
        assert_same(session, script);
    }
    for (words, stderr) in [
        ("", "no namespace specified"),
        ("-t $$ -r -w -S 0", "no namespace specified"),
        (
            "-t 4194303 -r",
            "cannot open /proc/N/root: No such file or directory",
        ),
        ("-r", "neither filename nor target pid supplied for root"),
        ("-r -w", "neither filename nor target pid supplied for root"),
        ("-w -e", "neither filename nor target pid supplied for cwd"),
        ("-r/ -w", "neither filename nor target pid supplied for cwd"),
        (
            "-e -S follow",
            "neither filename nor target pid supplied for environ",
        ),
        (
            "-e -c",
            "neither filename nor target pid supplied for environ",
        ),
        ("-S follow", "neither filename nor target pid supplied for "),
        (
            "-u/proc/self/ns/uts -c -G follow",
            "neither filename nor target pid supplied for ",
        ),
        ("-p -r", "no target PID specified"),
        ("-r/ -w/", "no namespace specified"),
        (
            "--net=/proc/self/ns/net --user-parent",
            "no target PID specified",
        ),
        (
            "--user=/proc/self/ns/user --user-parent",
            "no target PID specified",
        ),
        (
            "-N 2147483648 -t 1",
            "failed to parse file descriptor: '2147483648': Numerical result out of range",
        ),
        ("-n=:x", "failed to parse nsid: x"),
        ("-n=:", "failed to parse nsid: "),
        ("-n=:-1", "failed to parse nsid: -1"),
        (
            "-W/ -w/ -t 1 -u",
            "options --wdns and --wd cannot be combined",
        ),
        ("-m", "no target PID specified"),
        ("-n/proc/self/ns/net -u", "no target PID specified"),
        (
            "-t 0 -u",
            "failed to parse PID argument '0': Numerical result out of range",
        ),
        (
            "-t -1 -u",
            "failed to parse PID argument '-1': Numerical result out of range",
        ),
        (
            "-t abc -u",
            "failed to parse PID argument 'abc': Invalid argument",
        ),
        ("-t 1 -t 1 -u", "option --target may be given only once"),
        (
            "-w/ -W/ -t 1 -u",
            "options --wd and --wdns cannot be combined",
        ),
        (
            "--wdns=/ --wd=/nonexistent",
            "options --wdns and --wd cannot be combined",
        ),
        (
            "-u=/nonexistent",
            "cannot open /nonexistent: No such file or directory",
        ),
        (
            "-w=/nonexistent",
            "cannot open /nonexistent: No such file or directory",
        ),
    ] {
        let is_newer = ["PID argument", "--target"]
            .iter()
            .any(|words| stderr.contains(words));
        let since = if is_newer { (2, 43) } else { (2, 42) };
        assert_gives(
            session,
            since,
            &format!("nsenter {words} true"),
            1,
            "",
            &format!("nsenter: {stderr}\n"),
        );
    }
}

fn missing_targets_give_the_same(session: &Session) {
    for script in [
        "nsenter -t 4194303 -n true",
        "nsenter -t 4194303 -a true",
        "nsenter -t 4194303 -r -u true",
    ] {
        assert_same(session, script);
    }
    // A zombie, whose parent does not read its status.
    let zombie = "(sh -c 'exit 0' & exec sleep 5) & child_of $!; until grep -q '^State:.Z' \
    /proc/$child/status; do \
                  sleep 0.01; done; nsenter -t $child -n true; kill $!";
    let ended = "nsenter: reassociate to namespaces failed: No such process\n";
    assert_gives(
        session,
        (2, 42),
        &(CHILD_OF.to_owned() + zombie),
        0,
        "",
        ended,
    );
    if !session.is_root() {
        // Not the caller's own.
        assert_same(session, "nsenter -t 1 -a true");
        let root = "nsenter: cannot open /proc/N/root: Permission denied\n";
        assert_gives(session, (2, 42), "nsenter -t 1 -r -n true", 1, "", root);
    }
    let same = "nsenter: reassociate to namespaces failed: Invalid argument\n";
    assert_gives(session, (2, 42), "nsenter -t $$ -U true", 1, "", same);
    if !session.is_root() {
        let denied = "nsenter: reassociate to namespaces failed: Operation not permitted\n";
        assert_gives(session, (2, 42), "nsenter -t 1 -n true", 1, "", denied);
    }
}
