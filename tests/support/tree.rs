//! Everything below a directory, so that two moments can be compared.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

/// What lies below `root`: for each name its kind, mode, owner and content. Times do not count.
pub fn tree(root: &Path) -> BTreeMap<String, String> {
    let mut tree = BTreeMap::new();
    let mut directories = vec![root.to_path_buf()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let meta = path.symlink_metadata().unwrap();
            let content = if meta.is_dir() {
                directories.push(path.clone());
                "a directory".to_owned()
            } else if meta.is_symlink() {
                format!("a link to {}", path.read_link().unwrap().display())
            } else if meta.is_file() {
                let bytes = std::fs::read(&path).unwrap();
                let digest = ring::digest::digest(&ring::digest::SHA256, &bytes);
                format!("{} bytes, {:?}", bytes.len(), digest)
            } else {
                "something else".to_owned()
            };
            let name = path.strip_prefix(root).unwrap().display().to_string();
            let mode = meta.permissions().mode();
            tree.insert(name, format!("{mode:o} {}:{} {content}", meta.uid(), meta.gid()));
        }
    }
    tree
}

/// The names that differ between two moments.
pub fn changes(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    names.into_iter().filter(|name| before.get(*name) != after.get(*name)).cloned().collect()
}
