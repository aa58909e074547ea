//! The base URL of an API: everything before `/clusters`.

use std::fmt;
use std::str::FromStr;
use url::{Host, Url};

/// `https://HOST[:PORT][/PATH]`, without a slash at its end; `http://` on this machine's loopback only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    text: String,
    local: bool,
}

impl Base {
    /// Whether it is this machine's own loopback.
    pub fn is_local(&self) -> bool {
        self.local
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Base {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "expected https://HOST[:PORT][/PATH], without user, query or fragment; http:// on this \
                        machine's loopback only";
        let mut url = Url::parse(text).map_err(|_| expected)?;
        let local = match url.host() {
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        let bare = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if !bare || !(url.scheme() == "https" || (url.scheme() == "http" && local)) {
            return Err(expected);
        }
        if url.path() == "/" {
            url.set_path("/v1");
        }
        Ok(Base { text: url.as_str().trim_end_matches('/').to_owned(), local })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases() {
        for (text, taken) in [
            ("https://api.example/v1", Some("https://api.example/v1")),
            ("https://api.example/v1/", Some("https://api.example/v1")),
            ("https://api.example", Some("https://api.example/v1")),
            ("http://127.0.0.1:8080", Some("http://127.0.0.1:8080/v1")),
            ("http://[::1]:8080/x", Some("http://[::1]:8080/x")),
            ("http://api.example/v1", None),
            ("https://user:pass@api.example/v1", None),
            ("https://api.example/v1?token=x", None),
            ("api.example", None),
            ("", None),
        ] {
            assert_eq!(text.parse::<Base>().ok().map(|base| base.to_string()).as_deref(), taken, "{text}");
        }
    }
}
