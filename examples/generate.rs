//! Writes what is derived from the types: journal catalog, JSON Schema, man pages, completions.
//!
//! `cargo run --example generate` renews `packaging/generated`; a test compares the two.

use clap::CommandFactory;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use worker_bootstrap::cli::args::Cli;
use worker_bootstrap::reason::{Exit, Reason};
use worker_bootstrap::report::events::Event;

#[expect(clippy::disallowed_methods, reason = "a development tool, not the product")]
#[allow(dead_code, reason = "the test that compares uses files() alone")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/generated");
    for (path, text) in files()? {
        let path = target.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, text)?;
    }
    Ok(())
}

/// Every generated file, by its path below `packaging/generated`.
pub fn files() -> Result<Vec<(PathBuf, String)>, Box<dyn std::error::Error>> {
    let mut schema = serde_json::to_string_pretty(&worker_bootstrap::document::schema())?;
    schema.push('\n');
    let mut files = vec![
        ("worker-bootstrap.catalog".into(), catalog()?),
        ("worker-bootstrap.schema.json".into(), schema),
    ];
    files.extend(manual()?);
    for shell in [clap_complete::Shell::Bash, clap_complete::Shell::Zsh, clap_complete::Shell::Fish] {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "worker-bootstrap", &mut text);
        files.push((format!("completions/worker-bootstrap.{shell}").into(), String::from_utf8(text)?));
    }
    Ok(files)
}

/// Format: systemd's "Journal Message Catalogs".
fn catalog() -> Result<String, std::fmt::Error> {
    let mut text =
        String::from("# What journalctl -x says beside the messages of worker-bootstrap. Generated.\n");
    for event in Event::ALL {
        write!(
            text,
            "\n-- {}\nSubject: {}\nDefined-By: worker-bootstrap\n\n{}\n",
            event.message_id(),
            event.subject(),
            event.explanation()
        )?;
    }
    for reason in Reason::ALL {
        let entry = reason.entry();
        write!(
            text,
            "\n-- {}\nSubject: {}: {}\nDefined-By: worker-bootstrap\n\nUsual causes:\n",
            entry.message_id, entry.code, entry.meaning
        )?;
        for cause in entry.causes {
            writeln!(text, "- {cause}")?;
        }
        writeln!(
            text,
            "\nWhat to do: {}\nExit code {}: {}.",
            entry.next,
            entry.exit.number(),
            entry.exit.meaning()
        )?;
    }
    Ok(text)
}

fn manual() -> Result<Vec<(PathBuf, String)>, Box<dyn std::error::Error>> {
    let mut command = Cli::command();
    command.build();
    let mut pages = Vec::new();
    let mut main = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut main)?;
    let mut main = String::from_utf8(main)?;
    main.push_str(".SH \"EXIT STATUS\"\n");
    for exit in Exit::ALL {
        write!(main, ".TP\n\\fB{}\\fR\n{}\n", exit.number(), exit.meaning())?;
    }
    main.push_str(".SH \"REASON CODES\"\n");
    for reason in Reason::ALL {
        let entry = reason.entry();
        write!(
            main,
            ".TP\n\\fB{}\\fR ({})\n{}. {}\n",
            entry.code,
            entry.exit.number(),
            entry.meaning,
            entry.next
        )?;
    }
    pages.push(("man/worker-bootstrap.1".into(), main));
    for sub in command.get_subcommands() {
        let name = format!("worker-bootstrap-{}", sub.get_name());
        let mut text = Vec::new();
        clap_mangen::Man::new(sub.clone().name(name.clone().leak() as &'static str)).render(&mut text)?;
        pages.push((format!("man/{name}.1").into(), String::from_utf8(text)?));
    }
    Ok(pages)
}
