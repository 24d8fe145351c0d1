//! Every way to write into a store, for every store: the owner of a record's claim, and the words
//! that may lead to its process.
//!
//! A case is a store of a user or of the system, in which a record names a victim, with one change
//! made by a script.

use super::{
    stores::{Decides, File, STORES, Store},
    world::{AS_MAPPER, HOME, Named, RUNTIME, Victim, World},
};
use crate::support::{Cgroups, Session, Test, root};

pub(super) fn tests() -> Vec<Test> {
    vec![
        root(no_forged_record_of_a_runtime_misleads_root),
        root(no_forged_record_of_docker_misleads_root),
        root(no_forged_record_of_containerd_misleads_root),
        root(no_forged_record_of_podman_misleads_root),
        root(no_forged_record_of_machined_misleads_root),
    ]
}

fn no_forged_record_of_a_runtime_misleads_root(session: &Session) {
    assert_nothing_misleads(session, &["crun", "runc"]);
}

fn no_forged_record_of_docker_misleads_root(session: &Session) {
    assert_nothing_misleads(session, &["docker", "Docker's containerd"]);
}

fn no_forged_record_of_containerd_misleads_root(session: &Session) {
    assert_nothing_misleads(session, &["containerd", "nerdctl", "Kubernetes"]);
}

fn no_forged_record_of_podman_misleads_root(session: &Session) {
    assert_nothing_misleads(session, &["podman", "CRI-O"]);
}

fn no_forged_record_of_machined_misleads_root(session: &Session) {
    assert_nothing_misleads(session, &["machined"]);
}

/// The owner of a record's claim, which decides the words that lead to the process in the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Claim {
    /// Root alone: the name leads there.
    Systems,
    /// The user alone: the name with the user leads there, if it is the user's own container.
    Users,
    /// Several users: no word leads there.
    Shared,
    /// The user or nobody: the name alone does not lead there.
    NotSystems,
    /// Anyone: a detail of the record, without which there may be another way to the process.
    Open,
}

/// A change to a store, and its effect on the record.
struct Way {
    what: String,
    /// Run by root after the record was written.
    change: String,
    /// The file or directory that is changed.
    path: String,
    claim: Claim,
    victims: &'static [Victim],
}

/// Each directory of these files below one of `roots`, with the part that is decided below it.
fn directories(files: &[File], roots: &[&str]) -> Vec<(String, Decides)> {
    let mut all: Vec<(String, Decides)> = Vec::new();
    for File { decides, path, .. } in files {
        for rest in roots.iter().filter_map(|root| path.strip_prefix(root)) {
            let ends = rest
                .match_indices('/')
                .map(|(end, _)| path.len() - rest.len() + end);
            for directory in ends
                .filter(|end| *end > path.len() - rest.len())
                .map(|end| path[..end].to_owned())
            {
                match all.iter_mut().find(|(known, _)| *known == directory) {
                    Some((_, known)) if *decides == Decides::Process => *known = *decides,
                    Some(_) => {}
                    None => all.push((directory, *decides)),
                }
            }
        }
    }
    all
}

/// Moves the content of a directory to another one, and replaces the directory by a link.
fn moved(directory: &str, to: &str, owner: &str, claim: Claim, victims: &'static [Victim]) -> Way {
    let change = format!(
        "find {directory} -mindepth 1 -maxdepth 1 -exec mv {{}} {to} ';'
        rmdir {directory}; ln -s {to} {directory}; chown -h {owner} {directory}"
    );
    Way {
        what: format!("{directory} leads to {to}"),
        change,
        path: directory.into(),
        claim,
        victims,
    }
}

/// Ways to let another user write to a file or directory.
fn shared(path: &str, with: &str, claim: Claim, victims: &'static [Victim]) -> [Way; 4] {
    [
        (
            format!("a group of several writes to {path}"),
            format!("chgrp team {path}; chmod g+w {path}"),
        ),
        (
            format!("everybody writes to {path}"),
            format!("chmod a+w {path}"),
        ),
        (
            format!("an ACL lets {with} write to {path}"),
            format!("setfacl -m u:{with}:rwx {path}"),
        ),
        (
            format!("{path} is {with}'s"),
            format!("chown {with} {path}"),
        ),
    ]
    .map(|(what, change)| Way {
        what,
        change,
        path: path.into(),
        claim,
        victims,
    })
}

