//! The promises of the gateway, tested from outside: the real binary with a configuration of its own in a directory of
//! its own, real sockets, a scripted core, real kills and a disk that fails on command. One file a promise.

// A test has nobody to hand an error to: what cannot go on panics with the reason.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod browser;
mod conform;
mod days;
mod deliver;
mod durable;
mod email;
mod failing_disk;
mod feed;
mod feeds;
mod files;
mod gateways;
mod harness;
mod hostile;
mod hotlines;
mod house;
mod ivr;
mod nodes;
mod parity;
mod postgres;
mod power_cut;
mod receipts;
mod refusals;
mod repeats;
mod restart;
mod senders;
mod shim;
mod sms;
mod stop;
mod web;
mod webdriver;
mod webhook;
mod wechat;
