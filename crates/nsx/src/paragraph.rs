//! Sentences with a lead before them: lines of a report, broken between words to fit a terminal.

use crate::style::Styles;
use unicode_width::UnicodeWidthStr;

/// A sentence. All text is safe to show, see [`crate::text::escape`].
#[derive(Debug)]
pub(crate) struct Paragraph {
    /// The start of the first line. Further lines are indented by its width.
    lead: String,
    text: String,
    is_heading: bool,
}

impl Paragraph {
    pub(crate) fn new(lead: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            lead: lead.into(),
            text: text.into(),
            is_heading: false,
        }
    }

    /// A heading: a name, and a word about it.
    pub(crate) fn heading(name: &str, word: &str) -> Self {
        Self {
            is_heading: true,
            ..Self::new("", format!("{name}: {word}"))
        }
    }

    /// Returns the lines. With the `width` of a terminal, only a word that is too long by itself
    /// makes a line wider than that; without, the paragraph is one line.
    pub(crate) fn render(&self, styles: &Styles, width: Option<usize>) -> String {
        if self.is_heading {
            return format!("{}\n", styles.heading.style(&self.text));
        }
        let indent = self.lead.width();
        let mut text = self.lead.clone();
        let mut column = indent;
        for (index, word) in self.text.split(' ').enumerate() {
            let is_first = index == 0;
            if !is_first && width.is_some_and(|width| column + 1 + word.width() > width) {
                text.push('\n');
                text.extend(std::iter::repeat_n(' ', indent));
                column = indent;
            } else if !is_first {
                text.push(' ');
                column += 1;
            }
            text.push_str(word);
            column += word.width();
        }
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words_to_fit_a_terminal() {
        let paragraph = Paragraph::new("  ok ", "one two three");
        let lines = |width| paragraph.render(&Styles::default(), width);
        assert_eq!(lines(None), "  ok one two three\n");
        assert_eq!(lines(Some(18)), "  ok one two three\n");
        assert_eq!(lines(Some(17)), "  ok one two\n     three\n");
        assert_eq!(lines(Some(3)), "  ok one\n     two\n     three\n");
    }
}