/// Manipulations of a user's store.
fn ways_of_user(_: &Store, files: &[File]) -> Vec<Way> {
    use Claim::{NotSystems, Open, Shared, Users};
    use Victim::{OwnContainer, RootsService};
    let both: &[_] = &[RootsService, OwnContainer];
    let of = |decides, claim| {
        if decides == Decides::Process {
            claim
        } else {
            Open
        }
    };
    let record = &files[0].path;
    let way = |what: &str, change: String, path: &str, victims| Way {
        what: what.into(),
        change,
        path: path.into(),
        claim: Users,
        victims,
    };
    let roots = if record.starts_with("/run/") {
        "/run/file"
    } else {
        "/var/lib/file"
    };
    let hard_link = format!("cp {record} {roots}; ln -f {roots} {record}");
    let mut ways = vec![
        way(
            "it is as the engine makes it",
            String::new(),
            "",
            &Victim::ALL,
        ),
        Way {
            claim: NotSystems,
            ..way(
                "the record is a hard link to root's file",
                hard_link,
                record,
                both,
            )
        },
    ];
    for (directory, decides) in directories(files, &[HOME, RUNTIME]) {
        for to in ["/tmp", "/run/team"] {
            let claim = of(decides, NotSystems);
            ways.push(moved(&directory, to, "4242:4242", claim, both));
        }
        let change = format!("chmod g+w {directory}");
        ways.push(way(
            "the user's own group writes to the directory",
            change,
            &directory,
            &[OwnContainer],
        ));
        ways.extend(shared(
            &directory,
            "ada",
            of(decides, Shared),
            &[OwnContainer],
        ));
    }
    for File { path, decides, .. } in files {
        ways.extend(shared(path, "ada", of(*decides, Shared), &[OwnContainer]));
    }
    ways
}

/// Manipulations of a store of the system that let the user write to it.
fn ways_of_system(store: &Store, files: &[File]) -> Vec<Way> {
    use Claim::{NotSystems, Open, Systems};
    let victims = &[Victim::RootsService];
    let of = |decides| {
        if decides == Decides::Process {
            NotSystems
        } else {
            Open
        }
    };
    let way = |what: &str, change: String, path: &str, claim| Way {
        what: what.into(),
        change,
        path: path.into(),
        claim,
        victims,
    };
    let mut ways = vec![way(
        "it is as the engine makes it",
        String::new(),
        "",
        Systems,
    )];
    for (directory, decides) in directories(files, &["/run", "/var/lib"]) {
        for to in [HOME, "/run/team"] {
            // The id is the directory's name, which root gave, and the runtime's own state names
            // the process.
            let claim = if directory.ends_with(store.called) {
                Open
            } else {
                of(decides)
            };
            ways.push(moved(&directory, to, "root:root", claim, victims));
        }
        let change = format!("chmod 1777 {directory}; chown -R 4242:4242 {directory}/*");
        ways.push(way(
            "the user made what is in a sticky directory",
            change,
            &directory,
            of(decides),
        ));
        ways.extend(shared(&directory, "mapper", of(decides), victims));
    }
    for File { path, decides, .. } in files {
        ways.extend(shared(path, "mapper", of(*decides), victims));
    }
    ways
}

/// Removes all records from the host.
const CLEAR: &str = r#"
    cd /run; rm -rf crun runc docker containerd containers systemd file
    cd /var/lib; rm -rf docker nerdctl containers file
    find /var/lib/mapper /tmp /run/team /run/user/4242 -mindepth 1 -maxdepth 1 ! -name bundle ! -name 'nsx-tests*' -exec rm -rf {} +
    chmod 755 /var/lib/mapper; chmod 700 /run/user/4242"#;

