//! SVG for a browser: a user namespace is a frame around what it owns, and lines connect boxes that
//! share namespaces.

use super::{
    Line, Node, cut,
    layout::{self, BOX_WIDTH, GAP, LINE, PADDING, Placed},
};
use nsx_core::hash::HashMap;
use std::fmt::Write;

/// The number of characters that fit into a line of a box.
const CHARACTERS: usize = 40;

/// The distance of lines that run side by side, in pixels, and the number of lanes for them.
const APART: usize = 5;
const LANES: usize = 4;

/// Draws the document.
pub(super) fn draw(nodes: &[Node]) -> String {
    let (placed, width, height) = layout::layout(nodes);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
        viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n<title>Namespaces</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    placed.iter().for_each(|it| draw_box(it, &mut svg));
    let boxes: HashMap<u64, usize> = placed
        .iter()
        .enumerate()
        .flat_map(|(index, it)| {
            it.node
                .namespaces
                .iter()
                .map(move |(_, inode)| (*inode, index))
        })
        .collect();
    let mut lane = 0;
    for it in &placed {
        let others = it.node.shared.iter().filter(|shared| shared.is_drawn());
        let mut others: Vec<_> = others
            .filter_map(|shared| boxes.get(&shared.inode))
            .collect();
        others.sort_unstable();
        others.dedup();
        // A frame around the box needs no line to it.
        for other in others
            .into_iter()
            .map(|other| &placed[*other])
            .filter(|other| !other.has_within(it))
        {
            draw_line(it, other, lane % LANES, &mut svg);
            lane += 1;
        }
    }
    svg + "</svg>\n"
}

/// Draws a line between two boxes, through the gaps between others.
fn draw_line(from: &Placed<'_>, to: &Placed<'_>, lane: usize, svg: &mut String) {
    let shift = (lane + 1) * APART;
    let (x0, x1) = (
        from.left + BOX_WIDTH / 2 + 2 * shift,
        to.left + BOX_WIDTH / 2 - 2 * shift,
    );
    let (above, above_other) = (from.top - shift, to.top - shift);
    let way = if from.top == to.top {
        format!("M{x0} {}V{above}H{x1}V{}", from.top, to.top)
    } else {
        let between = from.left.saturating_sub(GAP) + shift;
        format!(
            "M{x0} {}V{above}H{between}V{above_other}H{x1}V{}",
            from.top, to.top
        )
    };
    let _ = writeln!(
        svg,
        "<path d=\"{way}\" fill=\"none\" stroke=\"#c50\" stroke-width=\"1.5\"/>"
    );
    for (x, y) in [(x0, from.top), (x1, to.top)] {
        let _ = writeln!(
            svg,
            "<rect x=\"{}\" y=\"{}\" width=\"6\" height=\"6\" rx=\"3\" fill=\"#c50\"/>",
            x - 3,
            y - 3
        );
    }
}

fn draw_box(it: &Placed<'_>, svg: &mut String) {
    let Placed {
        node,
        left,
        top,
        width,
        height,
        columns,
    } = it;
    let fill = if node.owns { "#e4edfb" } else { "#f6f6f2" };
    let _ = writeln!(
        svg,
        "<g><title>{}</title><rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" \
        rx=\"4\" fill=\"{fill}\" \
         stroke=\"#889\"/>",
        xml(&node.command),
    );
    let mut line = |text: &str, style: &str, column: usize, row: usize| {
        let (x, y) = (
            left + PADDING + column * (BOX_WIDTH + GAP),
            top + PADDING + (row + 1) * LINE - 4,
        );
        let _ = writeln!(
            svg,
            "<text x=\"{x}\" y=\"{y}\"{style}>{}</text>",
            xml(&cut(text, CHARACTERS))
        );
    };
    line(&node.title, " font-weight=\"bold\"", 0, 0);
    let lines: Vec<_> = node.lines().collect();
    let rows = lines.len().div_ceil(*columns).max(1);
    for (index, (text, what)) in lines.iter().enumerate() {
        let style = match what {
            Line::Command => " fill=\"#555\"",
            Line::Namespace => "",
            Line::Shared => " fill=\"#b40\"",
        };
        line(text, style, index / rows, 1 + index % rows);
    }
    svg.push_str("</g>\n");
}

