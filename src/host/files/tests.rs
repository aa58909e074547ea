use super::*;
use tempfile::TempDir;

fn scratch() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn put(path: &Path, content: &[u8]) {
    File::create(path).unwrap().write_all(content).unwrap();
}

fn content(path: &Path) -> Vec<u8> {
    read(path, 1 << 20).unwrap()
}

#[test]
fn a_write_has_its_mode_whatever_the_umask_and_leaves_nothing_else() {
    let dir = scratch();
    for mode_wanted in [0o600, 0o644, 0o666, 0o755] {
        let path = dir.path().join("file");
        write(&path, b"first", 0o600).unwrap();
        write(&path, b"second", mode_wanted).unwrap();
        assert_eq!((content(&path), mode(&path)), (b"second".to_vec(), mode_wanted));
        assert_eq!(names(dir.path()), ["file"]);
    }
}

#[test]
fn a_write_follows_no_link() {
    let dir = scratch();
    let (path, temporary, victim) =
        (dir.path().join("file"), dir.path().join(".file.worker-bootstrap.tmp"), dir.path().join("victim"));
    put(&victim, b"untouched");
    symlink(&victim, &path).unwrap();
    symlink(&victim, &temporary).unwrap();
    write(&path, b"new", 0o600).unwrap();
    assert_eq!((content(&path), content(&victim)), (b"new".to_vec(), b"untouched".to_vec()));
    assert!(fs::symlink_metadata(&path).unwrap().is_file());
    assert_eq!(names(dir.path()), ["file", "victim"]);
}

#[test]
fn a_write_takes_the_place_of_what_a_crash_left() {
    let dir = scratch();
    put(&dir.path().join(".file.worker-bootstrap.tmp"), b"half");
    write(&dir.path().join("file"), b"whole", 0o600).unwrap();
    assert_eq!(names(dir.path()), ["file"]);
}

#[test]
fn a_write_that_fails_says_at_what_and_leaves_no_temporary() {
    let dir = scratch();
    fs::create_dir(dir.path().join("directory")).unwrap();
    for (path, doing) in
        [("missing/file", "creating"), ("directory", "putting into place"), ("directory/..", "writing")]
    {
        let error = write(&dir.path().join(path), b"x", 0o600).unwrap_err();
        assert_eq!(error.doing, doing, "{path}");
        assert_eq!(names(dir.path()), ["directory"], "{path}");
    }
}

#[test]
#[ignore = "mounts a file system, so it needs root: cargo test -- --ignored"]
fn a_full_disk_keeps_the_old_file() {
    let dir = scratch();
    let mount = |program: &str, args: &[&str]| {
        #[expect(clippy::disallowed_methods, reason = "a test needs a small disk")]
        let status = std::process::Command::new(program).args(args).arg(dir.path()).status();
        assert!(status.unwrap().success());
    };
    mount("/bin/mount", &["-t", "tmpfs", "-o", "size=64k", "tmpfs"]);
    let path = dir.path().join("file");
    write(&path, b"old", 0o600).unwrap();
    let error = write(&path, &vec![b'x'; 1 << 20], 0o600).unwrap_err();
    let (kept, left) = (content(&path), names(dir.path()));
    let probe = {
        let room = space(dir.path()).unwrap().free as usize;
        put(&dir.path().join("ballast"), &vec![b'x'; room]);
        writable_dir(dir.path())
    };
    mount("/bin/umount", &[]);
    assert_eq!((error.doing, error.source.kind()), ("writing", io::ErrorKind::StorageFull));
    assert_eq!((kept, left), (b"old".to_vec(), vec!["file".to_owned()]));
    assert_eq!(probe.unwrap_err().kind(), io::ErrorKind::StorageFull);
}

#[test]
fn directories() {
    let dir = scratch();
    fs::create_dir(dir.path().join("old")).unwrap();
    fs::set_permissions(dir.path().join("old"), Permissions::from_mode(0o700)).unwrap();
    let path = dir.path().join("old/a/b");
    make_dirs(&path, 0o777).unwrap();
    make_dirs(&path, 0o700).unwrap();
    let modes = ["old", "old/a", "old/a/b"].map(|path| mode(&dir.path().join(path)));
    assert_eq!(modes, [0o700, 0o777, 0o777], "those that exist keep their mode");
    put(&dir.path().join("file"), b"");
    assert!(make_dirs(&dir.path().join("file"), 0o700).is_err());
    assert!(make_dirs(&dir.path().join("file/below"), 0o700).is_err());
}

