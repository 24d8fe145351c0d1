//! `nsx ls --graph`: pictures in dot, mermaid and SVG.

use crate::support::{
    Need, Session, Test, both,
    procfs::{self},
};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(a_tree_and_a_graph_show_the_same_namespaces).needs([Need::Tool("strace")]),
        both(graphs_are_well_formed_and_complete),
        both(a_graph_joins_processes_that_share_a_namespace).needs([Need::Tool("nsenter")]),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

fn a_tree_and_a_graph_show_the_same_namespaces(session: &Session) {
    for words in ["--tree=process", "--tree", "--graph dot", "--all"] {
        // Alone: for a process of a container whose daemon is unknown, nsx searches all processes
        // for the daemon.
        let strace = "strace -f -y -o calls -e trace=getdents64 nsx ls -q";
        let isolate = format!(
            "unshare {}--pid --fork --kill-child --mount-proc",
            session.map_root()
        );
        session
            .command(&format!("{isolate} sh -ec"))
            .arg(format!("unshare --uts sleep 100 & {strace} {words}"))
            .run()
            .exited(0);
        let calls = std::fs::read_to_string(session.path("calls")).unwrap();
        // A list of all processes ends after the kernel's last one.
        let lists = calls
            .lines()
            .filter(|call| call.contains("</proc>") && call.ends_with("= 0"))
            .count();
        assert_eq!(lists, 1, "{words}: {calls}");
    }
}

fn graphs_are_well_formed_and_complete(session: &Session) {
    let unshare = session
        .original_unshare("--user --net sh -c")
        .arg("sleep 100; true # <\"&\\>")
        .start();
    drop(unshare.program("sleep"));
    let inode = procfs::ns(unshare.id(), "net")
        .trim_start_matches("net:[")
        .trim_end_matches(']')
        .to_owned();
    let picture = |language: &str| session.nsx(&format!("ls -q --graph {language}")).output();
    let dot = picture("dot");
    assert!(
        dot.starts_with("digraph namespaces {") && dot.ends_with('}') && dot.contains(&inode),
        "{dot}"
    );
    assert!(dot.contains(r#"# <\"&\\>"#), "{dot}");
    let mermaid = picture("mermaid");
    assert!(
        mermaid.starts_with("flowchart LR\n") && mermaid.contains(&inode),
        "{mermaid}"
    );
    let svg = picture("svg");
    assert!(
        svg.contains(&inode) && svg.contains("# &lt;&quot;&amp;\\&gt;"),
        "{svg}"
    );
    // Well-formed: every opened element is closed.
    for tag in ["svg", "g", "text", "title"] {
        let opened =
            svg.matches(&format!("<{tag} ")).count() + svg.matches(&format!("<{tag}>")).count();
        assert_eq!(
            opened,
            svg.matches(&format!("</{tag}>")).count(),
            "{tag} in {svg}"
        );
    }
}

fn a_graph_joins_processes_that_share_a_namespace(session: &Session) {
    let first = session
        .original_unshare("--mount --net --uts sleep 100")
        .start();
    let id = first.program("sleep").id();
    let user = session.enter_user();
    let second = session
        .command(&format!(
            "nsenter {user}-n -t {id} unshare --mount --uts sleep 200"
        ))
        .start();
    let other = second.program("sleep").id();
    let owner = if session.is_root() { "root" } else { "4242" };
    let (first_box, second_box) = (
        format!("process {id} of {owner}"),
        format!("process {other} of {owner}"),
    );
    let dot = session.nsx("ls -q --graph dot").output();
    let number = |title: &str| {
        let line = dot
            .lines()
            .find(|line| line.contains(&format!("label=\"{title}\\l")))
            .unwrap_or_else(|| panic!("{dot}"));
        line.split_whitespace().next().unwrap().to_owned()
    };
    let edge = format!("{} -> {} [label=", number(&second_box), number(&first_box));
    let line = dot
        .lines()
        .find(|line| line.trim_start().starts_with(&edge))
        .unwrap_or_else(|| panic!("{edge}: {dot}"));
    assert!(line.contains("net"), "{line}");
    let svg = session.nsx("ls -q --graph svg").output();
    let named =
        |line: &str| line.contains("net") && line.ends_with(&format!(" of {first_box}</text>"));
    // A user namespace is a frame around the namespaces that it owns, without lines to them.
    assert!(
        svg.lines().any(named) && (svg.contains("<path ") || !session.is_root()),
        "{svg}"
    );
    // As wide as it is high, or wider.
    let size = |name: &str| -> u32 {
        svg.split(&format!(" {name}=\""))
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap()
            .parse()
            .unwrap()
    };
    assert!(
        size("width") * 10 >= size("height") * 8,
        "{} by {}",
        size("width"),
        size("height")
    );
}
