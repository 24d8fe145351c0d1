//! `cargo xtask picture`: README's picture, a terminal session as SVG.
//!
//! The session is `docs/picture.sh`. It runs in a terminal of its own, so that programs print what
//! they print to people.

use crate::{Outcome, tree};
use std::{env, fmt::Write, fs, process::Command};

/// The columns of the terminal.
const COLUMNS: usize = 80;

/// The size of a character, in the units of the picture.
const CHARACTER: (f32, f32) = (8.4, 19.0);

/// The space around the text.
const MARGIN: f32 = 16.0;

/// Runs the session and writes the picture.
pub(crate) fn run() -> Outcome {
    if !tree::cargo()
        .args(["build", "--bin", "nsx"])
        .status()?
        .success()
    {
        return Err("nsx could not be built".into());
    }
    let script = tree::root().join("docs/picture.sh");
    let session = format!(
        "stty cols {COLUMNS} rows 50 && exec bash '{}'",
        script.display()
    );
    let own = tree::root().join("target/debug");
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([own].into_iter().chain(env::split_paths(&path)))?;
    // script(1) of util-linux makes the terminal.
    let output = Command::new("script")
        .args(["--quiet", "--return", "--command", &session, "/dev/null"])
        .env("PATH", path)
        .env("TERM", "xterm-256color")
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    if !output.status.success() {
        return Err(format!("the session failed: {text}").into());
    }
    fs::write(tree::root().join("docs/picture.svg"), draw(&text))?;
    Ok(())
}

/// Draws what a terminal shows after these bytes.
fn draw(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    let width = CHARACTER.0 * COLUMNS as f32 + 2.0 * MARGIN;
    let height = CHARACTER.1 * lines.len() as f32 + 2.0 * MARGIN;
    let mut picture = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#1b1f27\"/>\n\
         <g font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" \
         font-size=\"14\" fill=\"#d7dae0\" xml:space=\"preserve\">\n"
    );
    let mut style = Style::default();
    for (row, line) in lines.iter().enumerate() {
        let y = MARGIN + CHARACTER.1 * (row as f32 + 0.75);
        let _ = write!(picture, "<text x=\"{MARGIN}\" y=\"{y:.1}\">");
        for (index, part) in line.trim_end().split("\u{1b}[").enumerate() {
            let text = match part.split_once('m') {
                Some((codes, text)) if index > 0 => {
                    style.apply(codes);
                    text
                }
                _ => part,
            };
            style.write(text, &mut picture);
        }
        picture.push_str("</text>\n");
    }
    picture.push_str("</g>\n</svg>\n");
    picture
}

/// The colour and weight of characters.
#[derive(Clone, Copy, Debug, Default)]
struct Style {
    bold: bool,
    dim: bool,
    colour: Option<&'static str>,
}

impl Style {
    /// Applies the codes of a sequence "select graphic rendition", see `console_codes(4)`.
    fn apply(&mut self, codes: &str) {
        for code in codes.split(';') {
            match code {
                "" | "0" => *self = Self::default(),
                "1" => self.bold = true,
                "2" => self.dim = true,
                "22" => (self.bold, self.dim) = (false, false),
                "31" | "91" => self.colour = Some("#f0767e"),
                "32" | "92" => self.colour = Some("#a5cf7c"),
                "33" | "93" => self.colour = Some("#e6c07b"),
                "34" | "94" => self.colour = Some("#6cb2f2"),
                "35" | "95" => self.colour = Some("#cf85e0"),
                "36" | "96" => self.colour = Some("#5cc0cb"),
                "39" => self.colour = None,
                _ => {}
            }
        }
    }

    fn write(self, text: &str, picture: &mut String) {
        if text.is_empty() {
            return;
        }
        let text = text
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;");
        let mut attributes = String::new();
        if self.bold {
            attributes.push_str(" font-weight=\"bold\"");
        }
        if self.dim {
            attributes.push_str(" opacity=\"0.6\"");
        }
        if let Some(colour) = self.colour {
            let _ = write!(attributes, " fill=\"{colour}\"");
        }
        if attributes.is_empty() {
            picture.push_str(&text);
        } else {
            let _ = write!(picture, "<tspan{attributes}>{text}</tspan>");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_become_spans_and_signs_are_escaped() {
        let picture = draw("a \u{1b}[1;31mb<c\u{1b}[0m & d\r\n");
        assert!(picture.contains(
            ">a <tspan font-weight=\"bold\" fill=\"#f0767e\">b&lt;c</tspan> &amp; d</text>"
        ));
    }
}
