use super::super::undo::{Outcome, Undoing};
use super::record::HEAD;
use super::*;
use std::os::unix::fs::{PermissionsExt, symlink};
use tempfile::TempDir;

const PATH: &str = "/etc/kubernetes/x";

fn scratch() -> (TempDir, Root) {
    let dir = tempfile::tempdir().unwrap();
    let root = Root::new(dir.path().to_path_buf());
    fs::create_dir_all(root.at("/etc/kubernetes")).unwrap();
    (dir, root)
}

/// As somebody else would.
fn foreign(root: &Root, text: &str, mode: u32) {
    files::write(&root.at(PATH), text.as_bytes(), mode).unwrap();
}

fn content(root: &Root) -> String {
    files::read_text(&root.at(PATH), LIMIT).unwrap_or_else(|_| "nothing".to_owned())
}

fn undo(root: &Root) -> Vec<Outcome> {
    let items = items(root).unwrap();
    let mut undoing = Undoing::of(root, &items, false);
    items.iter().rev().filter_map(|item| undoing.undo(item, &[])).collect()
}

/// What stood there, what two runs wrote, what somebody wrote in between and afterwards; what is there in
/// the end.
#[test]
fn what_a_run_found_is_what_is_put_back() {
    let kept = || vec![Outcome::Kept("it has been changed since by somebody else".to_owned())];
    let (removed, restored) = (vec![Outcome::Removed], vec![Outcome::Restored]);
    for (before, first, between, second, after, outcomes, end) in [
        (None, "a", None, "a", None, removed.clone(), "nothing"),
        (None, "a", None, "b", None, removed.clone(), "nothing"),
        (Some("old"), "a", None, "b", None, restored.clone(), "old"),
        (Some("a"), "a", None, "a", None, vec![], "a"),
        (Some("a"), "a", None, "b", None, restored.clone(), "a"),
        (None, "a", Some("theirs"), "b", None, restored.clone(), "theirs"),
        (Some("old"), "a", Some("theirs"), "b", None, restored.clone(), "theirs"),
        (Some("old"), "a", Some("old"), "b", None, restored.clone(), "old"),
        (None, "a", None, "b", Some("theirs"), kept(), "theirs"),
        (None, "a", None, "b", Some("a"), removed.clone(), "nothing"),
        (Some("old"), "a", None, "b", Some("old"), vec![], "old"),
        (Some("token: x"), "a", None, "b", None, vec![Outcome::NotRestored], "nothing"),
    ] {
        let (_dir, root) = scratch();
        let case = format!("{before:?} {first} {between:?} {second} {after:?}");
        let someone = |text: Option<&str>| text.into_iter().for_each(|text| foreign(&root, text, 0o640));
        someone(before);
        put(&root, &[Put::File(PATH, first.as_bytes(), 0o640)]).unwrap();
        someone(between);
        put(&root, &[Put::File(PATH, second.as_bytes(), 0o640)]).unwrap();
        someone(after);
        assert_eq!(undo(&root), outcomes, "{case}");
        assert_eq!(content(&root), end, "{case}");
    }
}

/// The mode counts as well as the content; what a link leads to is not the file.
#[test]
fn what_is_there_as_it_should_be_is_not_made() {
    let (_dir, root) = scratch();
    for (text, mode, expected) in [
        ("first", 0o644, Written::Done),
        ("first", 0o644, Written::AlreadySo),
        ("first", 0o600, Written::Done),
        ("First", 0o600, Written::Done),
        ("longer", 0o600, Written::Done),
    ] {
        let made = put(&root, &[Put::File(PATH, text.as_bytes(), mode)]).unwrap();
        assert_eq!(made, [expected], "{text} {mode:o}");
        let has = fs::metadata(root.at(PATH)).unwrap().permissions().mode() & 0o7777;
        assert_eq!((content(&root).as_str(), has), (text, mode));
    }
    files::write(&root.at("/etc/kubernetes/target"), b"longer", 0o600).unwrap();
    files::remove(&root.at(PATH)).unwrap();
    symlink("target", root.at(PATH)).unwrap();
    assert_eq!(put(&root, &[Put::File(PATH, b"longer", 0o600)]).unwrap(), [Written::Done]);
    assert!(!root.at(PATH).is_symlink());
}

