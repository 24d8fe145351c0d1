//! `nsx unshare --overlay`: changes that stay in a directory, and the list of changes.

use crate::support::{Need, Session, Test, both, root};
use std::fs;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(changes_are_listed_when_the_program_ends),
        both(the_list_agrees_with_diff).needs([Need::Tool("diff")]),
        both(a_replaced_directory_lists_what_it_hides),
        both(names_are_made_safe_for_a_terminal),
        both(a_list_comes_whether_or_not_the_program_succeeds),
        both(changes_stay_and_are_there_for_the_next_program),
        both(changes_that_stay_are_listed),
        both(a_lower_directory_is_read_only_but_for_the_overlay),
        both(a_directory_for_changes_is_checked_first),
        both(changes_need_an_overlay),
        root(an_overlay_of_a_root_directory_lists_paths_of_the_program),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces, Need::Kernel(5, 11)]))
    .collect()
}

/// A directory `tree`, as a script makes it.
const TREE: &str = "
    mkdir -p tree/dir/sub tree/gone
    echo old >tree/same; echo old >tree/changed; echo old >tree/deleted
    echo old >tree/dir/sub/file; echo old >tree/gone/file; ln -s same tree/link";

/// Changes that a program makes there.
const CHANGE: &str = "
    echo new >changed; rm deleted; rm -r gone; echo new >added
    mkdir -p new/deep; echo new >new/deep/file; echo more >>dir/sub/file
    ln -sf changed link; chmod 700 dir; touch same";

fn here(session: &Session) -> String {
    session.directory().display().to_string()
}

fn changes_are_listed_when_the_program_ends(session: &Session) {
    session.shell(TREE).output();
    let here = here(session);
    let listed = session
        .unshare(&format!(
            "--overlay tree:{here}/tree --wd tree --changes sh -ec"
        ))
        .arg(CHANGE)
        .output();
    let expected = [
        "added    added",
        "changed  changed",
        "deleted  deleted",
        "changed  dir",
        "changed  dir/sub/file",
        "deleted  gone",
        "changed  link",
        "added    new",
        "added    new/deep",
        "added    new/deep/file",
        // Its data came up when the time was set.
        "changed  same",
    ];
    let expected = expected.map(|line| on_tree(&here, line));
    assert_eq!(listed.lines().collect::<Vec<_>>(), expected);
    assert_eq!(session.shell("cat tree/changed").output(), "old");
}

/// A line of the list, from its word and the path below `tree`.
fn on_tree(here: &str, line: &str) -> String {
    let (word, path) = line.split_once(' ').unwrap();
    format!("{word:7}  {here}/tree/{}", path.trim_start())
}

fn the_list_agrees_with_diff(session: &Session) {
    session.shell(TREE).output();
    session
        .shell(&format!("cp -a tree copy; cd copy; {CHANGE}"))
        .output();
    let here = here(session);
    let listed = session
        .unshare(&format!(
            "--overlay tree:{here}/tree --wd tree --changes sh -ec"
        ))
        .arg(CHANGE)
        .output();
    let diff = session
        .shell("diff -rq --no-dereference tree copy || :")
        .output();
    for line in diff.lines() {
        let (word, path) = if let Some(path) = line.strip_prefix("Only in tree") {
            ("deleted", path)
        } else if let Some(path) = line.strip_prefix("Only in copy") {
            ("added", path)
        } else {
            let path = line.split_whitespace().nth(1).unwrap();
            ("changed", path.strip_prefix("tree").unwrap_or(path))
        };
        let path = path.replace(": ", "/");
        // diff words a link that differs otherwise.
        if line.starts_with("Symbolic") {
            continue;
        }
        let line = format!("{word:7}  {here}/tree{path}");
        assert!(listed.lines().any(|it| it == line), "{line}: {listed}");
    }
    assert!(diff.lines().count() > 5, "{diff}");
}

fn a_replaced_directory_lists_what_it_hides(session: &Session) {
    session.shell(TREE).output();
    let here = here(session);
    let listed = session
        .unshare(&format!(
            "--overlay tree:{here}/tree --wd tree --changes sh -ec"
        ))
        .arg("rm -r dir gone; mkdir dir; echo x >dir/other; echo x >gone")
        .output();
    let expected = ["added    dir/other", "deleted  dir/sub", "changed  gone"];
    let expected = expected.map(|line| on_tree(&here, line));
    assert_eq!(listed.lines().collect::<Vec<_>>(), expected);
}

