//! The cases, by what they are about.

pub mod absences;
pub mod ends;
pub mod grants;
pub mod names;
pub mod once;
pub mod outages;
pub mod withdrawals;

/// What only a real control plane has: roles, a second API server, restarts.
mod accounts;
/// Many at once; takes minutes.
mod races;
mod real_only;
/// Least privilege: what the manifest gives is what is needed.
mod rights;
