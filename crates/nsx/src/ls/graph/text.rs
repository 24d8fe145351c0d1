//! Pictures for programs that lay them out themselves.

use super::{HOST, Line, Picture, cut};
use nsx_core::hash::HashMap;
use std::{collections::BTreeMap, fmt::Write};

/// As many characters of a command as a box has room for.
const COMMAND: usize = 40;

/// For graphviz.
pub(super) fn dot(pictures: &[Picture]) -> String {
    let mut text =
        "digraph namespaces {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\", \
        fontsize=11];\n"
            .to_owned();
    each(pictures, &mut |number, above, picture| {
        let lines: String = lines(picture)
            .iter()
            .map(|line| format!("{}\\l", dot_text(line)))
            .collect();
        let style = if picture.owns {
            ", style=filled, fillcolor=\"#eef3fb\""
        } else {
            ""
        };
        let _ = writeln!(text, "  n{number} [label=\"{lines}\"{style}];");
        if let Some(above) = above {
            let _ = writeln!(text, "  n{above} -> n{number};");
        }
    });
    edges(pictures, &mut |from, to, kinds| {
        let _ = writeln!(
            text,
            "  n{from} -> n{to} [label=\"{kinds}\", style=dashed, constraint=false];"
        );
    });
    text + "}\n"
}

/// For Markdown pages.
pub(super) fn mermaid(pictures: &[Picture]) -> String {
    let mut text = "flowchart LR\n".to_owned();
    each(pictures, &mut |number, above, picture| {
        let lines: Vec<_> = lines(picture)
            .iter()
            .map(|line| mermaid_text(line))
            .collect();
        let _ = writeln!(text, "  n{number}[\"{}\"]", lines.join("<br>"));
        if let Some(above) = above {
            let _ = writeln!(text, "  n{above} --> n{number}");
        }
    });
    edges(pictures, &mut |from, to, kinds| {
        let _ = writeln!(text, "  n{from} -.->|{kinds}| n{to}");
    });
    text
}

/// Each box with its number and that of the one above it.
fn each(pictures: &[Picture], draw: &mut dyn FnMut(usize, Option<usize>, &Picture)) {
    let mut stack: Vec<_> = pictures
        .iter()
        .rev()
        .map(|picture| (None, picture))
        .collect();
    let mut number = 0;
    while let Some((above, picture)) = stack.pop() {
        draw(number, above, picture);
        stack.extend(
            picture
                .children
                .iter()
                .rev()
                .map(|child| (Some(number), child)),
        );
        number += 1;
    }
}

/// Each two boxes of which the first is in namespaces of the second, and the kinds of these. The
/// host's are only named.
fn edges(pictures: &[Picture], draw: &mut dyn FnMut(usize, usize, &str)) {
    let mut places = HashMap::default();
    each(pictures, &mut |number, _, picture| {
        places.extend(picture.namespaces.iter().map(|(_, inode)| (*inode, number)));
    });
    each(pictures, &mut |number, _, picture| {
        let mut kinds: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
        for shared in picture.shared.iter().filter(|shared| shared.of != HOST) {
            if let Some(place) = places.get(&shared.inode) {
                kinds.entry(*place).or_default().push(shared.kind);
            }
        }
        kinds
            .iter()
            .for_each(|(other, kinds)| draw(number, *other, &kinds.join(" ")));
    });
}

fn lines(picture: &Picture) -> Vec<String> {
    let lines = picture.lines().map(|(line, what)| {
        if what == Line::Command {
            cut(&line, COMMAND)
        } else {
            line
        }
    });
    std::iter::once(picture.title.clone())
        .chain(lines)
        .collect()
}

/// Within a double-quoted string.
fn dot_text(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// Within a label in quotes, where HTML is read.
fn mermaid_text(text: &str) -> String {
    let escaped = text.chars().map(|letter| match letter {
        letter if letter.is_alphanumeric() || " -_./:,()=@+…".contains(letter) => {
            letter.to_string()
        }
        letter => format!("#{};", letter as u32),
    });
    escaped.collect()
}

#[cfg(test)]
mod tests {
    use super::{super::Shared, *};

    fn pictures() -> Vec<Picture> {
        let child = Picture {
            title: "docker:web".into(),
            command: "sh -c \"a\\b\" <x>".into(),
            namespaces: vec![("net 2, 1 process".into(), 2)],
            leader: Some(7),
            shared: vec![Shared {
                kind: "uts",
                inode: 3,
                of: "process 1 of root".into(),
            }],
            owns: false,
            children: Vec::new(),
        };
        let namespaces = vec![("user 1, 3 processes".into(), 1), ("uts 3".into(), 3)];
        vec![Picture {
            title: "process 1 of root".into(),
            command: String::new(),
            namespaces,
            leader: None,
            shared: Vec::new(),
            owns: true,
            children: vec![child],
        }]
    }

    #[test]
    fn what_a_process_chose_cannot_end_a_label() {
        let dot = dot(&pictures());
        assert!(
            dot.contains(
                r#"n1 [label="docker:web\lsh -c \"a\\b\" <x>\lnet 2, 1 process\luts of process 1 of root\l"];"#
            ),
            "{dot}"
        );
        assert!(
            dot.contains("n0 -> n1;")
                && dot.contains("n1 -> n0 [label=\"uts\", style=dashed, constraint=false];")
        );
        let mermaid = mermaid(&pictures());
        assert!(
            mermaid.contains(
                r#"n1["docker:web<br>sh -c #34;a#92;b#34; #60;x#62;<br>net 2, 1 process<br>uts of process 1 of root"]"#
            ),
            "{mermaid}"
        );
        assert!(mermaid.contains("n0 --> n1") && mermaid.contains("n1 -.->|uts| n0"));
    }
}
