//! The resolver that clients are built with: [`crate::host::resolve`] in the form the HTTP client wants.

use crate::host::resolve;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::SocketAddr;

/// The names of this machine.
#[derive(Debug, Clone, Copy)]
pub struct SystemNames;

impl Resolve for SystemNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = resolve::addresses(name.as_str()).await?;
            // The port is the URL's; the connector puts it in.
            Ok(Box::new(found.into_iter().map(|ip| SocketAddr::new(ip, 0))) as Addrs)
        })
    }
}
