//! bootstrap-issuer: the issuing side of worker-bootstrap.

pub mod cli;

pub mod config;
pub mod listen;
pub mod log;
pub mod metrics;
pub mod observe;

mod demo;

pub mod render;
mod token;

pub mod cluster;

pub mod master_key;
pub mod names;

mod clock;
mod files;
mod random;
