//! What happened to a bootstrap, in the order in which the issuer learnt of it. An event is kept once,
//! however often it is told; one that belongs to a change is in that change's transaction.
//!
//! What a machine says of itself changes nothing but this: whoever has the token can say it.

use super::create::get;
use super::find::find;
use super::multi_use::WORDS;
use super::rows::{Bootstrap, Place, State, Status};
use super::{Store, StoreError};
use crate::cluster::Happened;
use crate::names::BootstrapId;
use rusqlite::{Connection, Row, params};

/// Events that one bootstrap's machines may tell, and denials that are kept of it: a holder of the token can
/// tell anything, and not at any length.
const MOST: i64 = 1000;
const MOST_DENIALS: i64 = 100;
/// How long after its end a bootstrap's machine is listened to, seconds.
const GRACE: i64 = 24 * 3600;

/// Who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// This issuer, of what it did.
    Issuer,
    /// The cluster's backend.
    Cluster,
    /// Whoever holds the token, as its machine does.
    Machine,
}

impl Source {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Source::Issuer => "issuer",
            Source::Cluster => "cluster",
            Source::Machine => "machine",
        }
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its place among its bootstrap's, from 1; 0 before it is kept.
    pub seq: i64,
    /// By what a repetition is known.
    pub once: String,
    /// Unix seconds, by the issuer's clock.
    pub at: i64,
    /// A word of [`Source`].
    pub source: String,
    /// What: `issued`, `multi_use`, `bound`, `denied`, `joined`, `revoked`, `withdrawn`, `expired`, or a kind of
    /// [`worker_bootstrap::outward::wire::Kind`].
    pub kind: String,
    /// One line for people.
    pub message: String,
    /// A code.
    pub reason: Option<String>,
    /// The node's name.
    pub node: Option<String>,
    /// What a machine says beside, a JSON object.
    pub details: Option<String>,
}

impl Event {
    /// A new one. What happens to a bootstrap once is known by its kind.
    pub fn new(source: Source, kind: &str, at: i64, message: impl Into<String>) -> Event {
        Event {
            seq: 0,
            once: kind.to_owned(),
            at,
            source: source.word().to_owned(),
            kind: kind.to_owned(),
            message: message.into(),
            reason: None,
            node: None,
            details: None,
        }
    }

    fn of_node(self, node: &str) -> Event {
        Event { node: Some(node.to_owned()), ..self }
    }
}

/// What became of a report.
#[derive(Debug, PartialEq, Eq)]
pub enum Reported {
    /// Nobody listens to this bootstrap's machine: there is none, or it ended long ago.
    Nobody,
    /// It has told enough.
    Enough,
    /// So many events of it were new.
    Kept(usize),
}

/// Which events.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Whose.
    pub place: Place,
    /// Which bootstrap's.
    pub id: BootstrapId,
    /// Those behind this one.
    pub after: i64,
    /// How many at most.
    pub limit: u16,
    /// Unix seconds.
    pub now: i64,
}

/// A page of events, oldest first.
#[derive(Debug)]
pub struct Page {
    /// What is on it.
    pub events: Vec<Event>,
    /// There are more.
    pub more: bool,
}

impl Store {
    /// Takes in what a machine told. `events` are its own; their order is kept.
    ///
    /// # Errors
    /// See [`StoreError`]; then nothing was kept.
    pub async fn report(
        &self,
        id: BootstrapId,
        events: Vec<Event>,
        now: i64,
    ) -> Result<Reported, StoreError> {
        self.write(move |connection| {
            let Some(row) = get(connection, &id)?
                .filter(|row| matches!(row.state, State::Active | State::Revoked))
                .filter(|row| now < row.expires_at + GRACE)
            else {
                return Ok(Reported::Nobody);
            };
            note_expiry(connection, &row, now)?;
            let mut room = MOST - count(connection, &id, "source = 'machine'")?;
            let mut kept = 0;
            for event in events {
                if room <= 0 {
                    return Ok(Reported::Enough);
                }
                if add(connection, &id, &event)? {
                    kept += 1;
                    room -= 1;
                }
            }
            Ok(Reported::Kept(kept))
        })
        .await
    }

