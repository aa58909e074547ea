//! One watch on one named object. It is opened once and resumed, on whichever server answers, from
//! the last version it has seen; a quiet watch costs nothing, and a dead server is noticed by the
//! connection's own pings within twenty seconds.

use crate::failure::Failure;
use crate::kube::client::{Client, Question};
use crate::kube::insist::Patience;
use crate::kube::objects::{Metadata, Object, Status};
use reqwest::Response;
use serde::Deserialize;
use std::collections::VecDeque;
use std::marker::PhantomData;
use std::time::Duration;
use tokio::time::Instant;

/// An event is an object and a few words.
const LONGEST_LINE: usize = 2 << 20;
/// The server ends the watch after this; so that a server which forgot us is left in the end.
const SERVER_SIDE_TIMEOUT_SECONDS: u32 = 300;
/// Between the end of one stream and the opening of the next.
const BREATH: Duration = Duration::from_millis(500);

/// What happened to the object.
#[derive(Debug, Clone)]
pub enum Event<T> {
    /// It is there, or changed.
    Now(T),
    /// It was deleted.
    Deleted(T),
    /// What happened since the last version can no longer be told: read the object anew.
    Lost,
}

/// A watch. Dropping it ends it.
#[derive(Debug)]
pub struct Watch<'c, T> {
    client: &'c Client<'c>,
    doing: &'c str,
    collection: &'c str,
    name: String,
    version: String,
    stream: Option<Response>,
    line: Vec<u8>,
    lines: VecDeque<Vec<u8>>,
    opened: bool,
    object: PhantomData<fn() -> T>,
}

impl<'c, T: Object> Watch<'c, T> {
    /// Watches `name` in `collection` (a path without query) for what comes after `version`; an empty
    /// version begins with the object as it is.
    pub fn new(
        client: &'c Client<'c>,
        doing: &'c str,
        collection: &'c str,
        name: &str,
        version: &str,
    ) -> Self {
        Watch {
            client,
            doing,
            collection,
            name: name.to_owned(),
            version: version.to_owned(),
            stream: None,
            line: Vec::new(),
            lines: VecDeque::new(),
            opened: false,
            object: PhantomData,
        }
    }

    /// The next event; `None` at the deadline.
    ///
    /// # Errors
    /// As opening a watch can fail for good: no server, a refused credential.
    pub async fn next(&mut self, patience: Patience<'_>) -> Result<Option<Event<T>>, Failure> {
        loop {
            while let Some(line) = self.lines.pop_front() {
                match self.event(&line) {
                    Some(event) => return Ok(Some(event)),
                    None if self.stream.is_none() => self.lines.clear(),
                    None => {}
                }
            }
            if Instant::now() >= patience.deadline {
                return Ok(None);
            }
            if self.stream.is_none() && !self.open(patience).await? {
                return Ok(Some(Event::Lost));
            }
            match tokio::time::timeout_at(patience.deadline, self.read()).await {
                Ok(()) => {}
                Err(_) => return Ok(None),
            }
        }
    }

    /// Opens the stream; false where the version is too old to go on from.
    async fn open(&mut self, patience: Patience<'_>) -> Result<bool, Failure> {
        if std::mem::replace(&mut self.opened, true) {
            tokio::time::sleep(BREATH).await;
        }
        let path = format!(
            "{}?watch=true&allowWatchBookmarks=true&timeoutSeconds={SERVER_SIDE_TIMEOUT_SECONDS}\
             &fieldSelector=metadata.name%3D{}&resourceVersion={}",
            self.collection, self.name, self.version
        );
        let question = Question::get(self.doing, &path, &[410]);
        let response = self.client.stream(&question, patience).await?;
        self.line.clear();
        if response.status() == http::StatusCode::GONE {
            self.version.clear();
            return Ok(false);
        }
        self.stream = Some(response);
        Ok(true)
    }

    /// Reads one piece and takes the whole lines out of it. A broken stream is dropped; `next` opens
    /// another.
    async fn read(&mut self) {
        let Some(stream) = &mut self.stream else { return };
        let Ok(Some(piece)) = stream.chunk().await else {
            self.stream = None;
            return;
        };
        let mut rest: &[u8] = &piece;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.line.extend_from_slice(&rest[..end]);
            rest = &rest[end + 1..];
            let line = std::mem::take(&mut self.line);
            if !line.is_empty() {
                self.lines.push_back(line);
            }
        }
        self.line.extend_from_slice(rest);
        if self.line.len() > LONGEST_LINE {
            self.stream = None;
        }
    }

    /// The event in a line; `None` for a bookmark. A line that is none ends the stream.
    fn event(&mut self, line: &[u8]) -> Option<Event<T>> {
        #[derive(Deserialize)]
        struct Head {
            #[serde(rename = "type")]
            kind: String,
        }
        #[derive(Deserialize)]
        struct With<O> {
            object: O,
        }
        #[derive(Deserialize)]
        struct Versioned {
            metadata: Metadata,
        }
        let Ok(Head { kind }) = serde_json::from_slice(line) else {
            self.stream = None;
            return None;
        };
        if kind == "ERROR" {
            self.stream = None;
            let code = serde_json::from_slice::<With<Status>>(line).map_or(0, |with| with.object.code);
            if code != 410 {
                return None;
            }
            self.version.clear();
            return Some(Event::Lost);
        }
        match serde_json::from_slice::<With<Versioned>>(line) {
            Ok(With { object }) if !object.metadata.resource_version.is_empty() => {
                self.version = object.metadata.resource_version;
                // A server may not know the selector; what was not asked for is passed over.
                if kind != "BOOKMARK" && object.metadata.name != self.name {
                    return None;
                }
            }
            _ => {
                self.stream = None;
                return None;
            }
        }
        let event: fn(T) -> Event<T> = match kind.as_str() {
            "ADDED" | "MODIFIED" => Event::Now,
            "DELETED" => Event::Deleted,
            _ => return None,
        };
        match serde_json::from_slice::<With<T>>(line) {
            Ok(With { object }) => Some(event(object)),
            Err(_) => {
                self.stream = None;
                None
            }
        }
    }
}
