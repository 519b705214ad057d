//! Reading mail: pure, and the same today as in ten years. Everything is looked at as bytes, because nothing that a mail
//! says about itself can be relied on.

pub mod address;
pub mod body;
pub mod calendar;
pub mod charset;
pub mod entities;
pub mod filename;
pub mod header;
pub mod html;
pub mod leaf;
pub mod likely;
pub mod machine;
pub mod params;
pub mod quote;
pub mod received;
pub mod seven;
pub mod smime;
pub mod structure;
pub mod text;
pub mod tnef;
pub mod transfer;
pub mod uu;
pub mod verdict;
pub mod words;
