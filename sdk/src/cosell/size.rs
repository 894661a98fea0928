//! Partner Center's words for a customer's size, and the number of employees that a CRM holds.

/// Each word with the fewest employees that it stands for. The first eight are today's; the others are older.
const SIZES: [(&str, i32); 11] = [
    ("1to9employees", 1),
    ("10to50employees", 10),
    ("51to250employees", 51),
    ("251to1000employees", 251),
    ("1001to5000employees", 1_001),
    ("5001to10000employees", 5_001),
    ("10001to20000employees", 10_001),
    ("Morethan20000employees", 20_001),
    ("1to50employees", 1),
    ("51to500employees", 51),
    ("Morethan500employees", 501),
];

/// How many of [`SIZES`] are today's.
const TODAY: usize = 8;

/// The fewest employees that a word stands for; none for a word that is not known.
pub fn employees(word: &str) -> Option<i32> {
    SIZES.iter().find(|(known, _)| *known == word).map(|(_, fewest)| *fewest)
}

/// The word for a number of employees; none below one.
pub fn word(employees: i32) -> Option<&'static str> {
    SIZES.iter().take(TODAY).rev().find(|(_, fewest)| *fewest <= employees).map(|(word, _)| *word)
}
