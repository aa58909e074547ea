//! What the tests that run the real agent share: clusters to join, machines to join them, and a
//! network that can fail.
//!
//! Every run of the agent goes through [`machine::Machine`], and every such run is held to the rule
//! that the token is seen nowhere (`canary`).

pub mod admin;
pub mod audit;
pub mod authority;
pub mod canary;
pub mod cluster;
pub mod front;
pub mod immutable;
pub mod issuer;
pub mod machine;
pub mod token;
pub mod tree;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// One of the programs of this workspace: cargo puts them one folder above the test programs, and beside each
/// the list of what it is made from.
pub fn program(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let program = own.parent().unwrap().with_file_name(name);
    let build = "cargo build --workspace --bins";
    let changed = |path: &Path| path.metadata().and_then(|found| found.modified());
    let Ok(made) = changed(&program) else { panic!("{} is not there: {build}", program.display()) };
    let sources = std::fs::read_to_string(program.with_extension("d")).unwrap();
    let (_, sources) = sources.split_once(": ").unwrap();
    for source in sources.split_whitespace() {
        let current = changed(Path::new(source)).is_ok_and(|at| at <= made);
        assert!(current, "{} is older than {source}: {build}", program.display());
    }
    program
}

/// The checkout, whichever package the test program belongs to.
pub fn repository() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().find(|folder| folder.join("tests/cluster/control-plane").exists()).unwrap()
}

/// Looks until `look` finds something; fails after half a minute, naming what never came.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within 30 s");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// Seconds since 1970.
pub fn unix_now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

/// A moment as Kubernetes writes it: RFC 3339, whole seconds, UTC.
pub fn timestamp(unix: i64) -> String {
    let at = time::OffsetDateTime::from_unix_timestamp(unix).unwrap();
    let (hour, minute, second) = at.to_hms();
    format!("{}T{hour:02}:{minute:02}:{second:02}Z", at.date())
}

/// Lower-case letters and digits, unpredictable.
pub fn random_word(length: usize) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = vec![0; length];
    getrandom::fill(&mut bytes).unwrap();
    bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect()
}
