//! Numbers and escaped bytes in texts.

/// Reads an unsigned decimal number: digits only, at least one, that fit into 64 bits.
pub fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, &byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number.checked_mul(10)?.checked_add(digit.into())
    })
}

/// `text` with every byte that is written as several put back. `decode` gives the byte that the
/// start of a text stands for, and what follows; none if the first byte stands for itself.
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn decimal_agrees_with_the_standard_library(text in "[0-9]{1,22}") {
            prop_assert_eq!(decimal(text.as_bytes()), text.parse().ok());
        }

        #[test]
        fn decimal_takes_digits_only(bytes: Vec<u8>) {
            let digits = !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit);
            prop_assert!(digits || decimal(&bytes).is_none());
        }
    }
}