#[test]
fn links() {
    // What stands at the link and at the way to it before: nothing, a link, a file.
    for (link, via, expected) in [
        (None, None, Ok(())),
        (Some("link:new"), None, Ok(())),
        (Some("link:old"), None, Ok(())),
        (Some("link:old"), Some("link:old"), Ok(())),
        (Some("link:new"), Some("link:old"), Ok(())),
        (Some("file"), None, Err("replacing")),
        (None, Some("file"), Err("removing")),
        (Some("link:new"), Some("file"), Err("removing")),
    ] {
        let dir = scratch();
        let at = |name: &str| dir.path().join(name);
        for (name, what) in [("current", link), ("via", via)] {
            match what.map(|what| what.strip_prefix("link:").ok_or(what)) {
                Some(Ok(target)) => symlink(target, at(name)).unwrap(),
                Some(Err(_)) => put(&at(name), b"kept"),
                None => {}
            }
        }
        let made = replace_link(&at("current"), Path::new("new"), &at("via")).map_err(|error| error.doing);
        assert_eq!(made, expected, "{link:?} {via:?}");
        if expected.is_ok() {
            assert_eq!(fs::read_link(at("current")).unwrap(), Path::new("new"));
            assert_eq!(names(dir.path()), ["current"]);
        }
        for name in [("current", link), ("via", via)].iter().filter(|(_, what)| *what == Some("file")) {
            assert_eq!(content(&at(name.0)), b"kept");
        }
    }
}

#[test]
fn removal() {
    let dir = scratch();
    let (file, link) = (dir.path().join("file"), dir.path().join("link"));
    put(&file, b"");
    symlink("nowhere", &link).unwrap();
    assert!(exists(&link) && exists(&file));
    for path in [&file, &file, &link] {
        remove(path).unwrap();
        assert!(!exists(path));
    }
    assert!(remove(dir.path()).is_err(), "a directory is not a file");
}

#[test]
fn leftovers_are_known_by_their_name() {
    let dir = scratch();
    for name in [".a.worker-bootstrap.tmp", "a.worker-bootstrap.tmp", ".a.tmp", "a"] {
        put(&dir.path().join(name), b"");
    }
    let removed = remove_leftovers(dir.path()).unwrap();
    assert_eq!(removed, [dir.path().join(".a.worker-bootstrap.tmp")]);
    assert_eq!(names(dir.path()), [".a.tmp", "a", "a.worker-bootstrap.tmp"]);
    assert!(remove_leftovers(&dir.path().join("missing")).unwrap().is_empty());
}

#[test]
fn reading_is_bounded_and_never_waits() {
    let dir = scratch();
    let at = |name: &str| dir.path().join(name);
    put(&at("four"), b"1234");
    put(&at("latin"), b"\xe4");
    nix::unistd::mkfifo(&at("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    for (name, limit, expected) in [
        ("four", 4, Ok(4)),
        ("four", 3, Err(io::ErrorKind::FileTooLarge)),
        ("four", u64::MAX, Ok(4)),
        ("missing", 4, Err(io::ErrorKind::NotFound)),
        ("", 4, Err(io::ErrorKind::IsADirectory)),
        ("fifo", 4, Ok(0)),
    ] {
        let seen = read(&at(name), limit).map(|bytes| bytes.len()).map_err(|error| error.kind());
        assert_eq!(seen, expected, "{name} {limit}");
    }
    assert_eq!(read_text(&at("latin"), 9).unwrap_err().kind(), io::ErrorKind::InvalidData);
    assert_eq!(read_head(&at("four"), 2).unwrap(), b"12");
    assert_eq!(read_head(&at("four"), 9).unwrap(), b"1234");
}

#[test]
fn what_can_be_written_to() {
    let dir = scratch();
    put(&dir.path().join("file"), b"");
    for (path, writable) in
        [("", true), ("missing", true), ("missing/deeper", true), ("file", false), ("file/below", false)]
    {
        let seen = writable_dir(&dir.path().join(path));
        assert_eq!(seen.is_ok(), writable, "{path}: {seen:?}");
    }
    // Everywhere, for root as well.
    assert!(writable_dir(Path::new("/proc/worker-bootstrap")).is_err());
    assert_eq!(names(dir.path()), ["file"], "nothing that can be seen was changed");
    let room = space(&dir.path().join("missing/deeper")).unwrap();
    assert!(room.free <= room.total && room.total > 0);
}

#[test]
fn what_can_be_executed() {
    let dir = scratch();
    let path = dir.path().join("file");
    put(&path, b"");
    for (mode, executable) in [(0o644, false), (0o755, true), (0o100, true), (0o001, true)] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        assert_eq!(is_executable(&path).unwrap(), executable, "{mode:o}");
    }
    assert!(!is_executable(dir.path()).unwrap(), "a directory is searched, not executed");
    assert!(is_executable(&dir.path().join("missing")).is_err());
}
