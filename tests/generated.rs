//! What is generated from the types is what is checked in, and what is written by hand quotes the types.

#[path = "../examples/generate.rs"]
mod generate;

use std::path::Path;
use worker_bootstrap::reason::Exit;
use worker_bootstrap::step::Step;

#[expect(clippy::disallowed_methods, reason = "a test reads the repository")]
fn read(path: impl AsRef<Path>) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn generated_files_are_up_to_date() {
    for (path, text) in generate::files().unwrap() {
        let path = Path::new("packaging/generated").join(path);
        assert!(read(&path) == text, "{} is stale: cargo run --example generate", path.display());
    }
}

/// The numbered list of the README, the table of steps and the page of the flow are one and the same.
#[test]
fn the_readme_and_the_page_tell_the_same_steps() {
    let readme = read("README.md");
    let page = read("src/agent.rs");
    let mut last = 0;
    for step in Step::ALL {
        let row = format!("{}. **{step}**: {}", step.number(), step.description());
        assert!(readme.contains(&row), "the README lacks: {row}");
        let call = format!("report.step(Step::{step:?})");
        let at = page.find(&call).unwrap_or_else(|| panic!("src/agent.rs lacks {call}"));
        // go_on() repeats the step `wipe`; its place in run() is what counts, and run() comes first.
        assert!(at > last || step == Step::Report, "{step} is out of order in src/agent.rs");
        last = at;
    }
}

#[test]
fn the_readme_lists_every_exit_code() {
    let readme = read("README.md");
    for exit in Exit::ALL {
        let row = format!("| {} | {} |", exit.number(), exit.meaning());
        assert!(readme.contains(&row), "the README lacks: {row}");
    }
}
