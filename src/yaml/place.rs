//! The name of the field at a place in a text: for errors, after the fact. The reader tells where the
//! trouble is; this walks to it once more.

use serde_yaml::granit_parser::{Event, Parser, Span};

/// The path to the value, or the key, that begins at this line and column (both from 1), as in `cluster.servers[0]`;
/// empty for the text as a whole. Keys that may not be shown are not.
pub(super) fn field_at(text: &str, line: u64, column: u64, shown: fn(&str) -> Option<&str>) -> String {
    let mut path = Path::default();
    for event in Parser::new_from_str(text) {
        let Ok((event, Span { start, .. })) = event else { break };
        let here = (start.line() as u64, start.col() as u64 + 1);
        if here >= (line, column) && !matches!(event, Event::SequenceEnd | Event::MappingEnd) {
            // Some troubles with a value are placed at its key.
            if let (Event::Scalar(..), Some(Level::Key)) = (&event, path.levels.last()) {
                path.pass(&event, shown);
            }
            break;
        }
        path.pass(&event, shown);
    }
    path.text()
}

#[derive(Default)]
struct Path {
    levels: Vec<Level>,
}

/// Where one is inside a collection.
enum Level {
    /// Before the value of this index.
    Sequence(usize),
    /// Before a key.
    Key,
    /// Before the value of this key.
    Value(String),
}

impl Path {
    fn pass(&mut self, event: &Event<'_>, shown: fn(&str) -> Option<&str>) {
        match event {
            Event::Scalar(text, ..) => match self.levels.last_mut() {
                Some(level @ Level::Key) => {
                    *level = Level::Value(shown(text).unwrap_or("(a key)").to_owned());
                }
                _ => self.value_passed(),
            },
            Event::Alias(..) => self.value_passed(),
            Event::SequenceStart(..) => self.levels.push(Level::Sequence(0)),
            Event::MappingStart(..) => self.levels.push(Level::Key),
            Event::SequenceEnd | Event::MappingEnd => {
                self.levels.pop();
                self.value_passed();
            }
            _ => {}
        }
    }

    fn value_passed(&mut self) {
        match self.levels.last_mut() {
            Some(Level::Sequence(index)) => *index += 1,
            Some(level) => *level = Level::Key,
            None => {}
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for level in &self.levels {
            match level {
                Level::Sequence(index) => text.push_str(&format!("[{index}]")),
                Level::Value(key) if text.is_empty() => text.push_str(key),
                Level::Value(key) => text.push_str(&format!(".{key}")),
                Level::Key => {}
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let text = "a: 1\nb:\n  - x\n  - {c: y, d: [1, 2]}\ne: &e {f: 1}\ng: *e\nh: i\n";
        for (line, column, field) in [
            (1, 1, ""),
            (1, 4, "a"),
            (3, 5, "b[0]"),
            (4, 5, "b[1]"),
            (4, 9, "b[1].c"),
            (4, 19, "b[1].d[1]"),
            (5, 8, "e.f"),
            (5, 11, "e.f"),
            (6, 4, "g"),
            (7, 4, "h"),
            (9, 1, ""),
        ] {
            assert_eq!(field_at(text, line, column, |key| Some(key)), field, "{line}:{column}");
        }
        assert_eq!(field_at("a: {b: x", 1, 8, |_| None), "(a key).(a key)");
    }
}
