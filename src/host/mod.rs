//! The doors: everything outside this process is reached through one of these modules, and only
//! through them (`clippy.toml` bans the ways around). None of them decides anything about a join; each
//! does one thing to the machine, says what it did to what, and bounds what it takes in.
//!
//! What is below `--root DIR` goes through [`root::Root`]; what belongs to the running machine
//! (processes, the kernel, systemd, the container runtime) is asked only where the root is `/`.

pub mod root;

pub mod dir;
pub mod disk;
pub mod files;
pub mod secret_file;

pub mod made;
pub mod state;
pub mod undo;

pub mod in_place;
pub mod tree;

pub mod lock;

pub mod clock;
pub mod facts;

pub mod cri;
pub mod net;
pub mod packages;
pub mod process;
pub mod resolve;
pub mod systemd;
pub mod trim;

pub mod own;
pub mod service;