fn names_are_made_safe_for_a_terminal(session: &Session) {
    session.shell("mkdir tree").output();
    let here = here(session);
    let listed = session
        .unshare(&format!(
            "--overlay tree:{here}/tree --wd tree --changes sh -c"
        ))
        .arg("touch \"$(printf 'a\\033[31mb\\nc')\" \"$(printf '\\377')\"")
        .output();
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert!(!listed.contains('\x1b'), "{listed:?}");
}

fn a_list_comes_whether_or_not_the_program_succeeds(session: &Session) {
    session.shell("mkdir tree").output();
    let here = here(session);
    let options = format!("--overlay tree:{here}/tree --wd tree --changes sh -c");
    let failed = session.unshare(&options).arg("touch new; exit 7").run();
    assert!(failed.exited(7).text().contains("/tree/new"));
    let killed = session.unshare(&options).arg("touch new; kill -9 $$").run();
    assert!(
        killed
            .killed_by(rustix::process::Signal::KILL)
            .text()
            .contains("/tree/new")
    );
    let pid = session
        .unshare(&format!("--pid {options}"))
        .arg("touch new")
        .output();
    assert_eq!(pid, format!("added    {here}/tree/new"));
}

fn changes_stay_and_are_there_for_the_next_program(session: &Session) {
    session.shell(&format!("{TREE}; mkdir kept")).output();
    let here = here(session);
    let options = format!("--overlay tree:{here}/tree,upper=kept --wd tree sh -ec");
    session.unshare(&options).arg(CHANGE).output();
    assert_eq!(session.shell("cat tree/changed").output(), "old");
    assert_eq!(session.shell("cat kept/upper/changed").output(), "new");
    let seen = session.unshare(&options).arg("cat changed; ls");
    assert_eq!(seen.output(), "new\nadded\nchanged\ndir\nlink\nnew\nsame");
}

fn changes_that_stay_are_listed(session: &Session) {
    session
        .shell("mkdir tree kept; echo old >tree/file")
        .output();
    let here = here(session);
    let options =
        format!("--overlay tree:{here}/tree,upper={here}/kept --wd tree --changes sh -ec");
    let first = session.unshare(&options).arg("echo new >first");
    assert_eq!(first.output(), format!("added    {here}/tree/first"));
    let second = session.unshare(&options).arg("rm file");
    assert_eq!(
        second.output(),
        format!("deleted  {here}/tree/file\nadded    {here}/tree/first")
    );
}

fn a_lower_directory_is_read_only_but_for_the_overlay(session: &Session) {
    session.shell("mkdir tree kept").output();
    let here = here(session);
    let outcome = session
        .unshare(&format!(
            "--ro-root --overlay tree:{here}/tree,upper=kept sh -c"
        ))
        .arg("touch tree/new && touch new 2>/dev/null || echo refused")
        .output();
    assert_eq!(outcome, "refused");
    assert!(fs::exists(session.path("kept/upper/new")).unwrap());
    assert!(!fs::exists(session.path("tree/new")).unwrap());
}

fn a_directory_for_changes_is_checked_first(session: &Session) {
    session
        .shell("mkdir tree full; touch full/file file")
        .output();
    let here = here(session);
    for (upper, says) in [
        ("missing", &["missing", "mkdir"][..]),
        ("full", &["not empty"]),
        ("file", &["failed to open file"]),
    ] {
        let options = format!("--overlay tree:{here}/tree,upper={upper} touch ran");
        session.unshare(&options).run().exited(125).says(says);
    }
    assert!(!fs::exists(session.path("ran")).unwrap());
}

fn changes_need_an_overlay(session: &Session) {
    for option in ["", "--tmpfs /tmp"] {
        let refused = session.unshare(&format!("--mount --changes {option} touch ran"));
        refused
            .run()
            .exited(125)
            .says(&["there is none", "--overlay"]);
    }
    let refused = session.unshare("--mount --changes --name x --overlay /etc:/etc touch ran");
    refused.run().exited(125);
    assert!(!fs::exists(session.path("ran")).unwrap());
}

fn an_overlay_of_a_root_directory_lists_paths_of_the_program(session: &Session) {
    let listed = session
        .nsx("unshare --overlay /:/ --changes sh -c")
        .arg("touch /etc/nsx-was-here; rm -f /etc/hostname")
        .run()
        .exited(0);
    assert!(
        listed.text().contains("added    /etc/nsx-was-here"),
        "{}",
        listed.text()
    );
    assert!(!fs::exists("/etc/nsx-was-here").unwrap());
}
