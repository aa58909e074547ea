//! What a person at the machine sees on standard error: plain lines, and on a terminal one more line
//! at the bottom that shows what is going on right now.

use std::io::Write;
use std::sync::Mutex;

/// Standard error as a place for lines.
#[derive(Debug)]
pub struct Screen {
    live: bool,
    silent: bool,
    bottom: Mutex<bool>,
}

impl Screen {
    /// `live` draws the moving bottom line; `silent` shows nothing (the journal has it all).
    pub fn new(live: bool, silent: bool) -> Self {
        Screen { live, silent, bottom: Mutex::new(false) }
    }

    /// A line that stays.
    pub fn line(&self, text: &str) {
        if self.silent {
            return;
        }
        let mut bottom = self.lock();
        let clear = if std::mem::take(&mut *bottom) { "\r\x1b[K" } else { "" };
        Self::put(&format!("{clear}{text}\n"));
    }

    /// The bottom line; replaced by the next one, gone with the next line that stays.
    pub fn bottom(&self, text: &str) {
        if self.silent || !self.live {
            return;
        }
        let mut bottom = self.lock();
        *bottom = true;
        let width = 110;
        let cut: String = text.chars().take(width).collect();
        Self::put(&format!("\r\x1b[K{cut}"));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, bool> {
        self.bottom.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Nobody is left to tell when standard error is gone.
    fn put(text: &str) {
        let mut stderr = std::io::stderr().lock();
        if stderr.write_all(text.as_bytes()).is_ok() {
            drop(stderr.flush());
        }
    }
}
