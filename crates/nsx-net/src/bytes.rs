//! Messages and their attributes as bytes, in the byte order of the host.

use netlink_packet_core::NetlinkBuffer;

/// The length of the header of a message.
pub(crate) const HEADER: usize = 16;

/// The messages in a datagram. Bytes that are not a whole message end them.
pub(crate) struct Messages<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = NetlinkBuffer<&'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        let length = NetlinkBuffer::new_checked(self.0).ok()?.length() as usize;
        let message = NetlinkBuffer::new(self.0.get(..length)?);
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(message)
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

    proptest! {
        #[test]
        fn no_attributes_make_it_panic(bytes: Vec<u8>) {
            prop_assert!(Attributes(&bytes).count() <= bytes.len() / 4);
        }
    }
}
