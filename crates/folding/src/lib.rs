//! One form for what is written in many: width, case, traditional characters, carelessly converted documents. For comparing
//! only; the original is never touched.

mod fold;
mod letters;
mod simplify;
mod wordlist;
mod words;

pub use fold::{MOST, fold, folded, is_han, is_letter, is_unified, without_courtesy};
pub use letters::Letters;
pub use simplify::simplify;
pub use wordlist::{Wordlist, begins};
