//! Standard output, for what a command was asked to print.

use std::io::Write;

/// Prints `text` and a line end. A reader that has gone away is no error.
pub fn line(text: &str) {
    let mut stdout = std::io::stdout().lock();
    if writeln!(stdout, "{text}").is_ok() {
        drop(stdout.flush());
    }
}

/// Prints a value as JSON.
pub fn json<T: serde::Serialize>(value: &T) {
    if let Ok(text) = serde_json::to_string_pretty(value) {
        line(&text);
    }
}
