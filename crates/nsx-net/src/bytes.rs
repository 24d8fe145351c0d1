//! Messages and their attributes as bytes, in the byte order of the host: `netlink(7)`,
//! `rtnetlink(7)`.

/// The length of the header of a message.
pub(crate) const HEADER: usize = 16;

/// A message that was received.
pub(crate) struct Message<'a> {
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    pub(crate) sequence: u32,
    pub(crate) body: &'a [u8],
}

/// The messages in a datagram. Bytes that are not a whole message end them.
pub(crate) struct Messages<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let length = usize::try_from(number(self.0, 0)?).ok()?;
        let message = Message {
            kind: half(self.0, 4)?,
            flags: half(self.0, 6)?,
            sequence: number(self.0, 8)?,
            body: self.0.get(HEADER..length)?,
        };
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    }
}

/// The body of a message to send: a structure of the kernel, and attributes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Body(pub(crate) Vec<u8>);

impl Body {
    /// Adds an attribute, padded as the kernel requires.
    pub(crate) fn with(mut self, kind: u16, value: &[u8]) -> Self {
        debug_assert!(value.len() <= usize::from(u16::MAX) - 4);
        self.0.extend((4 + value.len() as u16).to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    /// Adds an attribute of 32 bits.
    pub(crate) fn with_number(self, kind: u16, value: u32) -> Self {
        self.with(kind, &value.to_ne_bytes())
    }

    /// Adds an attribute of 32 bits, if there is a value.
    pub(crate) fn with_optional(self, kind: u16, value: Option<u32>) -> Self {
        match value {
            Some(value) => self.with_number(kind, value),
            None => self,
        }
    }

    /// Adds a text with the zero at its end.
    pub(crate) fn with_text(self, kind: u16, text: &str) -> Self {
        self.with(kind, &[text.as_bytes(), b"\0"].concat())
    }
}

/// The attributes of a message, or of an attribute that has others in it: type and value.
pub(crate) struct Attributes<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        /// The bits of a type that say how the value is encoded.
        const FLAGS: u16 = 0xc000;
        let length = usize::from(half(self.0, 0)?);
        let kind = half(self.0, 2)? & !FLAGS;
        let value = self.0.get(4..length)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    }
}

/// Returns the 16 bits at an offset, in the byte order of the host.
pub(crate) fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Returns the 32 bits at an offset, in the byte order of the host.
pub(crate) fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Returns the bytes before the first zero.
pub(crate) fn text(bytes: &[u8]) -> Vec<u8> {
    bytes
        .split(|byte| *byte == 0)
        .next()
        .unwrap_or_default()
        .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn attributes_are_read_at_multiples_of_four() {
        let bytes = [5, 0, 3, 0, b'a', 0, 0, 0, 4, 0, 7, 0x80, 99, 0, 1, 0];
        // The last attribute says that it is longer than what is there.
        let read: Vec<_> = Attributes(&bytes).collect();
        assert_eq!(read, [(3, &b"a"[..]), (7, &[])]);
    }

    #[test]
    fn written_attributes_are_read_again() {
        let body = Body::default()
            .with_text(3, "eth0")
            .with_optional(4, None)
            .with_optional(5, Some(7))
            .with(1, &Body::default().with(9, &[1, 2]).0);
        let read: Vec<_> = Attributes(&body.0).collect();
        let seven = 7_u32.to_ne_bytes();
        assert_eq!(read[..2], [(3, &b"eth0\0"[..]), (5, &seven)]);
        assert_eq!(read[2].0, 1);
        let inner: Vec<_> = Attributes(read[2].1).collect();
        assert_eq!(inner, [(9, &[1, 2][..])]);
    }

    proptest! {
        #[test]
        fn no_messages_make_it_panic(bytes: Vec<u8>) {
            prop_assert!(Messages(&bytes).count() <= bytes.len() / HEADER);
        }

        #[test]
        fn no_attributes_make_it_panic(bytes: Vec<u8>) {
            prop_assert!(Attributes(&bytes).count() <= bytes.len() / 4);
        }
    }
}
