use super::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use tokio::net::unix::pipe;

const SH: &str = "/bin/sh";
const LONG: Duration = Duration::from_secs(60);

/// Puts a program at `path`. Another process writes the file itself: a child that another test starts at
/// the same moment would hold it open for writing, and the kernel executes no such file.
pub(crate) fn put_executable(path: &Path, content: &[u8]) {
    let draft = path.with_extension("draft");
    #[expect(clippy::disallowed_methods, reason = "a test lays out a machine")]
    fs::write(&draft, content).unwrap();
    #[expect(clippy::disallowed_methods, reason = "see above")]
    let copied = std::process::Command::new("/bin/cp").arg(&draft).arg(path).status();
    assert!(copied.unwrap().success());
    fs::remove_file(draft).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

async fn shell(script: &str) -> Result<Finished, ProcessError> {
    run(Path::new(SH), &["-c", script], LONG).await
}

#[tokio::test]
async fn what_children_are_given() {
    // The shell adds PWD and such to its own environment, so env is asked itself.
    let said = run(Path::new("/usr/bin/env"), &[], LONG).await.unwrap().stdout;
    let mut environment: Vec<&str> = said.lines().collect();
    environment.sort_unstable();
    assert_eq!(environment, ["LANG=C.UTF-8", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]);
    for (script, expected) in [
        ("pwd", "/\n"),
        ("cat", ""),
        ("printf '\\377x'", "\u{fffd}x"),
        (
            "test \"$(ps -o pgid= -p $$ 2>/dev/null || cut -d' ' -f5 /proc/$$/stat)\" -eq $$ && echo own group",
            "own group\n",
        ),
    ] {
        assert_eq!(shell(script).await.unwrap().stdout, expected, "{script}");
    }
}

#[tokio::test]
async fn what_does_not_start() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    put_executable(&at("text"), b"no program");
    put_executable(&at("lost"), b"#!/no/such/interpreter\n");
    put_executable(&at("closed"), b"#!/bin/sh\n");
    fs::set_permissions(at("closed"), fs::Permissions::from_mode(0o644)).unwrap();
    for (name, errno) in [("missing", None), ("text", Some(8)), ("lost", Some(2)), ("closed", Some(13))] {
        let error = run(&at(name), &[], LONG).await.unwrap_err();
        match (&error, errno) {
            (ProcessError::Missing { program }, None) => assert_eq!(*program, at(name)),
            (ProcessError::NotStarted { program, source }, Some(errno)) => {
                assert_eq!((program, source.raw_os_error()), (&at(name), Some(errno)), "{name}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn how_children_end() {
    for (script, line) in [
        ("echo out; echo 'no\nway' >&2; exit 3", "/bin/sh ended with exit status: 3: no way"),
        ("exit 1", "/bin/sh ended with exit status: 1"),
        ("kill -9 $$", "/bin/sh ended with signal: 9 (SIGKILL)"),
    ] {
        let error = shell(script).await.unwrap_err();
        assert_eq!(error.to_string(), line);
        let ProcessError::Failed { stdout, .. } = error else { panic!("{error:?}") };
        assert_eq!(stdout, if script.starts_with("echo out") { "out\n" } else { "" });
    }
}

#[tokio::test]
async fn words_are_bounded() {
    let said = shell("head -c 1000000 /dev/zero | tr '\\0' x").await.unwrap().stdout;
    assert_eq!(said.len(), STDOUT_LIMIT);
    let error =
        shell("{ head -c 1000000 /dev/zero | tr '\\0' x; echo the end; } >&2; exit 1").await.unwrap_err();
    let ProcessError::Failed { stderr, .. } = error else { panic!("{error:?}") };
    assert!(stderr.ends_with("the end") && stderr.len() <= STDERR_LIMIT, "{} bytes", stderr.len());
}

#[tokio::test]
async fn the_deadline_ends_the_child_and_what_it_started() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("fifo");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut fifo = pipe::OpenOptions::new().open_receiver(&path).unwrap();
    let script = format!("exec 3>{}; sleep 600 & echo started >&3; wait", path.display());
    let child = tokio::spawn(async move { shell(&script).await });
    let mut said = [0; 8];
    fifo.read_exact(&mut said).await.unwrap();
    assert_eq!(&said, b"started\n");
    // From here the clock runs ahead whenever everybody waits.
    tokio::time::pause();
    let error = child.await.unwrap().unwrap_err();
    assert!(matches!(error, ProcessError::TooLate { deadline, .. } if deadline == LONG), "{error:?}");
    tokio::time::resume();
    // The end of the file comes when the last process that holds the other end is gone.
    let end = tokio::time::timeout(LONG, fifo.read(&mut said)).await;
    assert_eq!(end.expect("what the child started lives on").unwrap(), 0);
}
