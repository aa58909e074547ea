//! How a stage tells that it is waiting, without knowing who listens: journal, terminal, status file.

use std::fmt;
use std::time::Instant;

/// The thing that is being waited for. One at a time, named the same everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WaitState {
    /// Another run holds the lock.
    Lock,
    /// The clock is not synchronized.
    ClockSync,
    /// The server's name is being resolved.
    Dns,
    /// A TCP connection is being made.
    Tcp,
    /// The TLS handshake is under way.
    Tls,
    /// The server is there but does not answer the request yet.
    Server,
    /// Discovery of the CA through cluster-info.
    Discovery,
    /// The certificate request exists and nobody has approved it yet.
    Approval,
    /// Approved; the signer has not issued the certificate yet.
    Certificate,
    /// The kubelet service is starting.
    Kubelet,
    /// The Node object is not there yet.
    Node,
    /// The Node is there and not Ready yet.
    Ready,
}

impl WaitState {
    /// The word in status files and journal fields.
    pub const fn code(self) -> &'static str {
        match self {
            WaitState::Lock => "lock",
            WaitState::ClockSync => "clock_sync",
            WaitState::Dns => "dns",
            WaitState::Tcp => "tcp",
            WaitState::Tls => "tls",
            WaitState::Server => "server",
            WaitState::Discovery => "discovery",
            WaitState::Approval => "csr_approval",
            WaitState::Certificate => "certificate",
            WaitState::Kubelet => "kubelet",
            WaitState::Node => "node_object",
            WaitState::Ready => "node_ready",
        }
    }
}

impl fmt::Display for WaitState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WaitState::Lock => "the other run to end",
            WaitState::ClockSync => "the clock to be synchronized",
            WaitState::Dns => "the server's name to resolve",
            WaitState::Tcp => "a connection to the server",
            WaitState::Tls => "the TLS handshake",
            WaitState::Server => "the server to answer",
            WaitState::Discovery => "the signed cluster-info",
            WaitState::Approval => "approval of the certificate request",
            WaitState::Certificate => "the signed certificate",
            WaitState::Kubelet => "the kubelet to start",
            WaitState::Node => "the Node object",
            WaitState::Ready => "the node to be Ready",
        })
    }
}

/// One thing waited for, with what is known about it.
#[derive(Debug, Clone, Copy)]
pub struct Waiting<'a> {
    /// What is waited for.
    pub state: WaitState,
    /// When it is given up.
    pub until: Option<Instant>,
    /// Which attempt comes next, from 1.
    pub attempt: u32,
    /// What went wrong last, in one line without secrets.
    pub last_error: Option<&'a str>,
}

/// Whoever listens to a stage.
pub trait Progress {
    /// The stage waits. Called at each change and at each attempt.
    fn waiting(&self, waiting: Waiting<'_>);
    /// Something worth a line that is neither a wait nor an end.
    fn note(&self, text: &str);
    /// Something that a person should look at although the run goes on.
    fn warn(&self, text: &str);
}
