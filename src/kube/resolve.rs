//! Names of API servers to addresses, by `/etc/hosts` and the name servers of `/etc/resolv.conf`.
//!
//! Both are read anew for each question: on a first boot they often arrive after this program. A
//! machine without name servers gets an error, never somebody else's servers.

use hickory_resolver::TokioResolver;
use hickory_resolver::config::LookupIpStrategy;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

const ONE_QUESTION: Duration = Duration::from_secs(2);
const WHOLE: Duration = Duration::from_secs(6);

/// The resolver that clients are built with.
#[derive(Debug, Clone, Copy)]
pub struct SystemNames;

/// A name that could not be resolved.
#[derive(Debug)]
pub struct NotResolved {
    name: String,
    why: String,
}

impl fmt::Display for NotResolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} does not resolve: {}", self.name, self.why)
    }
}

impl std::error::Error for NotResolved {}

impl Resolve for SystemNames {
    fn resolve(&self, name: Name) -> Resolving {
        let name = name.as_str().to_owned();
        Box::pin(async move {
            let found = match tokio::time::timeout(WHOLE, addresses(&name)).await {
                Ok(found) => found,
                Err(_) => Err(format!("no answer from a name server within {} s", WHOLE.as_secs())),
            };
            match found {
                Ok(found) => Ok(Box::new(found.into_iter()) as Addrs),
                Err(why) => Err(NotResolved { name, why }.into()),
            }
        })
    }
}

async fn addresses(name: &str) -> Result<Vec<SocketAddr>, String> {
    let mut builder = TokioResolver::builder_tokio()
        .map_err(|error| format!("the system's resolver configuration is unusable: {error}"))?;
    let options = builder.options_mut();
    options.ip_strategy = LookupIpStrategy::Ipv6AndIpv4;
    options.timeout = ONE_QUESTION;
    options.attempts = 2;
    options.cache_size = 0;
    let resolver = builder.build().map_err(|error| error.to_string())?;
    let found = resolver.lookup_ip(name).await.map_err(|error| error.to_string())?;
    // The port is the URL's; the connector puts it in.
    Ok(found.iter().map(|ip| SocketAddr::new(ip, 0)).collect())
}
