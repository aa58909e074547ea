//! Values of the configuration that are more than text.

use serde::Deserialize;
use std::net::SocketAddr;
use url::Url;

/// Where to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Address(pub SocketAddr);

impl TryFrom<String> for Address {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Address).map_err(|_| "expected ADDRESS:PORT, as in 127.0.0.1:8443 or [::1]:8443")
    }
}

/// The base of every URL that the issuer gives out, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ExternalUrl(String);

impl ExternalUrl {
    /// Where a server that listens on `address` is reached on its own machine.
    pub fn local(address: SocketAddr, tls: bool) -> ExternalUrl {
        ExternalUrl(format!("{}://{address}", if tls { "https" } else { "http" }))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ExternalUrl {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let expected = "expected https://HOST[:PORT], without user, path, query or fragment; http:// on this \
                        machine's loopback only";
        let url = Url::parse(&text).map_err(|_| expected)?;
        let local = match url.host() {
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            Some(url::Host::Domain(name)) => name == "localhost",
            None => return Err(expected),
        };
        let bare = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.path() == "/";
        let safe = url.scheme() == "https" || (url.scheme() == "http" && local);
        // The parser is forgiving about blanks; what is given out goes into scripts.
        let clean = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"'\"\\$`".contains(&byte));
        if !(bare && safe && clean) {
            return Err(expected);
        }
        Ok(ExternalUrl(url.as_str().trim_end_matches('/').to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn external_urls() {
        for (text, taken) in [
            ("https://issuer.example", Some("https://issuer.example")),
            ("https://issuer.example:8443/", Some("https://issuer.example:8443")),
            ("http://127.0.0.1:8080", Some("http://127.0.0.1:8080")),
            ("http://[::1]:8080", Some("http://[::1]:8080")),
            ("http://localhost", Some("http://localhost")),
            ("http://issuer.example", None),
            ("https://issuer.example/v1", None),
            ("https://user@issuer.example", None),
            ("https://issuer.example?x", None),
            ("https://issuer.example'$(x)", None),
            ("issuer.example", None),
            ("", None),
        ] {
            let seen = ExternalUrl::try_from(text.to_owned()).ok();
            assert_eq!(seen.as_ref().map(ExternalUrl::as_str), taken, "{text}");
        }
    }
}
