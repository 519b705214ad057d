//! WeChat.
mod crypto;
mod fields;
