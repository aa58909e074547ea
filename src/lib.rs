//! worker-bootstrap: turns a one-time worker bootstrap into a cluster node and leaves no copy of the
//! token behind.
//!
//! Read [`agent`] first: the whole operation is on that page. Its steps are the modules below, in the
//! order of the flow; imports run downwards only.
//!
//! - [`cli`] the command line · [`agent`] the flow · [`machine`] what it runs on
//! - the stages: [`find`] → [`admit`] → [`plan`] → [`check`] → [`prepare`] → [`join`] → [`mark`] →
//!   [`wipe`] → [`start`] → [`report`]
//! - [`reset`] takes back what the stages made
//! - [`outward`] the issuer is told what [`report`] tells the machine
//! - what they speak of: [`document`] the bootstrap document · [`kube`] the Kubernetes API
//! - [`host`] the only doors to files, processes, clock, network and facts
//! - what everything stands on: [`step`], [`reason`], [`failure`], [`secret`], [`token`], [`progress`],
//!   [`yaml`]

pub mod cli;

pub mod reset;

pub mod agent;
pub mod machine;

pub mod find;

pub mod admit;

pub mod plan;

pub mod check;

pub mod prepare;

pub mod join;

pub mod mark;

pub mod wipe;

pub mod start;

pub mod report;

pub mod outward;

pub mod document;
pub mod kube;

pub mod host;

pub mod failure;
pub mod progress;
pub mod reason;
pub mod secret;
pub mod step;
pub mod token;
pub mod yaml;
