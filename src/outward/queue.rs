//! What is to be told and is not yet through: a few events, numbered, the oldest given up first.

use super::wire::{Batch, Event, Kind, LARGEST, Numbered, SCHEMA};
use crate::failure::one_line;
use std::collections::VecDeque;

/// More than a run has steps; what comes in faster than it goes out is mostly the same wait.
const MOST: usize = 32;
/// The longest text, bytes.
const LONGEST: usize = 1000;
/// What is left for the envelope.
const ENVELOPE: usize = 1024;

/// The events of one run.
#[derive(Debug)]
pub(super) struct Queue {
    run: String,
    last: u32,
    pub(super) node_name: Option<String>,
    events: VecDeque<Numbered>,
    /// Up to here events are in a request that may have been received: they stay as they are.
    sent: u32,
}

/// A body, and the last event in it.
#[derive(Debug)]
pub(super) struct Bundle {
    pub(super) body: Vec<u8>,
    pub(super) last: u32,
}

impl Default for Queue {
    fn default() -> Self {
        let mut random = [0; 16];
        // Without it runs are told apart by their times: nothing secret hangs on it.
        getrandom::fill(&mut random).ok();
        Queue {
            run: random.iter().map(|byte| format!("{byte:02x}")).collect(),
            last: 0,
            node_name: None,
            events: VecDeque::new(),
            sent: 0,
        }
    }
}

impl Queue {
    /// Adds an event and gives its number. A wait takes the place of the same wait before it.
    pub(super) fn push(&mut self, at: u64, event: Event) -> u32 {
        let event = bounded(event);
        if let Some(last) = self.events.back_mut()
            && last.seq > self.sent
            && event.kind == Kind::Waiting
            && (last.event.kind, &last.event.state) == (Kind::Waiting, &event.state)
        {
            (last.at, last.event) = (at, event);
            return last.seq;
        }
        if self.events.len() == MOST {
            self.events.pop_front();
        }
        self.last += 1;
        self.events.push_back(Numbered { seq: self.last, at, event });
        self.last
    }

    /// The oldest events, as many as fit into one body.
    pub(super) fn bundle(&mut self, token_id: &str) -> Option<Bundle> {
        let mut room = LARGEST - ENVELOPE;
        let mut events = Vec::new();
        for event in &self.events {
            let size = serde_json::to_vec(event).ok()?.len() + 1;
            if size > room {
                break;
            }
            room -= size;
            events.push(event.clone());
        }
        let last = events.last()?.seq;
        self.sent = self.sent.max(last);
        Some(Bundle { body: self.body(events, token_id)?.into_bytes(), last })
    }

    /// Events up to this one have been received.
    pub(super) fn through(&mut self, last: u32) {
        self.events.retain(|event| event.seq > last);
    }

    /// Whether this event has still to be told.
    pub(super) fn holds(&self, seq: u32) -> bool {
        self.events.iter().any(|event| event.seq == seq)
    }

    /// The body of one event that has still to be told.
    pub(super) fn single(&self, seq: u32, token_id: &str) -> Option<String> {
        let event = self.events.iter().find(|event| event.seq == seq)?.clone();
        self.body(vec![event], token_id)
    }

    /// The body of an event that may yet happen: numbered behind all others of this run.
    pub(super) fn will(&self, at: u64, event: Event, token_id: &str) -> Option<String> {
        self.body(vec![Numbered { seq: u32::MAX, at, event: bounded(event) }], token_id)
    }

    fn body(&self, events: Vec<Numbered>, token_id: &str) -> Option<String> {
        let batch = Batch {
            schema: SCHEMA,
            run: self.run.clone(),
            agent: env!("CARGO_PKG_VERSION").to_owned(),
            token_id: token_id.to_owned(),
            node_name: self.node_name.clone(),
            events,
        };
        serde_json::to_string(&batch).ok()
    }
}

fn bounded(mut event: Event) -> Event {
    event.message = short(&event.message);
    event.next = event.next.as_deref().map(short);
    event
}

/// One line of at most [`LONGEST`] bytes.
fn short(text: &str) -> String {
    let mut line = one_line(text);
    if line.len() > LONGEST {
        let mut end = LONGEST - '…'.len_utf8();
        while !line.is_char_boundary(end) {
            end -= 1;
        }
        line.truncate(end);
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(state: &str, message: &str) -> Event {
        Event { kind: Kind::Waiting, state: Some(state.into()), message: message.into(), ..Event::default() }
    }

    fn step(message: &str) -> Event {
        Event { message: message.into(), ..Event::default() }
    }

    fn told(queue: &mut Queue) -> Vec<(u32, String)> {
        let Some(bundle) = queue.bundle("abcdef") else { return Vec::new() };
        let batch: Batch = serde_json::from_slice(&bundle.body).unwrap();
        assert_eq!(batch.events.last().unwrap().seq, bundle.last);
        batch.events.into_iter().map(|event| (event.seq, event.event.message)).collect()
    }

    #[test]
    fn the_same_wait_is_told_once_unless_it_is_under_way_already() {
        let mut queue = Queue::default();
        queue.push(1, step("found"));
        queue.push(1, waiting("tcp", "first"));
        queue.push(2, waiting("tcp", "second"));
        assert_eq!(told(&mut queue), [(1, "found".into()), (2, "second".into())]);
        // The second may have been received by now.
        queue.push(3, waiting("tcp", "third"));
        queue.push(4, waiting("dns", "fourth"));
        queue.through(2);
        assert_eq!(told(&mut queue), [(3, "third".into()), (4, "fourth".into())]);
        queue.through(4);
        assert!(queue.bundle("abcdef").is_none());
    }

    #[test]
    fn no_body_is_larger_than_agreed_and_all_events_come_in_order() {
        let mut queue = Queue::default();
        for _ in 0..100 {
            queue.push(1, step(&"ä\u{1}\"".repeat(2000)));
        }
        let mut seen = Vec::new();
        while let Some(bundle) = queue.bundle("abcdef") {
            assert!(bundle.body.len() <= LARGEST, "{}", bundle.body.len());
            seen.extend(told(&mut queue).into_iter().map(|(seq, _)| seq));
            queue.through(bundle.last);
        }
        assert_eq!(seen, (69..=100).collect::<Vec<u32>>());
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        for lead in ["", "x", "xy"] {
            let line = short(&format!("{lead}{}", "äß€".repeat(500)));
            assert!(line.len() <= LONGEST && line.ends_with('…'), "{}", line.len());
        }
        assert_eq!(short("as it is"), "as it is");
    }
}
