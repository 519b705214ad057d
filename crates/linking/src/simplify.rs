//! Traditional characters to simplified ones.

/// One character.
pub fn simplify(letter: char) -> char {
    letter
}
