//! Text in which some bytes are written as others.

/// `text` with every byte that is written as several put back. `decode` gives the byte that the
/// start of a text stands for, and what follows; none where the first byte stands for itself.
pub fn unescape(text: &[u8], decode: impl Fn(&[u8]) -> Option<(u8, &[u8])>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        let (byte, tail) = decode(rest).unwrap_or((*first, tail));
        bytes.push(byte);
        rest = tail;
    }
    bytes
}
