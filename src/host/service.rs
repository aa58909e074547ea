//! What a service is handed by systemd, and its two listeners: systemd, which is told how far the start has
//! come, and the console, where somebody without a login may be watching. Neither ever stops the program:
//! a listener that is not there is not told.

use nix::fcntl::OFlag;
use nix::sys::stat::fstat;
use sd_notify::NotifyState;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::Duration;

/// The service manager, if there is one that listens (`Type=notify`, sd_notify(3)).
#[derive(Debug, Clone, Copy)]
pub struct Service {
    listens: bool,
}

impl Service {
    /// Looks for `$NOTIFY_SOCKET`.
    pub fn from_environment() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one door")]
        let socket = std::env::var_os("NOTIFY_SOCKET");
        Service { listens: socket.is_some_and(|socket| !socket.is_empty()) }
    }

    /// The start is over, as far as the boot is concerned.
    pub fn ready(self) {
        self.tell(NotifyState::Ready);
    }

    /// One line for `systemctl status`.
    pub fn status(self, line: &str) {
        self.tell(NotifyState::Status(&crate::failure::one_line(line)));
    }

    /// From now on, this much time until systemd gives up on the start.
    pub fn extend(self, by: Duration) {
        self.tell(NotifyState::ExtendTimeoutUsec(u32::try_from(by.as_micros()).unwrap_or(u32::MAX)));
    }

    fn tell(self, state: NotifyState<'_>) {
        if self.listens {
            // Nothing can be done for a manager that stopped listening.
            sd_notify::notify(&[state]).ok();
        }
    }
}

/// What systemd hands to this service in `$CREDENTIALS_DIRECTORY` (systemd.exec(5)). The variable names a
/// directory; it never holds a credential itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// They are in here, if there are any.
    Directory(PathBuf),
    /// This is a service, and none were passed to it.
    NotPassed,
    /// This was not started by systemd.
    NoService,
}

/// Looks for the credentials of this service.
pub fn credentials() -> Credentials {
    #[expect(clippy::disallowed_methods, reason = "the one door")]
    let directory = std::env::var_os("CREDENTIALS_DIRECTORY");
    handed(directory, Service::from_environment().listens)
}

/// A directory that is named and empty is one without this credential; none that is named is a systemd
/// that knows of no credentials, or a unit that asks for none.
fn handed(directory: Option<OsString>, is_service: bool) -> Credentials {
    match directory.filter(|directory| !directory.is_empty()) {
        Some(directory) => Credentials::Directory(directory.into()),
        None if is_service => Credentials::NotPassed,
        None => Credentials::NoService,
    }
}

/// Whether what is written to stderr ends up in the journal (`$JOURNAL_STREAM`, systemd.exec(5)): then it
/// would stand there twice.
pub fn stderr_is_journal() -> bool {
    #[expect(clippy::disallowed_methods, reason = "the one door")]
    let stream = std::env::var("JOURNAL_STREAM");
    let (Ok(stream), Ok(stat)) = (stream, fstat(io::stderr())) else { return false };
    stream == format!("{}:{}", stat.st_dev, stat.st_ino)
}

/// Whether a person watches stderr.
pub fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Writes one line to the machine's console, if that takes it at once.
pub fn console_line(line: &str) {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    if let Ok(mut console) = OpenOptions::new().write(true).custom_flags(flags.bits()).open("/dev/console") {
        console.write_all(format!("{}\r\n", crate::failure::one_line(line)).as_bytes()).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_without_credentials_is_told_from_no_service() {
        let directory = "/run/credentials/worker-bootstrap.service";
        for (named, is_service, expected) in [
            (Some(directory), true, Credentials::Directory(directory.into())),
            (Some(directory), false, Credentials::Directory(directory.into())),
            (Some(""), true, Credentials::NotPassed),
            (None, true, Credentials::NotPassed),
            (None, false, Credentials::NoService),
        ] {
            assert_eq!(handed(named.map(OsString::from), is_service), expected, "{named:?} {is_service}");
        }
    }
}
