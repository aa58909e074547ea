//! What the process returns: few numbers, as units and scripts act on them; each reason has one.

/// What the process returns. The numbers are part of the contract: the unit's
/// `RestartPreventExitStatus=` quotes [`Exit::restart_is_useless`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Exit {
    /// Joined now or before.
    Joined = 0,
    /// A fault of this program.
    Fault = 1,
    /// Wrong command line.
    Usage = 2,
    /// No bootstrap found.
    NotFound = 3,
    /// The document was refused.
    Refused = 4,
    /// The token has expired, by a clock that can be trusted.
    Expired = 5,
    /// The cluster does not accept the token.
    TokenRefused = 6,
    /// The token was used before, or belongs to another machine.
    Used = 7,
    /// A check of the host failed.
    HostNotReady = 8,
    /// The join failed for good.
    JoinFailed = 9,
    /// Joined, but a copy of the token that should have been erasable was not.
    ResidueLeft = 10,
    /// Temporary: trying again can help.
    Temporary = 75,
}

impl Exit {
    /// All exit codes, in ascending order.
    pub const ALL: [Exit; 12] = [
        Exit::Joined,
        Exit::Fault,
        Exit::Usage,
        Exit::NotFound,
        Exit::Refused,
        Exit::Expired,
        Exit::TokenRefused,
        Exit::Used,
        Exit::HostNotReady,
        Exit::JoinFailed,
        Exit::ResidueLeft,
        Exit::Temporary,
    ];

    /// The number given to the operating system.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Whether the same machine with the same document would only fail again.
    pub const fn restart_is_useless(self) -> bool {
        matches!(
            self,
            Exit::Usage
                | Exit::NotFound
                | Exit::Refused
                | Exit::Expired
                | Exit::TokenRefused
                | Exit::Used
                | Exit::HostNotReady
                | Exit::JoinFailed
        )
    }

    /// One line for tables in the manual and the README.
    pub const fn meaning(self) -> &'static str {
        match self {
            Exit::Joined => "joined now or before",
            Exit::Fault => "a fault of this program",
            Exit::Usage => "wrong command line",
            Exit::NotFound => "no bootstrap found",
            Exit::Refused => "document refused",
            Exit::Expired => "token expired (trusted clock)",
            Exit::TokenRefused => "token refused by the cluster",
            Exit::Used => "token already used, or bound to another machine",
            Exit::HostNotReady => "host not ready: a check failed",
            Exit::JoinFailed => "join failed for good",
            Exit::ResidueLeft => "joined, but an erasable copy of the token was not erased",
            Exit::Temporary => "temporary: network, server or host busy, lock held, clock not synchronized",
        }
    }
}
