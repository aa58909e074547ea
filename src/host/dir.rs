//! What lies in a directory of our own: names and times, bounded.

use std::io;
use std::path::Path;
use std::time::SystemTime;

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// File name. Names that are not UTF-8 are not ours and are left out.
    pub name: String,
    /// When it was written last.
    pub modified: SystemTime,
}

/// The regular files in `dir`; none where there is no such directory.
///
/// # Errors
/// More than `limit` entries, or whatever the system says.
pub fn list(dir: &Path, limit: usize) -> io::Result<Vec<Entry>> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for (count, entry) in entries.enumerate() {
        if count >= limit {
            return Err(io::Error::other(format!("more than {limit} entries")));
        }
        let entry = entry?;
        let metadata = entry.metadata()?;
        if let (true, Ok(name)) = (metadata.is_file(), entry.file_name().into_string()) {
            found.push(Entry { name, modified: metadata.modified()? });
        }
    }
    Ok(found)
}
