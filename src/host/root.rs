//! Where the files go: `/`, or a directory that stands for it (an image that is being built, a test).

use std::path::{Component, Path, PathBuf};

/// The directory below which every file of this program lies.
///
/// Paths *inside* written files never carry the prefix: they are read by programs that see it as `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root(PathBuf);

impl Root {
    /// A root. `/`, `//` and `/.` are the machine itself.
    pub fn new(path: PathBuf) -> Self {
        Root(path)
    }

    /// Whether this is the running machine, and not a directory that stands for another.
    pub fn is_machine(&self) -> bool {
        self.0.has_root() && self.0.components().all(|part| part == Component::RootDir)
    }

    /// Where `absolute` (a path as the machine sees it) lies. It is taken by its text: `..` and links
    /// are not resolved, so callers pass paths of their own making only.
    pub fn at(&self, absolute: &str) -> PathBuf {
        self.0.join(absolute.trim_start_matches('/'))
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_only_the_slash() {
        for (path, machine) in
            [("/", true), ("//", true), ("/.", true), ("/mnt", false), ("", false), (".", false)]
        {
            assert_eq!(Root::new(path.into()).is_machine(), machine, "{path:?}");
        }
    }

    #[test]
    fn absolute_paths_stay_below() {
        assert_eq!(Root::new("/".into()).at("/etc/x"), Path::new("/etc/x"));
        assert_eq!(Root::new("/mnt".into()).at("/etc/x"), Path::new("/mnt/etc/x"));
    }
}
