//! Colours and other styles of text on a terminal.

use clap::ValueEnum;
use owo_colors::Style;
use std::io::{self, IsTerminal};

/// The use of colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set or TERM is dumb.
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The styles of the parts of an output; each is empty if there is no colour.
#[derive(Clone, Copy, Debug, Default)]
pub struct Styles {
    /// Headings of a table.
    pub heading: Style,
    /// The style of what the eye looks for: a PID, a namespace.
    pub key: Style,
    /// The style of what is there for completeness.
    pub faint: Style,
}

impl Styles {
    /// Those for standard output.
    pub fn stdout(color: Color) -> Self {
        let on = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
                let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
                io::stdout().is_terminal() && !set("NO_COLOR") && !dumb
            }
        };
        if !on {
            return Self::default();
        }
        Self {
            heading: Style::new().bold(),
            key: Style::new().cyan(),
            faint: Style::new().dimmed(),
        }
    }
}