/// Escapes text for an XML document. Control characters are escaped already.
fn xml(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::{
        super::{HOST, Shared},
        *,
    };

    fn node(title: &str, children: Vec<Node>) -> Node {
        Node {
            title: title.into(),
            command: "<sh> & \"x\"".into(),
            namespaces: vec![("net 1".into(), 1), ("uts 2".into(), 2)],
            leader: None,
            shared: Vec::new(),
            owns: !children.is_empty(),
            children,
        }
    }

    fn leaves(count: usize) -> Vec<Node> {
        (0..count)
            .map(|leaf| node(&leaf.to_string(), Vec::new()))
            .collect()
    }

    #[test]
    fn boxes_are_within_their_frames_and_do_not_overlap() {
        let nodes = [
            node("a", leaves(3)),
            node("b", vec![node("c", leaves(2)), node("d", leaves(1))]),
        ];
        let (placed, width, height) = layout::layout(&nodes);
        assert_eq!(placed.len(), 10);
        for (index, one) in placed.iter().enumerate() {
            assert!(one.left + one.width < width && one.top + one.height < height);
            let owns = |one: &Placed<'_>, other: &Placed<'_>| {
                other
                    .node
                    .children
                    .iter()
                    .any(|child| std::ptr::eq(child, one.node))
            };
            for other in placed.iter().filter(|other| owns(one, other)) {
                assert!(
                    other.has_within(one),
                    "{} in {}",
                    one.node.title,
                    other.node.title
                );
            }
            for other in &placed[index + 1..] {
                let apart = one.left + one.width < other.left
                    || other.left + other.width < one.left
                    || one.top + one.height < other.top
                    || other.top + other.height < one.top;
                assert!(
                    apart || one.has_within(other),
                    "{} and {}",
                    one.node.title,
                    other.node.title
                );
            }
        }
    }

    #[test]
    fn many_boxes_make_a_drawing_that_is_wider_than_high() {
        for count in [6, 25, 100] {
            let (_, width, height) = layout::layout(&[node("host", leaves(count))]);
            assert!(
                (10..=30).contains(&(width * 10 / height)),
                "{count}: {width} by {height}"
            );
        }
    }

    #[test]
    fn boxes_that_share_a_namespace_are_adjacent_and_connected() {
        let mut children = leaves(9);
        children
            .iter_mut()
            .enumerate()
            .for_each(|(index, it)| it.namespaces = vec![("net".into(), 10 + index as u64)]);
        children[7].shared = vec![Shared {
            kind: "net".into(),
            inode: 11,
            of: Some("1".into()),
        }];
        children[8].shared = vec![Shared {
            kind: "net".into(),
            inode: 99,
            of: Some(HOST.into()),
        }];
        let nodes = [node("host", children)];
        let (placed, ..) = layout::layout(&nodes);
        let titles: Vec<_> = placed.iter().map(|it| it.node.title.as_str()).collect();
        assert_eq!(
            titles,
            ["host", "0", "1", "7", "2", "3", "4", "5", "6", "8"]
        );
        let svg = draw(&nodes);
        assert_eq!(svg.matches("<path").count(), 1, "{svg}");
        assert!(
            svg.contains(">net of 1<") && svg.contains(">net of host<"),
            "{svg}"
        );
    }

    #[test]
    fn text_from_a_process_is_escaped() {
        let svg = draw(&[node("a", Vec::new())]);
        assert!(svg.contains("&lt;sh&gt; &amp; &quot;x&quot;"), "{svg}");
        assert_eq!(svg.matches("<g>").count(), 1);
        assert!(draw(&[]).ends_with("</svg>\n"));
    }
}