/// Enters each of the words `$@`, and prints one line per word: the status of nsx, the word, and
/// the mount namespace.
const ENTER: &str = r#"
    for word; do
        case $word in own\ *) as=$AS_MAPPER word=${word#own };; *) as=;; esac
        env=; [ -z "$as" ] || env="env HOME=/var/lib/mapper XDG_RUNTIME_DIR=/run/user/4242"
        if out=$($as $env nsx enter $word -- readlink /proc/self/ns/mnt 2>/run/stderr); then status=0; else status=$?; fi
        echo "$status,$as$word,$out,$(ls /run/marks | tr '\n' ' '),$(tr '\n' ' ' </run/stderr)"
        rm -f /run/marks/*
    done"#;

/// Tries all ways into these stores, and fails with a list of all wrong results.
#[track_caller]
fn assert_nothing_misleads(session: &Session, names: &[&str]) {
    let world = World::new(session, Cgroups::AsOutside);
    let mut wrong = Vec::new();
    let mut count = 0;
    for store in STORES.iter().filter(|store| names.contains(&store.name)) {
        for directories in [store.users, store.systems]
            .into_iter()
            .filter(|directories| !directories.is_empty())
        {
            let is_users = directories == store.users;
            let ways = if is_users {
                ways_of_user
            } else {
                ways_of_system
            };
            for way in ways(store, &store.files(directories, Named::default())) {
                for &victim in way.victims {
                    let files = store.files(directories, world.named(victim));
                    count += 1;
                    wrong.extend(tried(&world, store, is_users, &way, victim, &files));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} answers to {count} cases are wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// Writes a record in one way, and returns the wrong answers of nsx.
fn tried(
    world: &World<'_>,
    store: &Store,
    is_users: bool,
    way: &Way,
    victim: Victim,
    files: &[File],
) -> Vec<String> {
    let Store {
        name,
        engine,
        called,
        ..
    } = store;
    let bare = [
        format!("{engine}:{called}"),
        (*called).to_owned(),
        format!("--all-of {engine}:*"),
    ];
    let full = [
        format!("{engine}:mapper@{called}"),
        format!("--all-of {engine}:mapper@*"),
    ];
    let own = [format!("own {engine}:{called}"), format!("own {called}")];
    let own = if is_users && way.claim == Claim::Users {
        &own[..]
    } else {
        &[]
    };

    let write = |File { path, text, .. }: &File| {
        let (directory, _) = path.rsplit_once('/').unwrap();
        format!("mkdir -p {directory}; cat >{path} <<'END'\n{text}\nEND\n")
    };
    let written: String = files.iter().map(write).collect();
    let owned = if is_users {
        "chown -R 4242:4242 /var/lib/mapper /run/user/4242"
    } else {
        ""
    };
    let script = format!("{CLEAR}\n{written}{owned}\n{}\n{ENTER}", way.change);
    let mut shell = world
        .host
        .shell(&script)
        .env("AS_MAPPER", AS_MAPPER)
        .arg("sh");
    for word in bare.iter().chain(&full).chain(own) {
        shell = shell.arg(word);
    }
    let answers = shell.output();

    let mounts = world.mounts(victim);
    // A record that root alone could write may be followed.
    let is_roots =
        |file: &File| file.path.ends_with("/config.json") && !file.path.starts_with(&way.path);
    let may_mark = match way.claim {
        Claim::Systems => files.iter().any(|file| file.path.ends_with("/config.json")),
        Claim::Open => !is_users && files.iter().any(is_roots),
        _ => false,
    };
    let is_own = victim == Victim::OwnContainer;
    let mut wrong = Vec::new();
    for (place, answer) in answers.lines().enumerate() {
        let [status, _, output, marks, _] = *answer.splitn(5, ',').collect::<Vec<_>>() else {
            panic!("{answer}")
        };
        let entered = status == "0" && output.ends_with(&mounts);
        let is_right = match (place, way.claim) {
            (0..=2, Claim::Systems) => entered,
            (0..=2, Claim::Open) => true,
            (0..=2, _) => status == "125",
            (3..=4, Claim::Users) => entered == is_own && (entered || status == "125"),
            (3..=4, Claim::NotSystems | Claim::Open) => !entered || is_own,
            (3..=4, _) => status == "125",
            (_, Claim::Users) => entered == is_own,
            _ => true,
        };
        if !is_right || !may_mark && !marks.is_empty() {
            let whose = if is_users {
                "the user's"
            } else {
                "the system's"
            };
            wrong.push(format!(
                "{whose} {name} names {victim:?}; {} ({:?}): {answer}",
                way.what, way.claim
            ));
        }
    }
    wrong
}
