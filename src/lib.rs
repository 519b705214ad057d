//! Jiesu 接诉: one front door for every hotline.

pub mod config;
pub mod delivery {
    //! Events, to the core and to every subscriber.
    pub mod predicate;
}
pub mod number;
pub mod registry;
pub mod store;
