//! The address of an API server.

use super::text::from_text;
use std::fmt;
use url::{Host, Url};

const EXPECTED: &str =
    "expected https://HOST:PORT of an API server, without user, password, query or fragment";

/// The URL of an API server: https, no credentials, no query. A path is kept (servers behind a gateway).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl(Url);

impl ServerUrl {
    /// The URL in `text`.
    ///
    /// # Errors
    /// What was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected = || EXPECTED.to_owned();
        let url = Url::parse(text).map_err(|_| expected())?;
        let bare = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        // The parser is forgiving about blanks and control characters; a document is not a browser.
        let clean = text.chars().all(|c| c.is_ascii_graphic()) && !text.contains('@');
        if url.scheme() != "https" || url.host_str().is_none_or(str::is_empty) || !bare || !clean {
            return Err(expected());
        }
        Ok(ServerUrl(url))
    }

    /// Name or address, IPv6 without brackets.
    pub fn host(&self) -> String {
        match self.0.host() {
            Some(Host::Ipv6(ip)) => ip.to_string(),
            Some(Host::Ipv4(ip)) => ip.to_string(),
            Some(Host::Domain(name)) => name.to_owned(),
            None => String::new(),
        }
    }

    /// The port; 443 where the URL names none.
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or(443)
    }
}

impl fmt::Display for ServerUrl {
    /// Without a slash at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

from_text!(ServerUrl, {"type": "string", "format": "uri", "pattern": "^https://[^@?#\\s]+$"});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        for (text, url, host, port) in [
            ("https://203.0.113.10:6443", "https://203.0.113.10:6443", "203.0.113.10", 6443),
            ("https://api.example/", "https://api.example", "api.example", 443),
            ("https://[2001:db8::1]:6443", "https://[2001:db8::1]:6443", "2001:db8::1", 6443),
            ("https://gate.example/k8s/c-1/", "https://gate.example/k8s/c-1", "gate.example", 443),
        ] {
            let parsed = ServerUrl::parse(text).unwrap();
            assert_eq!(
                (parsed.to_string().as_str(), parsed.host().as_str(), parsed.port()),
                (url, host, port)
            );
        }
        for text in [
            "http://203.0.113.10:6443",
            "https://user:password@203.0.113.10",
            "https://user@203.0.113.10",
            "https://203.0.113.10/?token=x",
            "https://203.0.113.10/#x",
            "https://",
            "203.0.113.10:6443",
            " https://203.0.113.10",
            "https://203.0.113.10:99999",
            "file:///etc/passwd",
            "",
        ] {
            assert!(ServerUrl::parse(text).is_err(), "{text}");
        }
    }
}
