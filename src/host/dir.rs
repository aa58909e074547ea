//! What lies in a directory of our own: names, bounded.

use std::io;
use std::path::Path;

/// The names of the regular files in `dir`; none where there is no such directory. Names that are not UTF-8 are
/// not ours and are left out.
///
/// # Errors
/// More than `limit` entries, or whatever the system says.
pub fn list(dir: &Path, limit: usize) -> io::Result<Vec<String>> {
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
        if let (true, Ok(name)) = (entry.file_type()?.is_file(), entry.file_name().into_string()) {
            found.push(name);
        }
    }
    Ok(found)
}
