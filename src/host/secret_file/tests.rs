use super::*;
use std::os::unix::fs::{chown, symlink};
use std::os::unix::net::UnixListener;
use tempfile::TempDir;

const NOBODY: u32 = 65534;

struct Scratch(TempDir);

impl Scratch {
    fn new() -> Self {
        Scratch(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn root(&self) -> Root {
        Root::new(self.0.path().to_owned())
    }

    fn put(&self, name: &str, content: &[u8], mode: u32) -> PathBuf {
        let path = self.at(name);
        File::create(&path).unwrap().write_all(content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    fn open(&self, name: &str) -> Result<Option<Opened>, Refused> {
        open(&self.at(name), &self.root())
    }
}

/// Which refusal, in a word.
fn word(opened: Result<Option<Opened>, Refused>) -> String {
    match opened {
        Ok(None) => "nothing".to_owned(),
        Ok(Some(opened)) => format!("{} bytes", opened.bytes.len()),
        Err(Refused::Link) => "link".to_owned(),
        Err(Refused::Directory) => "directory".to_owned(),
        Err(Refused::NotRegular(what)) => what.to_owned(),
        Err(Refused::Owner(owner)) => format!("owner {owner}"),
        Err(Refused::Mode(mode)) => format!("mode {mode:o}"),
        Err(Refused::TooLarge) => "too large".to_owned(),
        Err(Refused::Unreadable(error)) => format!("unreadable: {error}"),
    }
}

#[test]
fn what_stands_at_the_path() {
    let scratch = Scratch::new();
    scratch.put("good", b"secret", 0o600);
    scratch.put("empty", b"", 0o600);
    scratch.put("limit", &vec![b'x'; LIMIT as usize], 0o600);
    scratch.put("above", &vec![b'x'; LIMIT as usize + 1], 0o600);
    scratch.put("2MiB", &vec![b'x'; 2 << 20], 0o600);
    fs::create_dir(scratch.at("directory")).unwrap();
    symlink("good", scratch.at("link")).unwrap();
    symlink("nowhere", scratch.at("dangling")).unwrap();
    symlink("directory", scratch.at("linked")).unwrap();
    nix::unistd::mkfifo(&scratch.at("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let _listener = UnixListener::bind(scratch.at("socket")).unwrap();
    for (name, expected) in [
        ("good", "6 bytes"),
        ("empty", "0 bytes"),
        ("limit", "1048576 bytes"),
        ("above", "too large"),
        ("2MiB", "too large"),
        ("missing", "nothing"),
        ("missing/deeper", "nothing"),
        ("directory", "directory"),
        ("link", "link"),
        ("dangling", "link"),
        ("linked", "link"),
        ("fifo", "a FIFO"),
        ("socket", "a socket"),
        ("good/below", "unreadable: Not a directory (os error 20)"),
    ] {
        assert_eq!(word(scratch.open(name)), expected, "{name}");
    }
    assert_eq!(word(open(Path::new("/dev/null"), &scratch.root())), "a device");
    assert_eq!(&scratch.open("good").unwrap().unwrap().bytes[..], b"secret");
}

#[test]
fn modes() {
    let scratch = Scratch::new();
    for (mode, good) in [
        (0o600, true),
        (0o400, true),
        (0o700, true),
        (0o640, false),
        (0o620, false),
        (0o604, false),
        (0o602, false),
        (0o644, false),
        (0o666, false),
        (0o4644, false),
    ] {
        scratch.put("file", b"secret", 0o600);
        fs::set_permissions(scratch.at("file"), Permissions::from_mode(mode)).unwrap();
        let expected = if good { "6 bytes".to_owned() } else { format!("mode {mode:o}") };
        assert_eq!(word(scratch.open("file")), expected);
    }
}

#[test]
fn another_owner() {
    let scratch = Scratch::new();
    let path = scratch.put("file", b"secret", 0o600);
    let machine = Root::new("/".into());
    let own = Uid::effective().as_raw();
    if Uid::effective().is_root() {
        assert_eq!(word(open(&path, &machine)), "6 bytes");
        chown(&path, Some(NOBODY), None).unwrap();
        assert_eq!(word(open(&path, &machine)), format!("owner {NOBODY}"));
        assert_eq!(word(scratch.open("file")), format!("owner {NOBODY}"));
    } else {
        // Whoever is not root cannot give a file away, but is another owner than root.
        assert_eq!(word(open(&path, &machine)), format!("owner {own}"));
        assert_eq!(word(scratch.open("file")), "6 bytes");
    }
}

#[test]
fn a_file_that_changes_while_it_is_read() {
    let scratch = Scratch::new();
    let path = scratch.put("file", b"secret", 0o600);
    for (expected, good) in [(6, true), (5, false), (7, false), (0, false)] {
        let read = read_all(&File::open(&path).unwrap(), expected);
        match read {
            Ok(bytes) => assert!(good && &bytes[..] == b"secret", "{expected}"),
            Err(refused) => assert!(!good, "{expected}: {refused:?}"),
        }
    }
}

/// As whoever delivers the next bootstrap does it, while the last one is put over.
#[test]
fn a_name_that_stands_for_another_file_by_now_is_not_taken_away() {
    let scratch = Scratch::new();
    scratch.put("file", b"secret", 0o600);
    let place = scratch.open("file").unwrap().unwrap().place;
    // The first keeps its inode, so that the second has another.
    fs::hard_link(scratch.at("file"), scratch.at("first")).unwrap();
    fs::remove_file(scratch.at("file")).unwrap();
    scratch.put("file", b"another", 0o600);
    remove(&place).unwrap();
    assert_eq!(word(scratch.open("file")), "7 bytes");
    let place = scratch.open("file").unwrap().unwrap().place;
    remove(&place).unwrap();
    assert!(!scratch.at("file").exists());
    remove(&place).unwrap();
}

#[test]
fn erasing_overwrites_the_very_bytes() {
    let scratch = Scratch::new();
    for (length, mode) in [(0, 0o600), (6, 0o600), (6, 0o400), (8192, 0o600), (20_000, 0o600)] {
        let path = scratch.put("file", &vec![b'x'; length], mode);
        let other_name = scratch.at("other");
        fs::hard_link(&path, &other_name).unwrap();
        let place = scratch.open("file").unwrap().unwrap().place;
        let erased = erase(&place).unwrap();
        assert_eq!(erased.bytes, length as u64);
        assert!(fs::symlink_metadata(&path).is_err(), "it is gone");
        let mut left = Vec::new();
        File::open(&other_name).unwrap().read_to_end(&mut left).unwrap();
        assert_eq!(left, vec![0; length], "what is seen by another name of it is zeros");
        fs::remove_file(other_name).unwrap();
    }
}

#[test]
fn another_file_in_its_place_is_left_alone() {
    let scratch = Scratch::new();
    for replacement in ["file", "link", "directory"] {
        let path = scratch.put("file", b"secret", 0o600);
        let place = scratch.open("file").unwrap().unwrap().place;
        // The first one stays open, so that its inode is not given to the second.
        let _kept = File::open(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let victim = scratch.put("victim", b"untouched", 0o600);
        match replacement {
            "file" => drop(scratch.put("file", b"untouched", 0o600)),
            "link" => symlink(&victim, &path).unwrap(),
            _ => fs::create_dir(&path).unwrap(),
        }
        assert!(erase(&place).is_err(), "{replacement}");
        assert!(fs::symlink_metadata(&path).is_ok(), "{replacement}");
        let mut left = Vec::new();
        if replacement == "directory" {
            fs::remove_dir(&path).unwrap();
        } else {
            File::open(&path).unwrap().read_to_end(&mut left).unwrap();
            assert_eq!(left, b"untouched", "{replacement}");
            fs::remove_file(&path).unwrap();
        }
    }
}

#[test]
fn a_file_that_is_gone_is_no_error_and_no_guarantee() {
    let scratch = Scratch::new();
    let path = scratch.put("file", b"secret", 0o600);
    let place = scratch.open("file").unwrap().unwrap().place;
    fs::remove_file(path).unwrap();
    let erased = erase(&place).unwrap();
    assert_eq!(erased.bytes, 0);
    assert!(erased.guarantee.to_string().starts_with("not guaranteed: it was gone already"));
}

#[test]
fn memory_guarantees() {
    let shm = Path::new("/dev/shm");
    let is_memory = statfs::statfs(shm).is_ok_and(|stat| stat.filesystem_type() == statfs::TMPFS_MAGIC);
    let Ok(dir) = tempfile::tempdir_in(shm) else { return };
    if !is_memory {
        return;
    }
    let scratch = Scratch(dir);
    scratch.put("file", b"secret", 0o600);
    let place = scratch.open("file").unwrap().unwrap().place;
    assert_eq!(erase(&place).unwrap(), Erased { bytes: 6, guarantee: Guarantee::Memory });
}

#[test]
fn what_a_disk_keeps_in_free_blocks_is_said() {
    for (free, words) in [
        (Some(Free::Discarded), "free blocks of / can be trimmed"),
        (Some(Free::Kept), "not guaranteed: the disk does not discard"),
        (None, "not guaranteed: the disk does not say"),
    ] {
        assert!(in_place(free, Path::new("/")).to_string().contains(words), "{free:?}");
    }
}
