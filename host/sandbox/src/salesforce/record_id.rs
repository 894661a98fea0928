//! Record ids: 15 characters that mind their case, or 18 that do not. Both name the same record; the API answers 18.

use std::fmt;
use std::str::from_utf8;

/// Characters of the form that minds its case.
const SHORT: usize = 15;
/// Characters of the form that does not.
const LONG: usize = 18;
/// Characters at the front that say which object the record is of.
const PREFIX: usize = 3;
/// What follows the prefix in every id of this organisation.
const POD: &[u8; 3] = b"5e0";
/// The digits of a record's number. In this order ids sort as they were given out.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// The check characters: each tells which of five characters are capitals.
const CHECKS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// One record's id, in its 15-character form.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RecordId([u8; SHORT]);

impl RecordId {
    /// The id with this number among the records of an object.
    pub(crate) const fn new(prefix: &[u8; PREFIX], number: u64) -> Self {
        let mut id = [DIGITS[0]; SHORT];
        let mut at = 0;
        while at < PREFIX {
            id[at] = prefix[at];
            id[at + PREFIX] = POD[at];
            at += 1;
        }
        let mut rest = number;
        let mut at = SHORT;
        while at > 2 * PREFIX && rest > 0 {
            at -= 1;
            id[at] = DIGITS[(rest % 62) as usize];
            rest /= 62;
        }
        Self(id)
    }

    /// Reads either form. Of 18 characters the last three say how the others are written, whatever their case here.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if !bytes.iter().all(u8::is_ascii_alphanumeric) {
            return None;
        }
        let (short, checks) = bytes.split_at_checked(SHORT)?;
        let mut id: [u8; SHORT] = short.try_into().ok()?;
        match checks.len() {
            0 => Some(Self(id)),
            3 => {
                for (chunk, check) in id.chunks_mut(5).zip(checks) {
                    let capitals = CHECKS.iter().position(|known| *known == check.to_ascii_uppercase())?;
                    for (at, character) in chunk.iter_mut().enumerate() {
                        let capital = capitals & (1 << at) != 0;
                        *character = if capital {
                            character.to_ascii_uppercase()
                        } else {
                            character.to_ascii_lowercase()
                        };
                        if capital && !character.is_ascii_uppercase() {
                            return None;
                        }
                    }
                }
                Some(Self(id))
            }
            _ => None,
        }
    }

    /// The three characters that say which object this is a record of.
    pub(crate) fn prefix(&self) -> &str {
        self.0.first_chunk::<PREFIX>().map_or("", |prefix| from_utf8(prefix).unwrap_or_default())
    }

    /// The 18 characters.
    fn long(self) -> [u8; LONG] {
        let mut long = [0; LONG];
        let (front, checks) = long.split_at_mut(SHORT);
        front.copy_from_slice(&self.0);
        for (check, chunk) in checks.iter_mut().zip(self.0.chunks(5)) {
            let capitals = chunk
                .iter()
                .enumerate()
                .fold(0, |bits, (at, character)| bits | (usize::from(character.is_ascii_uppercase()) << at));
            *check = CHECKS.get(capitals).copied().unwrap_or_default();
        }
        long
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(from_utf8(&self.long()).unwrap_or_default())
    }
}

impl fmt::Debug for RecordId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_name_the_same_record() {
        let short = RecordId::parse("0063z00001Aq1Wd").unwrap();
        assert_eq!(RecordId::parse(&short.to_string()), Some(short));
        assert_eq!(RecordId::parse(&short.to_string().to_lowercase()), Some(short));
        assert_eq!(RecordId::parse("00130000000KxYZ").unwrap().to_string(), "00130000000KxYZAA0");
    }

    #[test]
    fn what_is_no_id_is_not_read_as_one() {
        for text in
            ["", "006", "0063z00001Aq1W-", "0063z00001Aq1WdAA", "0063z00001Aq1Wd!!!", "000000000000000B00"]
        {
            assert_eq!(RecordId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn ids_sort_as_they_were_given_out() {
        let mut before = RecordId::new(b"006", 0);
        for number in [1, 9, 10, 35, 36, 61, 62, 4000, 1_000_000] {
            let id = RecordId::new(b"006", number);
            assert!(id > before, "{id} after {before}");
            before = id;
        }
        assert_eq!(before.prefix(), "006");
    }
}
