//! The files that are read, their limits, and the claim on each.

use super::*;
use crate::{claim::Location, testing::Tree};
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
};

/// The user who runs the tests stands for root in the tree.
fn walk(tree: &Tree, location: &Location) -> Result<Dir, ReadError> {
    Dir::walk(
        &Rc::new(Files::recorded(&tree.path(""), 0).unwrap()),
        location,
    )
}

fn system(tree: &Tree, path: &str) -> Result<Dir, ReadError> {
    walk(tree, &Location::system(path))
}

fn mode(tree: &Tree, name: &str, mode: u32) {
    fs::set_permissions(tree.path(name), fs::Permissions::from_mode(mode)).unwrap();
}

/// Returns the claim on the file `a/b/file` of the store.
fn claim(tree: &Tree) -> Result<Claim, ReadError> {
    system(tree, "/store")?
        .content("a/b/file")
        .map(|content| content.claim)
}

fn shared<T: std::fmt::Debug>(tree: &Tree, result: Result<T, ReadError>, name: &str) {
    assert_eq!(
        result.unwrap_err(),
        ReadError::Shared(fs::canonicalize(tree.path(name)).unwrap()),
        "{name}"
    );
}

#[test]
fn only_plain_files_beneath_are_read() {
    let tree = Tree::new();
    tree.file("store/a/file", "text");
    tree.file("outside", "secret");
    symlink("../../outside", tree.path("store/a/link")).unwrap();
    symlink("..", tree.path("store/up")).unwrap();
    rustix::fs::mknodat(CWD, tree.path("store/fifo"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    // The second location is a path that a user chose.
    for location in [
        Location::system("/store"),
        Location::new("/store", Claim::User(7)),
    ] {
        let store = walk(&tree, &location).unwrap();
        assert_eq!(store.read("a/file").unwrap(), b"text");
        assert_eq!(store.read("a/link").unwrap_err(), ReadError::Irregular);
        assert_eq!(store.read("up/outside").unwrap_err(), ReadError::Irregular);
        assert!(store.read("../outside").is_err());
        assert!(store.read(tree.path("outside")).is_err());
        assert_eq!(store.read("fifo").unwrap_err(), ReadError::Irregular);
        assert_eq!(store.read("a").unwrap_err(), ReadError::Irregular);
        assert_eq!(store.read("b").unwrap_err(), ReadError::Absent);
        assert_eq!(store.read("a/file/b").unwrap_err(), ReadError::Absent);
        assert!(store.has("a/link") && !store.has("a/b"));
        assert_eq!(store.names().unwrap(), [&b"a"[..], b"fifo", b"up"]);
    }
}

#[test]
fn a_file_that_is_too_long_is_refused_unread() {
    let tree = Tree::new();
    tree.file("huge", "");
    fs::File::options()
        .write(true)
        .open(tree.path("huge"))
        .unwrap()
        .set_len(LONGEST + 1)
        .unwrap();
    assert_eq!(
        system(&tree, "/").unwrap().read("huge").unwrap_err(),
        ReadError::TooLong
    );
}

#[test]
fn files_of_the_kernel_are_read_whole() {
    let files = Rc::new(Files::system(0).unwrap());
    let proc = Dir::walk(&files, &Location::system("/proc")).unwrap();
    let text = proc.read(format!("{}/status", std::process::id())).unwrap();
    assert!(text.starts_with(b"Name:") && text.ends_with(b"\n"));
}

#[test]
fn every_directory_on_the_path_counts_with_those_who_can_write_to_it() {
    for open in ["", "store", "store/a", "store/a/b", "store/a/b/file"] {
        let tree = Tree::new();
        tree.file("store/a/b/file", "text");
        assert_eq!(claim(&tree), Ok(Claim::System));
        mode(&tree, open, 0o777);
        shared(&tree, claim(&tree), open);
        // The members of the group are not known.
        mode(&tree, open, 0o775);
        shared(&tree, claim(&tree), open);
        mode(&tree, open, 0o755);
        assert_eq!(claim(&tree), Ok(Claim::System));
    }
}

#[test]
fn a_group_counts_with_those_who_are_in_it() {
    let gid = rustix::process::getegid().as_raw();
    let expected = |group: &str, passwd: &str| {
        let tree = Tree::new();
        tree.file("store/a/b/file", "text");
        tree.file("etc/group", group.replace("GID", &gid.to_string()));
        tree.file("etc/passwd", passwd.replace("GID", &gid.to_string()));
        mode(&tree, "store/a", 0o775);
        let claim = claim(&tree);
        if claim.is_err() {
            shared(&tree, claim.clone(), "store/a");
        }
        claim.unwrap_or(Claim::Several)
    };
    let users = "root:x:0:0::/:\nada:x:7007:GID::/:\nbob:x:7008:7008::/:\n";
    assert_eq!(expected("ada:x:GID:\n", users), Claim::User(7007));
    assert_eq!(expected("ada:x:GID:ada,root\n", users), Claim::User(7007));
    assert_eq!(expected("ada:x:GID:bob\n", users), Claim::Several);
    assert_eq!(expected("ada:x:GID:carol\n", users), Claim::Several);
    assert_eq!(expected("ada:x:7:\n", users), Claim::Several);
    let elsewhere = users.replace("7007:GID", "7007:7007");
    assert_eq!(expected("staff:x:GID:root\n", &elsewhere), Claim::System);
    assert_eq!(expected("staff:x:GID:bob\n", &elsewhere), Claim::User(7008));
    assert_eq!(
        expected("staff:x:GID:bob,ada\n", &elsewhere),
        Claim::Several
    );
}

#[test]
fn a_file_with_an_access_control_list_is_a_claim_of_several() {
    let tree = Tree::new();
    tree.file("store/a/b/file", "text");
    tree.file(
        "etc/group",
        format!("staff:x:{}:root\n", rustix::process::getegid().as_raw()),
    );
    tree.file("etc/passwd", "root:x:0:0::/:\n");
    mode(&tree, "store/a", 0o775);
    assert_eq!(claim(&tree), Ok(Claim::System));
    // Version 2; then the owner, user 7007, the group, the mask and others: a tag, permissions and
    // an id each.
    let entries = [
        (1, 7, u32::MAX),
        (2, 7, 7007),
        (4, 5, u32::MAX),
        (0x10, 7, u32::MAX),
        (0x20, 5, u32::MAX),
    ];
    let mut list = 2_u32.to_le_bytes().to_vec();
    for (tag, may, id) in entries {
        list.extend([u16::to_le_bytes(tag), u16::to_le_bytes(may)].concat());
        list.extend(id.to_le_bytes());
    }
    let flags = rustix::fs::XattrFlags::empty();
    rustix::fs::setxattr(
        tree.path("store/a"),
        c"system.posix_acl_access",
        &list,
        flags,
    )
    .unwrap();
    shared(&tree, claim(&tree), "store/a");
}

#[test]
fn in_a_sticky_directory_only_roots_own_directories_are_roots() {
    let tree = Tree::new();
    tree.file("store/a/b/file", "text");
    mode(&tree, "store/a", 0o1777);
    assert_eq!(claim(&tree), Ok(Claim::System));
    // Any user may have moved the directory there.
    mode(&tree, "store/a", 0o755);
    mode(&tree, "store/a/b", 0o1777);
    shared(&tree, claim(&tree), "store/a/b");
}

#[test]
fn links_on_the_way_to_a_store_are_followed_and_count() {
    let tree = Tree::new();
    tree.file("real/store/file", "text");
    tree.file("open/x", "");
    for (link, target) in [
        ("up", "real/../real"),
        ("whole", "/real"),
        ("open/link", "/real"),
        ("loop", "loop"),
    ] {
        symlink(target, tree.path(link)).unwrap();
    }
    symlink("../up/./store", tree.path("real/again")).unwrap();
    for path in [
        "/up/store",
        "/whole/store",
        "/real/again",
        "/up/again",
        "/whole/../../real//store",
    ] {
        let content = system(&tree, path).unwrap().content("file").unwrap();
        assert_eq!(
            (content.bytes.as_slice(), content.claim),
            (&b"text"[..], Claim::System),
            "{path}"
        );
    }
    assert_eq!(system(&tree, "/loop/x").unwrap_err(), ReadError::Irregular);
    assert_eq!(
        system(&tree, "/open/link/none").unwrap_err(),
        ReadError::Absent
    );
    for bits in [0o777, 0o1777] {
        mode(&tree, "open", bits);
        shared(&tree, system(&tree, "/open/link/store"), "open");
    }
    mode(&tree, "open", 0o755);
    mode(&tree, "real", 0o777);
    for path in ["/real/store", "/up/store", "/whole/store"] {
        shared(&tree, system(&tree, path), "real");
    }
}

#[test]
fn a_path_that_a_user_chose_is_at_most_the_users_claim() {
    let tree = Tree::new();
    tree.file("store/a/b/file", "text");
    let store = walk(&tree, &Location::new("/store", Claim::User(7))).unwrap();
    assert_eq!(
        (store.claim(), store.content("a/b/file").unwrap().claim),
        (Claim::User(7), Claim::User(7))
    );
    assert!(matches!(
        walk(&tree, &Location::new("/store", Claim::Several)),
        Err(ReadError::Shared(_))
    ));
    assert!(matches!(
        store.claimed(Claim::User(8)),
        Err(ReadError::Shared(_))
    ));
}

#[test]
fn the_store_of_another_user_is_cut_off() {
    let tree = Tree::new();
    fs::create_dir(tree.path("store")).unwrap();
    for number in 0..10_001 {
        fs::write(tree.path(&format!("store/{number}")), "").unwrap();
    }
    let names = |caller: u32, claim| {
        let files = Rc::new(Files::recorded(&tree.path(""), caller).unwrap());
        let store = Dir::walk(&files, &Location::new("/store", claim)).unwrap();
        store.names().map(|names| names.len())
    };
    let after = "10000 entries".to_owned();
    assert_eq!(
        names(0, Claim::User(7)),
        Err(ReadError::CutOff { uid: 7, after })
    );
    assert_eq!(
        (names(7, Claim::User(7)), names(0, Claim::System)),
        (Ok(10_001), Ok(10_001))
    );
    let huge = fs::File::options()
        .write(true)
        .open(tree.path("store/1"))
        .unwrap();
    huge.set_len(LONGEST).unwrap();
    let store = walk(&tree, &Location::new("/store", Claim::User(7))).unwrap();
    assert!(store.read("1").is_ok() && store.read("1").is_ok());
    let after = "32 MiB".to_owned();
    assert_eq!(store.read("1"), Err(ReadError::CutOff { uid: 7, after }));
}
