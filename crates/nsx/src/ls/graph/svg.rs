//! Pictures for a browser: a user namespace is a frame around what it owns, and lines join boxes
//! that share namespaces.

use super::{
    HOST, Line, Picture, cut,
    layout::{self, BOX_WIDTH, GAP, LINE, PADDING, Placed},
};
use nsx_core::hash::HashMap;
use std::fmt::Write;

/// Characters that fit into a box.
const CHARACTERS: usize = 40;

/// Lines run beside one another, so many pixels apart, in so many lanes.
const APART: usize = 5;
const LANES: usize = 4;

/// The whole document.
pub(super) fn draw(pictures: &[Picture]) -> String {
    let (placed, width, height) = layout::place(pictures);
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
        .flat_map(|(place, it)| {
            it.picture
                .namespaces
                .iter()
                .map(move |(_, inode)| (*inode, place))
        })
        .collect();
    let mut lane = 0;
    for it in &placed {
        let others = it.picture.shared.iter().filter(|shared| shared.of != HOST);
        let mut others: Vec<_> = others
            .filter_map(|shared| boxes.get(&shared.inode))
            .collect();
        others.sort_unstable();
        others.dedup();
        // A frame around the box is a line to it already.
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

/// A line between two boxes, which runs through the gaps between others.
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
        picture,
        left,
        top,
        width,
        height,
        columns,
    } = it;
    let fill = if picture.owns { "#e4edfb" } else { "#f6f6f2" };
    let _ = writeln!(
        svg,
        "<g><title>{}</title><rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" \
        rx=\"4\" fill=\"{fill}\" \
         stroke=\"#889\"/>",
        xml(&picture.command),
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
    line(&picture.title, " font-weight=\"bold\"", 0, 0);
    let lines: Vec<_> = picture.lines().collect();
    let rows = lines.len().div_ceil(*columns).max(1);
    for (place, (text, what)) in lines.iter().enumerate() {
        let style = match what {
            Line::Command => " fill=\"#555\"",
            Line::Namespace => "",
            Line::Shared => " fill=\"#b40\"",
        };
        line(text, style, place / rows, 1 + place % rows);
    }
    svg.push_str("</g>\n");
}

/// Text of an XML document. Control characters, which it cannot have, are escaped already.
fn xml(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::{super::Shared, *};

    fn picture(title: &str, children: Vec<Picture>) -> Picture {
        Picture {
            title: title.into(),
            command: "<sh> & \"x\"".into(),
            namespaces: vec![("net 1".into(), 1), ("uts 2".into(), 2)],
            leader: None,
            shared: Vec::new(),
            owns: !children.is_empty(),
            children,
        }
    }

    fn leaves(count: usize) -> Vec<Picture> {
        (0..count)
            .map(|leaf| picture(&leaf.to_string(), Vec::new()))
            .collect()
    }

    #[test]
    fn boxes_stand_within_their_frames_and_nowhere_else() {
        let pictures = [
            picture("a", leaves(3)),
            picture("b", vec![picture("c", leaves(2)), picture("d", leaves(1))]),
        ];
        let (placed, width, height) = layout::place(&pictures);
        assert_eq!(placed.len(), 10);
        for (place, one) in placed.iter().enumerate() {
            assert!(one.left + one.width < width && one.top + one.height < height);
            let owns = |one: &Placed<'_>, other: &Placed<'_>| {
                other
                    .picture
                    .children
                    .iter()
                    .any(|child| std::ptr::eq(child, one.picture))
            };
            for other in placed.iter().filter(|other| owns(one, other)) {
                assert!(
                    other.has_within(one),
                    "{} in {}",
                    one.picture.title,
                    other.picture.title
                );
            }
            for other in &placed[place + 1..] {
                let apart = one.left + one.width < other.left
                    || other.left + other.width < one.left
                    || one.top + one.height < other.top
                    || other.top + other.height < one.top;
                assert!(
                    apart || one.has_within(other),
                    "{} and {}",
                    one.picture.title,
                    other.picture.title
                );
            }
        }
    }

    #[test]
    fn many_boxes_make_a_picture_that_is_wider_than_high() {
        for count in [6, 25, 100] {
            let (_, width, height) = layout::place(&[picture("host", leaves(count))]);
            assert!(
                (10..=30).contains(&(width * 10 / height)),
                "{count}: {width} by {height}"
            );
        }
    }

    #[test]
    fn who_shares_stands_beside_the_other_and_is_joined_to_it() {
        let mut children = leaves(9);
        children
            .iter_mut()
            .enumerate()
            .for_each(|(place, it)| it.namespaces = vec![("net".into(), 10 + place as u64)]);
        children[7].shared = vec![Shared {
            kind: "net",
            inode: 11,
            of: "1".into(),
        }];
        children[8].shared = vec![Shared {
            kind: "net",
            inode: 99,
            of: HOST.into(),
        }];
        let pictures = [picture("host", children)];
        let (placed, ..) = layout::place(&pictures);
        let titles: Vec<_> = placed.iter().map(|it| it.picture.title.as_str()).collect();
        assert_eq!(
            titles,
            ["host", "0", "1", "7", "2", "3", "4", "5", "6", "8"]
        );
        let svg = draw(&pictures);
        assert_eq!(svg.matches("<path").count(), 1, "{svg}");
        assert!(
            svg.contains(">net of 1<") && svg.contains(">net of host<"),
            "{svg}"
        );
    }

    #[test]
    fn what_a_process_chose_is_text() {
        let svg = draw(&[picture("a", Vec::new())]);
        assert!(svg.contains("&lt;sh&gt; &amp; &quot;x&quot;"), "{svg}");
        assert_eq!(svg.matches("<g>").count(), 1);
        assert!(draw(&[]).ends_with("</svg>\n"));
    }
}
