//! bootstrap-issuer: the issuing side of worker-bootstrap.

pub mod cli;

pub mod client;
pub mod config;
pub mod listen;
pub mod log;
pub mod metrics;
pub mod observe;
pub mod openapi;

mod demo;

pub mod api;
pub mod api_token;

pub mod issue;

pub mod render;
pub mod serve;
pub mod store;

pub mod cluster;

pub mod master_key;
pub mod names;

mod clock;
mod files;
mod random;
