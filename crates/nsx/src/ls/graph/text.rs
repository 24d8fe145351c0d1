//! Pictures for programs that lay them out themselves.

use super::{Picture, cut};
use std::fmt::Write;

/// As many characters of a command as a box has room for.
const COMMAND: usize = 40;

/// For graphviz.
pub(super) fn dot(pictures: &[Picture]) -> String {
    let mut text =
        "digraph namespaces {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\", fontsize=11];\n".to_owned();
    each(pictures, &mut |number, above, picture| {
        let lines: String = lines(picture).iter().map(|line| format!("{}\\l", dot_text(line))).collect();
        let style = if picture.owns { ", style=filled, fillcolor=\"#eef3fb\"" } else { "" };
        let _ = writeln!(text, "  n{number} [label=\"{lines}\"{style}];");
        if let Some(above) = above {
            let _ = writeln!(text, "  n{above} -> n{number};");
        }
    });
    text + "}\n"
}

/// For Markdown pages.
pub(super) fn mermaid(pictures: &[Picture]) -> String {
    let mut text = "flowchart LR\n".to_owned();
    each(pictures, &mut |number, above, picture| {
        let lines: Vec<_> = lines(picture).iter().map(|line| mermaid_text(line)).collect();
        let _ = writeln!(text, "  n{number}[\"{}\"]", lines.join("<br>"));
        if let Some(above) = above {
            let _ = writeln!(text, "  n{above} --> n{number}");
        }
    });
    text
}

/// Each box with its number and that of the one above it.
fn each(pictures: &[Picture], draw: &mut dyn FnMut(usize, Option<usize>, &Picture)) {
    let mut stack: Vec<_> = pictures.iter().rev().map(|picture| (None, picture)).collect();
    let mut number = 0;
    while let Some((above, picture)) = stack.pop() {
        draw(number, above, picture);
        stack.extend(picture.children.iter().rev().map(|child| (Some(number), child)));
        number += 1;
    }
}

fn lines(picture: &Picture) -> Vec<String> {
    let command = Some(cut(&picture.command, COMMAND)).filter(|command| !command.is_empty());
    std::iter::once(picture.title.clone()).chain(command).chain(picture.namespaces.iter().cloned()).collect()
}

/// Within a double-quoted string.
fn dot_text(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// Within a label in quotes, where HTML is read.
fn mermaid_text(text: &str) -> String {
    let escaped = text.chars().map(|letter| match letter {
        letter if letter.is_alphanumeric() || " -_./:,()=@+…".contains(letter) => letter.to_string(),
        letter => format!("#{};", letter as u32),
    });
    escaped.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pictures() -> Vec<Picture> {
        let child = Picture {
            title: "docker:web".into(),
            command: "sh -c \"a\\b\" <x>".into(),
            namespaces: vec!["net 2, 1 process".into()],
            owns: false,
            children: Vec::new(),
        };
        let namespaces = vec!["user 1, 3 processes".into()];
        vec![Picture {
            title: "process 1 of root".into(),
            command: String::new(),
            namespaces,
            owns: true,
            children: vec![child],
        }]
    }

    #[test]
    fn what_a_process_chose_cannot_end_a_label() {
        let dot = dot(&pictures());
        assert!(dot.contains(r#"n1 [label="docker:web\lsh -c \"a\\b\" <x>\lnet 2, 1 process\l"];"#), "{dot}");
        assert!(dot.contains("n0 -> n1;"));
        let mermaid = mermaid(&pictures());
        assert!(
            mermaid.contains(r#"n1["docker:web<br>sh -c #34;a#92;b#34; #60;x#62;<br>net 2, 1 process"]"#),
            "{mermaid}"
        );
        assert!(mermaid.contains("n0 --> n1"));
    }
}