    /// One page, or nothing where this place has no such bootstrap.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn events(&self, wanted: Wanted) -> Result<Option<Page>, StoreError> {
        let (place, id, now) = (wanted.place.clone(), wanted.id.clone(), wanted.now);
        let row = self.read(move |connection| find(connection, &place, &id)).await?;
        let Some(row) = row else { return Ok(None) };
        if expires_unsaid(&row, now) {
            self.write(move |connection| note_expiry(connection, &row, now)).await?;
        }
        self.read(move |connection| {
            let mut events = connection
                .prepare_cached(
                    "SELECT seq, once, at, source, type, message, reason, node, details FROM events \
                     WHERE bootstrap = ? AND seq > ? ORDER BY seq LIMIT ?",
                )?
                .query_map(params![wanted.id.as_str(), wanted.after, i64::from(wanted.limit) + 1], event)?
                .collect::<Result<Vec<_>, _>>()?;
            let more = events.len() > usize::from(wanted.limit);
            events.truncate(wanted.limit.into());
            Ok(Some(Page { events, more }))
        })
        .await
    }
}

/// Adds an event in the transaction of what it tells. False where it is known.
pub fn add(connection: &Connection, id: &BootstrapId, event: &Event) -> Result<bool, StoreError> {
    let added = connection
        .prepare_cached(
            "INSERT INTO events (bootstrap, seq, once, at, source, type, message, reason, node, details) \
             SELECT ?1, coalesce(max(seq), 0) + 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 FROM events WHERE bootstrap = ?1 \
             ON CONFLICT (bootstrap, once) DO NOTHING",
        )?
        .execute(params![
            id.as_str(),
            event.once,
            event.at,
            event.source,
            event.kind,
            event.message,
            event.reason,
            event.node,
            event.details
        ])?;
    Ok(added > 0)
}

/// What the cluster told, as an event.
pub fn add_happened(
    connection: &Connection,
    row: &Bootstrap,
    what: &Happened,
    at: i64,
) -> Result<(), StoreError> {
    let id = &row.id;
    let told = |kind, message: String| Event::new(Source::Cluster, kind, at, message);
    let event = match what {
        Happened::Bound(used) => {
            let message = match row.multi_use {
                false => format!("the token is bound to node {}: nobody else can use it", used.node),
                true => format!("node {} was the first to use the token, which is {WORDS}", used.node),
            };
            told("bound", message).of_node(&used.node)
        }
        Happened::Joined(used) => {
            told("joined", format!("node {} has proven itself; the token is gone", used.node))
                .of_node(&used.node)
        }
        Happened::Denied { reason, message } => {
            if count(connection, id, "type = 'denied'")? >= MOST_DENIALS {
                return Ok(());
            }
            Event {
                once: format!("denied {reason} {message}"),
                reason: Some(reason.clone()),
                ..told("denied", message.clone())
            }
        }
    };
    add(connection, id, &event).map(drop)
}

/// Expiry is a fact of time; its event is written when somebody first looks or tells something after it.
fn note_expiry(connection: &Connection, row: &Bootstrap, now: i64) -> Result<(), StoreError> {
    if !expires_unsaid(row, now) {
        return Ok(());
    }
    let message = match &row.used {
        None if row.multi_use => "the token expired: no use of it was seen".to_owned(),
        None => "the token expired: nobody had used it".to_owned(),
        Some(used) => {
            format!("the token expired: it was bound to node {}, which was not seen since", used.node)
        }
    };
    add(connection, &row.id, &Event::new(Source::Issuer, "expired", row.expires_at, message)).map(drop)
}

/// Whether time ended it, and nothing else before.
fn expires_unsaid(row: &Bootstrap, now: i64) -> bool {
    row.status(now) == Status::Expired && row.joined_at.is_none()
}

fn count(connection: &Connection, id: &BootstrapId, which: &str) -> Result<i64, StoreError> {
    let sql = format!("SELECT count(*) FROM events WHERE bootstrap = ? AND {which}");
    Ok(connection.prepare_cached(&sql)?.query_row([id.as_str()], |row| row.get(0))?)
}

fn event(row: &Row<'_>) -> Result<Event, rusqlite::Error> {
    Ok(Event {
        seq: row.get(0)?,
        once: row.get(1)?,
        at: row.get(2)?,
        source: row.get(3)?,
        kind: row.get(4)?,
        message: row.get(5)?,
        reason: row.get(6)?,
        node: row.get(7)?,
        details: row.get(8)?,
    })
}
