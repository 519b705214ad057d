//! Reading mail: pure, and the same today as in ten years. Everything is looked at as bytes, because nothing that a mail
//! says about itself can be relied on.

pub mod address;
pub mod body;
pub mod charset;
pub mod filename;
pub mod header;
pub mod html;
pub mod machine;
pub mod params;
pub mod quote;
pub mod structure;
pub mod tnef;
pub mod transfer;
pub mod verdict;
pub mod words;
