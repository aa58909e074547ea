//! The Kubernetes API, as far as a joining node needs it: a client that trusts one CA and nothing
//! else, the one law of trying again, and a watch that survives the loss of a server.
//!
//! - [`tls`]: whom a connection may talk to, and what is said of a certificate that was refused
//! - [`client`]: one identity towards several servers; questions and bounded answers
//! - [`answer`] what came back, bounded and decoded
//! - [`insist`]: which trouble is temporary, which is final, and after how long
//! - [`watch`]: one list of changes, resumed where it broke
//! - [`objects`]: the few fields that are read
//!
//! Nothing here knows what a join is. Nothing here is kept on disk: a restart begins anew.

mod answer;
pub mod client;
pub mod insist;
pub mod objects;
pub mod resolve;
pub mod retry_after;
pub mod seen;
pub mod tls;
pub mod trouble;
pub mod unpinned;
pub mod watch;

pub use client::{Answer, Client, Identity, Question, Said};
pub use insist::Patience;
pub use tls::{ClientIdentity, DateJudge};