#[test]
fn mode_and_link_are_put_back_as_they_were() {
    let (_dir, root) = scratch();
    foreign(&root, "same", 0o604);
    put(&root, &[Put::File(PATH, b"same", 0o644)]).unwrap();
    assert_eq!(undo(&root), [Outcome::Restored]);
    assert_eq!(fs::metadata(root.at(PATH)).unwrap().permissions().mode() & 0o7777, 0o604);

    let (_dir, root) = scratch();
    symlink("somewhere else", root.at(PATH)).unwrap();
    put(&root, &[Put::File(PATH, b"x", 0o644)]).unwrap();
    assert!(root.at(PATH).is_file());
    assert_eq!(undo(&root), [Outcome::Restored]);
    assert_eq!(fs::read_link(root.at(PATH)).unwrap(), Path::new("somewhere else"));
}

#[test]
fn what_is_recorded_and_not_made_is_no_ones() {
    let (_dir, root) = scratch();
    fs::create_dir_all(root.at(PATH)).unwrap();
    let things = [Put::File("/etc/kubernetes/y", b"y", 0o600), Put::File(PATH, b"x", 0o600)];
    assert!(put(&root, &things).is_err());
    assert_eq!(items(&root).unwrap(), []);
    assert!(!files::exists(&root.at("/etc/kubernetes/y")));

    // Recorded, and then the machine went down.
    let (_dir, root) = scratch();
    foreign(&root, "old", 0o600);
    let mut record = Record::read(&root).unwrap();
    record.expect(&root, &Put::File(PATH, b"x", 0o600)).unwrap();
    record.save(&root).unwrap();
    assert_eq!(undo(&root), []);
    assert_eq!(content(&root), "old");
}

#[test]
fn a_directory_goes_only_when_it_is_empty_and_no_link_is_followed() {
    let (dir, root) = scratch();
    let inner = "/etc/kubernetes/a/b";
    put(&root, &[Put::Directory(inner, 0o750), Put::File("/etc/kubernetes/a/b/f", b"f", 0o600)]).unwrap();
    files::make_dirs(&dir.path().join("elsewhere"), 0o700).unwrap();
    fs::hard_link(root.at("/etc/kubernetes/a/b/f"), dir.path().join("elsewhere/f")).unwrap();
    fs::remove_dir_all(root.at(inner)).unwrap();
    symlink(dir.path().join("elsewhere"), root.at(inner)).unwrap();
    let kept = |why: &str| Outcome::Kept(why.to_owned());
    assert_eq!(
        undo(&root),
        [
            kept("a directory above it is a symbolic link now"),
            kept("it is no directory any more"),
            Outcome::Stays
        ]
    );
    assert!(dir.path().join("elsewhere/f").exists());
}

#[test]
fn a_record_that_is_not_ours_is_refused() {
    let line = "file\t/etc/kubernetes/x\tdigest\tfile 644 0 0 other\n";
    for (text, mode, good) in [
        (format!("{HEAD}\n{line}"), 0o600, true),
        (format!("{HEAD}\n{line}"), 0o644, false),
        (format!("worker-bootstrap made 2\n{line}"), 0o600, false),
        (format!("{HEAD}\n{}", &line[..20]), 0o600, false),
        (format!("{HEAD}\n{}", line.replace("file\t", "device\t")), 0o600, false),
        (format!("{HEAD}\n{}", line.replace("/x", "/../../x")), 0o600, false),
        (format!("{HEAD}\n{}", line.replace("other", "../other")), 0o600, false),
        (String::new(), 0o600, false),
    ] {
        let (_dir, root) = scratch();
        state::write(&root, RECORD, text.as_bytes(), mode).unwrap();
        assert_eq!(items(&root).is_ok(), good, "{text} {mode:o}");
        assert_eq!(put(&root, &[Put::Directory("/etc/kubernetes/d", 0o700)]).is_ok(), good, "{text}");
        assert_eq!(root.at("/etc/kubernetes/d").exists(), good, "{text}");
        if good {
            let text = format!("{text}directory\t/etc/kubernetes/d\t\t\n");
            assert_eq!(files::read_text(&root.at(RECORD), LIMIT).unwrap(), text);
        }
    }
}
