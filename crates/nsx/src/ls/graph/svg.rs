//! Pictures for a browser: a box's children stand to its right, from top to bottom, with no line that crosses another.

use super::{Picture, cut};
use std::fmt::Write;

/// Sizes in pixels. The widths fit 11-pixel letters of any sans-serif font.
const BOX_WIDTH: usize = 250;
const LINE: usize = 16;
const PADDING: usize = 8;
const GAP: usize = 12;
const BETWEEN: usize = 50;
const MARGIN: usize = 16;
/// Characters that fit into a box.
const CHARACTERS: usize = 40;

/// Where a box is drawn.
struct Placed<'a> {
    picture: &'a Picture,
    left: usize,
    top: usize,
    above: Option<usize>,
}

/// The whole document.
pub(super) fn draw(pictures: &[Picture]) -> String {
    let mut placed = Vec::new();
    let mut bottom = MARGIN;
    for picture in pictures {
        bottom = place(picture, 0, bottom, None, &mut placed);
    }
    let right = placed.iter().map(|it| it.left + BOX_WIDTH).max().unwrap_or(0) + MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{right}\" height=\"{bottom}\" viewBox=\"0 0 {right} {bottom}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n<title>Namespaces</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    for it in &placed {
        if let Some(above) = it.above {
            let above = &placed[above];
            let (x0, y0) = (above.left + BOX_WIDTH, above.top + PADDING + LINE / 2);
            let (x1, y1, middle) = (it.left, it.top + PADDING + LINE / 2, it.left - BETWEEN / 2);
            let _ = writeln!(svg, "<path d=\"M{x0} {y0}H{middle}V{y1}H{x1}\" fill=\"none\" stroke=\"#99a\"/>");
        }
    }
    for it in &placed {
        draw_box(it, &mut svg);
    }
    svg + "</svg>\n"
}

/// Finds a place for a box and for all below it; gives where the next one may begin.
fn place<'a>(
    picture: &'a Picture,
    depth: usize,
    top: usize,
    above: Option<usize>,
    placed: &mut Vec<Placed<'a>>,
) -> usize {
    let own = placed.len();
    placed.push(Placed { picture, left: MARGIN + depth * (BOX_WIDTH + BETWEEN), top, above });
    let mut bottom = top;
    for child in &picture.children {
        bottom = place(child, depth + 1, bottom, Some(own), placed);
    }
    bottom.max(top + height(picture) + GAP)
}

fn height(picture: &Picture) -> usize {
    let lines = 1 + usize::from(!picture.command.is_empty()) + picture.namespaces.len();
    lines * LINE + 2 * PADDING
}

fn draw_box(it: &Placed<'_>, svg: &mut String) {
    let Placed { picture, left, top, .. } = it;
    let fill = if picture.owns { "#e4edfb" } else { "#f6f6f2" };
    let _ = writeln!(
        svg,
        "<g><title>{}</title><rect x=\"{left}\" y=\"{top}\" width=\"{BOX_WIDTH}\" height=\"{}\" rx=\"4\" fill=\"{fill}\" \
         stroke=\"#889\"/>",
        xml(&picture.command),
        height(picture)
    );
    let mut baseline = top + PADDING + LINE - 4;
    let mut line = |text: &str, style: &str| {
        let text = xml(&cut(text, CHARACTERS));
        let _ = writeln!(svg, "<text x=\"{}\" y=\"{baseline}\"{style}>{text}</text>", left + PADDING);
        baseline += LINE;
    };
    line(&picture.title, " font-weight=\"bold\"");
    if !picture.command.is_empty() {
        line(&picture.command, " fill=\"#555\"");
    }
    for namespace in &picture.namespaces {
        line(namespace, "");
    }
    svg.push_str("</g>\n");
}

/// Text of an XML document. Control characters, which it cannot have, are escaped already.
fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(title: &str, children: Vec<Picture>) -> Picture {
        Picture {
            title: title.into(),
            command: "<sh> & \"x\"".into(),
            namespaces: vec!["net 1".into(), "uts 2".into()],
            owns: !children.is_empty(),
            children,
        }
    }

    #[test]
    fn no_two_boxes_overlap() {
        let leaves = |count: usize| (0..count).map(|leaf| picture(&leaf.to_string(), Vec::new())).collect::<Vec<_>>();
        let pictures = [picture("a", leaves(3)), picture("b", vec![picture("c", leaves(2)), picture("d", leaves(1))])];
        let (mut placed, mut bottom) = (Vec::new(), MARGIN);
        for picture in &pictures {
            bottom = place(picture, 0, bottom, None, &mut placed);
        }
        assert_eq!(placed.len(), 10);
        for (place, one) in placed.iter().enumerate() {
            assert!(one.top + height(one.picture) <= bottom);
            for other in &placed[place + 1..] {
                let apart = one.top + height(one.picture) <= other.top || other.top + height(other.picture) <= one.top;
                assert!(apart || one.left != other.left, "{} and {}", one.picture.title, other.picture.title);
            }
        }
    }

    #[test]
    fn what_a_process_chose_is_text() {
        let svg = draw(&[picture("a", Vec::new())]);
        assert!(svg.contains("&lt;sh&gt; &amp; &quot;x&quot;"), "{svg}");
        assert_eq!(svg.matches("<g>").count(), 1);
        assert!(draw(&[]).ends_with("</svg>\n"));
    }
}
