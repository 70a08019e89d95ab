//! Numbers as hexadecimal bits, most significant digit first.

use std::fmt::Write;

/// `width` digits a word.
fn write(words: impl ExactSizeIterator<Item = u64>, width: usize) -> String {
    let mut text = String::with_capacity(words.len() * width);
    for word in words {
        let _ = write!(text, "{word:0width$x}");
    }
    text
}

/// `None` unless `text` is a whole number of words of `width` hexadecimal digits.
fn read(text: &str, width: usize) -> Option<Vec<u64>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).map(u64::from);
    let word = |digits: &[u8]| digits.iter().try_fold(0, |word, byte| Some(word << 4 | digit(byte)?));
    let words = text.as_bytes().chunks_exact(width);
    if words.remainder().is_empty() { words.map(word).collect() } else { None }
}

macro_rules! serde_by_bits {
    ($name:ident, $type:ty, $width:literal, $bits:expr, $value:expr) => {
        pub(crate) mod $name {
            use serde::de::Error;
            use serde::{Deserialize, Deserializer, Serializer};

            pub fn serialize<S: Serializer>(values: &[$type], serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&super::write(values.iter().map($bits), $width))
            }

            pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<$type>, D::Error> {
                let text = String::deserialize(deserializer)?;
                let words = super::read(&text, $width);
                let words = words
                    .ok_or_else(|| D::Error::custom(concat!("expected ", $width, " hexadecimal digits a number")))?;
                Ok(words.into_iter().map($value).collect())
            }
        }
    };
}

serde_by_bits!(f32s, f32, 8, |v| u64::from(v.to_bits()), |word| f32::from_bits(word as u32));
serde_by_bits!(u64s, u64, 16, |v| *v, |word| word);
// At most one: what an edit sets.
serde_by_bits!(f64s, f64, 16, |v| v.to_bits(), f64::from_bits);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_back() {
        let words = [0, 1, 0xdead_beef, u64::from(u32::MAX)];
        let text = write(words.into_iter(), 8);
        assert_eq!(text, "0000000000000001deadbeefffffffff");
        assert_eq!(read(&text, 8).unwrap(), words);
        assert_eq!(read("", 8), Some(Vec::new()));
        for bad in ["0", "0000000g", "+0000000", "0000000\u{e9}", "000000000"] {
            assert_eq!(read(bad, 8), None, "{bad}");
        }
    }
}
