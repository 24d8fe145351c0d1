//! The layout of an event, as its file `format` in tracefs describes it.

use crate::bytes::decimal;
use memchr::memmem;
use std::ops::Range;

/// The layout of an event.
#[derive(Debug)]
pub(super) struct Format {
    /// The number of the event in a buffer.
    pub(super) id: u16,
    fields: Vec<(Vec<u8>, Range<usize>)>,
}

impl Format {
    /// Reads the text of the file.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let lines = || text.split(|byte| *byte == b'\n');
        let id = lines().find_map(|line| line.strip_prefix(b"ID: "))?;
        Some(Self {
            id: decimal(id)?.try_into().ok()?,
            fields: lines().filter_map(field).collect(),
        })
    }

    /// Returns the bytes of a field.
    pub(super) fn field(&self, name: &str) -> Option<Range<usize>> {
        let mut fields = self.fields.iter();
        let (_, range) = fields.find(|(field, _)| field == name.as_bytes())?;
        Some(range.clone())
    }
}

/// Reads a line such as `field:char comm[16]; offset:12; size:16; signed:0;`, with tabs before the
/// words.
fn field(line: &[u8]) -> Option<(Vec<u8>, Range<usize>)> {
    let value = |key: &str| {
        let value = &line[memmem::find(line, key.as_bytes())? + key.len()..];
        value.split(|byte| *byte == b';').next()
    };
    let number = |key| usize::try_from(decimal(value(key)?)?).ok();
    let name = value("\tfield:")?.rsplit(|byte| *byte == b' ').next()?;
    let name = name.split(|byte| *byte == b'[').next()?;
    let start = number("\toffset:")?;
    Some((name.to_vec(), start..start.checked_add(number("\tsize:")?)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fields_are_found_by_name() {
        let format = Format::parse(
            b"name: task_newtask\nID: 205\nformat:\n\
            \tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\n\
            \tfield:char comm[16];\toffset:12;\tsize:16;\tsigned:0;\n\
            \tfield:u64 clone_flags;\toffset:32;\tsize:8;\tsigned:0;\n\n\
            print fmt: \"comm=%s\", REC->comm\n",
        )
        .unwrap();
        assert_eq!(format.id, 205);
        assert_eq!(format.field("comm"), Some(12..28));
        assert_eq!(format.field("clone_flags"), Some(32..40));
        assert_eq!(format.field("pid"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text: Vec<u8>) {
            let _ = Format::parse(&text);
        }
    }
}
