//! JSON in the layouts of util-linux: one member per line, or as `LIBSMARTCOLS_JSON` requests.

use super::words;
use std::fmt::Write;

/// The layout of the document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Style {
    #[default]
    Pretty,
    /// On one line.
    Compact,
    /// A line per row, and nothing around the lines.
    Lines,
}

impl Style {
    /// Returns the style that the variable's value names.
    pub(super) fn named(value: Option<&[u8]>) -> Self {
        match value {
            Some(b"compact") => Self::Compact,
            Some(b"lines") => Self::Lines,
            _ => Self::Pretty,
        }
    }
}

/// An object: its members as names and finished values, and the index of its parent, which comes
/// before it.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) members: Vec<(String, String)>,
    pub(super) parent: Option<usize>,
}

/// Returns a finished string.
pub(super) fn string(bytes: &[u8]) -> String {
    words::json(bytes)
}

/// Returns a document: an object with one member of this name, an array of `objects`.
pub(super) fn document(name: &str, objects: &[Object], style: Style) -> String {
    let mut children = vec![Vec::new(); objects.len()];
    let mut roots = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        match object.parent {
            Some(parent) => children[parent].push(index),
            None => roots.push(index),
        }
    }
    let mut writer = Writer {
        text: String::new(),
        objects,
        children: &children,
    };
    match style {
        Style::Pretty => {
            let _ = write!(writer.text, "{{\n   {}: ", string(name.as_bytes()));
            writer.pretty_array(&roots, 1);
            writer.text.push_str("\n}\n");
        }
        Style::Compact => {
            let _ = write!(writer.text, "{{{}:", string(name.as_bytes()));
            writer.compact_array(&roots);
            writer.text.push_str("}\n");
        }
        Style::Lines => {
            for root in roots {
                writer.compact(root);
                writer.text.push('\n');
            }
        }
    }
    writer.text
}

struct Writer<'a> {
    text: String,
    objects: &'a [Object],
    children: &'a [Vec<usize>],
}

impl Writer<'_> {
    /// Writes an array with brackets that are indented by `depth` steps.
    fn pretty_array(&mut self, indices: &[usize], depth: usize) {
        let indent = |depth: usize| " ".repeat(3 * depth);
        self.text.push_str("[\n");
        if indices.is_empty() {
            self.text.push('\n');
        }
        for (number, &index) in indices.iter().enumerate() {
            if number == 0 {
                self.text += &indent(depth + 1);
            }
            self.text.push_str("{\n");
            for (number, (name, value)) in self.objects[index].members.iter().enumerate() {
                let comma = if number == 0 { "" } else { ",\n" };
                let _ = write!(self.text, "{comma}{}\"{name}\": {value}", indent(depth + 2));
            }
            let children = &self.children[index];
            if !children.is_empty() {
                let _ = write!(self.text, ",\n{}\"children\": ", indent(depth + 2));
                self.pretty_array(children, depth + 2);
            }
            let _ = write!(self.text, "\n{}}}", indent(depth + 1));
            self.text.push_str(if number + 1 < indices.len() {
                ","
            } else {
                "\n"
            });
        }
        let _ = write!(self.text, "{}]", indent(depth));
    }

    fn compact_array(&mut self, indices: &[usize]) {
        self.text.push('[');
        for (number, &index) in indices.iter().enumerate() {
            if number > 0 {
                self.text.push(',');
            }
            self.compact(index);
        }
        self.text.push(']');
    }

    fn compact(&mut self, index: usize) {
        self.text.push('{');
        for (number, (name, value)) in self.objects[index].members.iter().enumerate() {
            let comma = if number == 0 { "" } else { "," };
            let _ = write!(self.text, "{comma}\"{name}\":{value}");
        }
        let children = &self.children[index];
        if !children.is_empty() {
            self.text.push_str(",\"children\":");
            self.compact_array(children);
        }
        self.text.push('}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layout_has_the_same_content() {
        let object = |name: &str, parent| Object {
            members: vec![("n".into(), string(name.as_bytes()))],
            parent,
        };
        let objects = [
            object("a", None),
            object("b", Some(0)),
            object("c", Some(1)),
            object("d", None),
            object("e", Some(0)),
        ];
        let [pretty, compact] = [Style::Pretty, Style::Compact].map(|style| {
            serde_json::from_str::<serde_json::Value>(&document("rows", &objects, style)).unwrap()
        });
        assert_eq!(pretty, compact);
        assert_eq!(pretty["rows"][0]["children"][0]["children"][0]["n"], "c");
        assert_eq!(pretty["rows"][0]["children"][1]["n"], "e");
        let lines = document("rows", &objects, Style::Lines);
        let lines: Vec<serde_json::Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(pretty["rows"], serde_json::Value::Array(lines));
        assert_eq!(
            document("rows", &[], Style::Pretty),
            "{\n   \"rows\": [\n\n   ]\n}\n"
        );
        assert_eq!(document("rows", &[], Style::Lines), "");
    }
}
