//! What a run does to itself before it reads its first secret.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// It leaves no core, and nobody of its own user reads its memory: the kernel gives the files of a process that
/// is not dumpable to root.
fn assert_closed(command: &mut Command) {
    let root = tempfile::tempdir().unwrap();
    std::fs::set_permissions(root.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    // It waits for its document.
    let child = command
        .args(["run", "--document", "-", "--root"])
        .arg(root.path())
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut child = Killed(child);
    let process = Path::new("/proc").join(child.0.id().to_string());
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let limits = std::fs::read_to_string(process.join("limits")).unwrap();
        let cores = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
        let cores: Vec<&str> = cores.split_whitespace().take(2).collect();
        let owner = std::fs::metadata(process.join("mem")).unwrap().uid();
        let begun = std::fs::read_to_string(process.join("comm")).unwrap().trim() == "worker-bootstra";
        if begun && cores == ["0", "0"] && owner == 0 {
            break;
        }
        assert!(child.0.try_wait().unwrap().is_none(), "it has ended");
        assert!(Instant::now() < deadline, "cores up to {cores:?}, memory of user {owner}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn it_leaves_no_core_and_is_not_read() {
    assert_closed(&mut Command::new(env!("CARGO_BIN_EXE_worker-bootstrap")));
}

/// To root everything is root's: another user's run shows the difference.
#[test]
#[ignore = "needs root: tests/run"]
fn another_users_run_is_not_read_by_that_user() {
    let place = tempfile::tempdir().unwrap();
    std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let program = place.path().join("worker-bootstrap");
    std::fs::copy(env!("CARGO_BIN_EXE_worker-bootstrap"), &program).unwrap();
    assert_closed(
        Command::new("setpriv").args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(program),
    );
}
