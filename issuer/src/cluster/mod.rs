//! The clusters that bootstraps are issued for.

pub mod client;
pub mod embedded;
