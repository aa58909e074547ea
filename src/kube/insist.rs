//! The one law of trying again. Everything that talks to an API server goes through [`insist`].
//!
//! A round tries every server once, the one that answered last first. Between rounds it waits with
//! full jitter (250 ms doubling to 15 s), longer where a server asked for it by `Retry-After`. It
//! ends with the first answer; or when every server has said something final for as long as that
//! takes to be believed ([`Kind::believed_after`]); or at the deadline. Where servers differ in what
//! they say, the token is the last thing to be blamed: only a 401 from all of them condemns it.

use crate::document::ServerUrl;
use crate::failure::Failure;
use crate::kube::trouble::{Kind, Trouble};
use crate::progress::{Progress, Waiting};
use crate::reason::Reason;
use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::Instant;

const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(15);
const SHORTEST_WAIT: Duration = Duration::from_millis(50);
/// One attempt, from the name to the last byte of the answer.
const ONE_ATTEMPT: Duration = Duration::from_secs(30);

/// How long to go on, and who is told meanwhile.
#[derive(Clone, Copy)]
pub struct Patience<'a> {
    /// No attempt begins after this, and none lasts longer.
    pub deadline: Instant,
    /// Hears of every wait.
    pub progress: &'a dyn Progress,
}

impl std::fmt::Debug for Patience<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Patience").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

/// The servers of one cluster, and which of them answered last.
#[derive(Debug)]
pub struct Servers {
    all: Vec<ServerUrl>,
    preferred: AtomicUsize,
}

impl Servers {
    /// The first is tried first.
    pub fn new(all: Vec<ServerUrl>) -> Self {
        Servers { all, preferred: AtomicUsize::new(0) }
    }

    /// All of them, in the order they were given.
    pub fn all(&self) -> &[ServerUrl] {
        &self.all
    }
}

/// What a final refusal means for whoever is asking.
#[derive(Debug, Clone, Copy)]
pub struct Verdicts {
    /// 401 from every server.
    pub unauthorized: Reason,
    /// 403 from every server.
    pub forbidden: Reason,
}

/// Asks until there is an answer, a final refusal or no time. `doing` begins the line of a failure:
/// "posting the certificate request".
pub async fn insist<T>(
    doing: &str,
    servers: &Servers,
    verdicts: Verdicts,
    patience: Patience<'_>,
    mut attempt: impl AsyncFnMut(&ServerUrl) -> Result<T, Trouble>,
) -> Result<T, Failure> {
    let mut stations: Vec<Station> = servers.all.iter().map(|_| Station::default()).collect();
    let mut round: u32 = 0;
    loop {
        let count = servers.all.len();
        let first = servers.preferred.load(Ordering::Relaxed);
        for index in (0..count).map(|step| (first + step) % count) {
            let now = Instant::now();
            if now >= patience.deadline {
                break;
            }
            if stations[index].alone_until.is_some_and(|until| until > now) {
                continue;
            }
            let until = patience.deadline.min(now + ONE_ATTEMPT);
            let trouble = match tokio::time::timeout_at(until, attempt(&servers.all[index])).await {
                Ok(Ok(answer)) => {
                    servers.preferred.store(index, Ordering::Relaxed);
                    return Ok(answer);
                }
                Ok(Err(trouble)) => trouble,
                // Cut off by the deadline: what was seen before says more.
                Err(_) if until == patience.deadline && stations[index].last.is_some() => continue,
                Err(_) => {
                    Trouble::new(Kind::Broken, format!("no whole answer in {} s", (until - now).as_secs()))
                }
            };
            stations[index].note(trouble, Instant::now());
        }
        round += 1;
        let now = Instant::now();
        let said = |counted: Counted| said(doing, &servers.all, &stations, now, counted);
        if let Some(kind) = verdict(&stations, now) {
            return Err(Failure::new(final_reason(kind, verdicts), said(Counted::Yes)));
        }
        let wake = next_round(&stations, round, now);
        if wake >= patience.deadline {
            // The rest of the time is waited out by nobody: no attempt could begin in it.
            return Err(Failure::new(temporary_reason(&stations), said(Counted::Yes)));
        }
        // The same trouble makes the same line, however often: who listens tells news from repetition.
        let said = said(Counted::No);
        patience.progress.waiting(Waiting {
            state: loudest(&stations).waits_for(),
            until: Some(patience.deadline.into_std()),
            attempt: round + 1,
            last_error: Some(&said),
        });
        tokio::time::sleep_until(wake).await;
    }
}

/// What is known of one server in this question.
#[derive(Debug, Default)]
struct Station {
    last: Option<Trouble>,
    /// Since when it has said nothing but trouble of the last kind, and how often.
    since: Option<Instant>,
    times: u32,
    alone_until: Option<Instant>,
}

impl Station {
    fn note(&mut self, trouble: Trouble, now: Instant) {
        if self.kind() != Some(trouble.kind) {
            self.since = Some(now);
            self.times = 0;
        }
        self.times += 1;
        self.alone_until = trouble.retry_after.map(|wish| now + wish);
        self.last = Some(trouble);
    }

