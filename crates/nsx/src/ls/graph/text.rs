//! Graphs for programs that lay them out: Graphviz and Mermaid.

use super::{Line, Node, cut};
use nsx_core::hash::HashMap;
use std::{collections::BTreeMap, fmt::Write};

/// The number of characters of a command that a box shows.
const COMMAND: usize = 40;

/// Writes the graph for Graphviz.
pub(super) fn dot(nodes: &[Node]) -> String {
    let mut text =
        "digraph namespaces {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\", \
        fontsize=11];\n"
            .to_owned();
    each(nodes, &mut |number, above, node| {
        let lines: String = lines(node)
            .iter()
            .map(|line| format!("{}\\l", dot_text(line)))
            .collect();
        let style = if node.owns {
            ", style=filled, fillcolor=\"#eef3fb\""
        } else {
            ""
        };
        let _ = writeln!(text, "  n{number} [label=\"{lines}\"{style}];");
        if let Some(above) = above {
            let _ = writeln!(text, "  n{above} -> n{number};");
        }
    });
    edges(nodes, &mut |from, to, kinds| {
        let _ = writeln!(
            text,
            "  n{from} -> n{to} [label=\"{kinds}\", style=dashed, constraint=false];"
        );
    });
    text + "}\n"
}

/// Writes the graph in Mermaid, for Markdown pages.
pub(super) fn mermaid(nodes: &[Node]) -> String {
    let mut text = "flowchart LR\n".to_owned();
    each(nodes, &mut |number, above, node| {
        let lines: Vec<_> = lines(node).iter().map(|line| mermaid_text(line)).collect();
        let _ = writeln!(text, "  n{number}[\"{}\"]", lines.join("<br>"));
        if let Some(above) = above {
            let _ = writeln!(text, "  n{above} --> n{number}");
        }
    });
    edges(nodes, &mut |from, to, kinds| {
        let _ = writeln!(text, "  n{from} -.->|{kinds}| n{to}");
    });
    text
}

/// Passes each node to `draw`, with its number and the number of the node above it.
fn each(nodes: &[Node], draw: &mut dyn FnMut(usize, Option<usize>, &Node)) {
    let mut stack: Vec<_> = nodes.iter().rev().map(|node| (None, node)).collect();
    let mut number = 0;
    while let Some((above, node)) = stack.pop() {
        draw(number, above, node);
        stack.extend(
            node.children
                .iter()
                .rev()
                .map(|child| (Some(number), child)),
        );
        number += 1;
    }
}

/// Passes each pair of nodes to `draw` whose first is in namespaces of the second, with the kinds of
/// these. Namespaces of the host have no edge.
fn edges(nodes: &[Node], draw: &mut dyn FnMut(usize, usize, &str)) {
    let mut numbers = HashMap::default();
    each(nodes, &mut |number, _, node| {
        numbers.extend(node.namespaces.iter().map(|(_, inode)| (*inode, number)));
    });
    each(nodes, &mut |number, _, node| {
        let mut kinds: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
        for shared in node.shared.iter().filter(|shared| shared.is_drawn()) {
            if let Some(other) = numbers.get(&shared.inode) {
                kinds.entry(*other).or_default().push(&shared.kind);
            }
        }
        kinds
            .iter()
            .for_each(|(other, kinds)| draw(number, *other, &kinds.join(" ")));
    });
}

fn lines(node: &Node) -> Vec<String> {
    let lines = node.lines().map(|(line, what)| {
        if what == Line::Command {
            cut(&line, COMMAND)
        } else {
            line
        }
    });
    std::iter::once(node.title.clone()).chain(lines).collect()
}

/// Escapes text for a double-quoted string.
fn dot_text(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// Escapes text for a label, in which Mermaid reads HTML.
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

    fn nodes() -> Vec<Node> {
        let child = Node {
            title: "docker:web".into(),
            command: "sh -c \"a\\b\" <x>".into(),
            namespaces: vec![("net 2, 1 process".into(), 2)],
            leader: Some(7),
            shared: vec![Shared {
                kind: "uts".into(),
                inode: 3,
                of: Some("process 1 of root".into()),
            }],
            owns: false,
            children: Vec::new(),
        };
        let namespaces = vec![("user 1, 3 processes".into(), 1), ("uts 3".into(), 3)];
        vec![Node {
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
    fn text_from_a_process_cannot_end_a_label() {
        let dot = dot(&nodes());
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
        let mermaid = mermaid(&nodes());
        assert!(
            mermaid.contains(
                r#"n1["docker:web<br>sh -c #34;a#92;b#34; #60;x#62;<br>net 2, 1 process<br>uts of process 1 of root"]"#
            ),
            "{mermaid}"
        );
        assert!(mermaid.contains("n0 --> n1") && mermaid.contains("n1 -.->|uts| n0"));
    }
}
