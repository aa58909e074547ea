//! The cases, by what they are about.

pub mod absences;
pub mod ends;
pub mod grants;
pub mod names;
pub mod once;
pub mod outages;
pub mod withdrawals;

/// Many at once; takes minutes.
mod races;
/// What only a real control plane has: roles, a second API server, restarts.
mod real_only;
