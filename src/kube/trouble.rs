//! One attempt at one server that did not give an answer: what kind of trouble, and in whose words.
//! The table of kinds is here; what follows from a kind over time is [`crate::kube::insist`]'s.

use crate::failure::one_line;
use crate::host::resolve::NotResolved;
use crate::kube::tls::Refused;
use crate::progress::WaitState;
use std::error::Error;
use std::fmt;
use std::time::Duration;

/// The kinds of trouble with a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Its name does not resolve.
    Name,
    /// No TCP connection: refused, no route, or no answer.
    Connection,
    /// A TCP connection, and no TLS on it.
    Handshake,
    /// TLS, with a certificate that nobody vouches for.
    Untrusted,
    /// The connection broke, or nothing came in time.
    Broken,
    /// 408, 425, 429 or 5xx.
    Busy,
    /// 401.
    Unauthorized,
    /// 403 where it is no answer to the question.
    Forbidden,
    /// Something no API server says: a redirect, HTML, half an object, 100 MB.
    Nonsense,
    /// cluster-info without a valid signature of our token.
    Unsigned,
    /// cluster-info, validly signed, with a CA that no pin matches.
    PinMismatch,
}

impl Kind {
    /// How long this must be all that a server says before it is believed for good; `None` for
    /// trouble that never is.
    ///
    /// - a certificate does not become right by waiting, nor does a CA;
    /// - a load balancer that is being set up may answer nonsense for a moment;
    /// - a starting API server answers 401 to valid tokens, and a token made a moment ago is unknown
    ///   to some servers; roles are bound a moment after the token is made;
    /// - the signature of cluster-info is made by a controller, some time after the token.
    pub const fn believed_after(self) -> Option<Duration> {
        match self {
            Kind::Untrusted | Kind::PinMismatch => Some(Duration::ZERO),
            Kind::Nonsense => Some(Duration::from_secs(10)),
            Kind::Unauthorized | Kind::Forbidden | Kind::Unsigned => Some(Duration::from_secs(30)),
            Kind::Name | Kind::Connection | Kind::Handshake | Kind::Broken | Kind::Busy => None,
        }
    }

    /// What one waits for while this is the trouble.
    pub const fn waits_for(self) -> WaitState {
        match self {
            Kind::Name => WaitState::Dns,
            Kind::Connection => WaitState::Tcp,
            Kind::Handshake | Kind::Untrusted => WaitState::Tls,
            Kind::Unsigned | Kind::PinMismatch => WaitState::Discovery,
            Kind::Broken | Kind::Busy | Kind::Unauthorized | Kind::Forbidden | Kind::Nonsense => {
                WaitState::Server
            }
        }
    }
}

/// One attempt that failed.
#[derive(Debug)]
pub struct Trouble {
    /// Of what kind.
    pub kind: Kind,
    /// For people: one line, bounded, without a secret.
    pub text: String,
    /// How long the server asked to be left alone.
    pub retry_after: Option<Duration>,
}

impl Trouble {
    /// Trouble in our own words.
    pub fn new(kind: Kind, text: impl Into<String>) -> Self {
        Trouble { kind, text: text.into(), retry_after: None }
    }

    /// What the HTTP client met before there was an answer, or while its body was read.
    pub fn met(error: &reqwest::Error) -> Self {
        let mut innermost = String::new();
        let mut kind = if error.is_connect() { Kind::Connection } else { Kind::Broken };
        let mut cause: Option<&(dyn Error + 'static)> = error.source();
        while let Some(error) = cause {
            if let Some(name) = error.downcast_ref::<NotResolved>() {
                return Trouble::new(Kind::Name, one_line(&name.to_string()));
            }
            // An io::Error passes over the error it carries when asked for its source.
            let carried = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
            if let Some(tls) = error.downcast_ref::<rustls::Error>() {
                if let Some(refused) = refused(tls) {
                    return Trouble::new(Kind::Untrusted, one_line(&refused.to_string()));
                }
                kind = Kind::Handshake;
                innermost = format!("the TLS handshake failed: {tls}");
                break;
            }
            innermost = error.to_string();
            cause = carried.map(|carried| carried as _).or_else(|| error.source());
        }
        if error.is_timeout() {
            innermost = "nothing came in time".to_owned();
        }
        Trouble::new(kind, one_line(&innermost))
    }
}

fn refused(error: &rustls::Error) -> Option<&Refused> {
    match error {
        rustls::Error::InvalidCertificate(rustls::CertificateError::Other(other)) => {
            other.0.downcast_ref::<Refused>()
        }
        _ => None,
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
