//! Names to addresses, by `/etc/hosts` and the name servers of `/etc/resolv.conf`.
//!
//! Both are read anew for each question: on a first boot they often arrive after this program. A
//! machine without name servers gets an error, never somebody else's servers. The system's own lookup
//! is not used: in a static binary it has no plug-ins to ask.

use hickory_resolver::TokioResolver;
use hickory_resolver::config::LookupIpStrategy;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

const ONE_QUESTION: Duration = Duration::from_secs(2);
const WHOLE: Duration = Duration::from_secs(6);

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

/// The addresses of `name`, which may be an address itself (IPv6 without brackets); at least one.
///
/// # Errors
/// No name server, no answer within 6 s, or no such name.
pub async fn addresses(name: &str) -> Result<Vec<IpAddr>, NotResolved> {
    if let Ok(address) = name.parse() {
        return Ok(vec![address]);
    }
    let found = match tokio::time::timeout(WHOLE, ask(name)).await {
        Ok(Ok(found)) if found.is_empty() => Err("it has no address".to_owned()),
        Ok(found) => found,
        Err(_) => Err(format!("no answer from a name server within {} s", WHOLE.as_secs())),
    };
    found.map_err(|why| NotResolved { name: name.to_owned(), why })
}

async fn ask(name: &str) -> Result<Vec<IpAddr>, String> {
    let mut builder = TokioResolver::builder_tokio()
        .map_err(|error| format!("the system's resolver configuration is unusable: {error}"))?;
    let options = builder.options_mut();
    options.ip_strategy = LookupIpStrategy::Ipv6AndIpv4;
    options.timeout = ONE_QUESTION;
    options.attempts = 2;
    options.cache_size = 0;
    let resolver = builder.build().map_err(|error| error.to_string())?;
    let found = resolver.lookup_ip(name).await.map_err(|error| error.to_string())?;
    Ok(found.iter().collect())
}
