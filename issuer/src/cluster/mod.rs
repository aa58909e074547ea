//! The clusters that bootstraps are issued for.

pub mod embedded;