    fn kind(&self) -> Option<Kind> {
        self.last.as_ref().map(|trouble| trouble.kind)
    }

    /// When what it says will be believed for good, if ever.
    fn believed_at(&self) -> Option<Instant> {
        Some(self.since? + self.kind()?.believed_after()?)
    }
}

/// The kind of final trouble, once every server's is final.
fn verdict(stations: &[Station], now: Instant) -> Option<Kind> {
    let all_final = stations.iter().all(|station| {
        // One answer is no repetition: what needs time to be believed needs a second one.
        let repeated = station.times > 1 || station.since == station.believed_at();
        repeated && station.believed_at().is_some_and(|at| at <= now)
    });
    // Sorted so that the mildest verdict on the token comes first.
    const ORDER: [Kind; 6] = [
        Kind::Untrusted,
        Kind::PinMismatch,
        Kind::Nonsense,
        Kind::Unsigned,
        Kind::Forbidden,
        Kind::Unauthorized,
    ];
    ORDER.into_iter().find(|kind| all_final && stations.iter().any(|station| station.kind() == Some(*kind)))
}

const fn final_reason(kind: Kind, verdicts: Verdicts) -> Reason {
    match kind {
        Kind::Unauthorized => verdicts.unauthorized,
        Kind::Forbidden => verdicts.forbidden,
        Kind::Untrusted => Reason::TlsUntrusted,
        Kind::PinMismatch => Reason::DiscoveryFailed,
        Kind::Unsigned => Reason::DiscoveryUnsigned,
        Kind::Nonsense => Reason::ServerNonsense,
        Kind::Busy => Reason::ServerBusy,
        Kind::Name => Reason::NameNotResolved,
        Kind::Connection | Kind::Handshake | Kind::Broken => Reason::ServerUnreachable,
    }
}

/// The reason at the deadline: always a temporary one, as nothing final was established.
fn temporary_reason(stations: &[Station]) -> Reason {
    match loudest(stations) {
        Kind::Busy | Kind::Unauthorized | Kind::Forbidden => Reason::ServerBusy,
        Kind::Unsigned => Reason::DiscoveryUnsigned,
        Kind::Name => Reason::NameNotResolved,
        _ => Reason::ServerUnreachable,
    }
}

/// Of what the servers said, what got furthest: the nearest to an answer.
fn loudest(stations: &[Station]) -> Kind {
    const ORDER: [Kind; 11] = [
        Kind::Unsigned,
        Kind::Busy,
        Kind::Unauthorized,
        Kind::Forbidden,
        Kind::Broken,
        Kind::Handshake,
        Kind::Connection,
        Kind::Name,
        Kind::Nonsense,
        Kind::PinMismatch,
        Kind::Untrusted,
    ];
    ORDER
        .into_iter()
        .find(|kind| stations.iter().any(|station| station.kind() == Some(*kind)))
        .unwrap_or(Kind::Connection)
}

/// When the next round begins: after the jittered wait, but no later than the moment at which what
/// was said could be believed, and not before some server may be asked again.
fn next_round(stations: &[Station], round: u32, now: Instant) -> Instant {
    let ceiling = FIRST_WAIT.saturating_mul(1 << (round - 1).min(8)).min(LONGEST_WAIT);
    let mut wake = now + jitter(ceiling).max(SHORTEST_WAIT);
    let believed = stations.iter().map(Station::believed_at).collect::<Option<Vec<_>>>();
    if let Some(at) = believed.and_then(|at| at.into_iter().max()) {
        wake = wake.min(at.max(now + SHORTEST_WAIT));
    }
    let alone = stations.iter().map(|station| station.alone_until.unwrap_or(now)).min();
    alone.map_or(wake, |alone| wake.max(alone))
}

/// A uniformly random part of `ceiling`; all of it where the kernel gives no randomness.
fn jitter(ceiling: Duration) -> Duration {
    let mut random = [0; 4];
    match getrandom::fill(&mut random) {
        Ok(()) => ceiling.mul_f64(f64::from(u32::from_ne_bytes(random)) / f64::from(u32::MAX)),
        Err(_) => ceiling,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Counted {
    Yes,
    No,
}

fn said(doing: &str, servers: &[ServerUrl], stations: &[Station], now: Instant, counted: Counted) -> String {
    let mut line = doing.to_owned();
    for (index, (server, station)) in servers.iter().zip(stations).enumerate() {
        let between = if index == 0 { ": " } else { "; " };
        let result = match (&station.last, station.since) {
            (Some(trouble), Some(since)) if counted == Counted::Yes && station.times > 1 => write!(
                line,
                "{between}{server}: {trouble} ({} times in {} s)",
                station.times,
                (now - since).as_secs()
            ),
            (Some(trouble), _) => write!(line, "{between}{server}: {trouble}"),
            (None, _) => write!(line, "{between}{server}: no time was left to ask it"),
        };
        // Writing into a String cannot fail.
        result.ok();
    }
    line
}

#[cfg(test)]
mod tests;
