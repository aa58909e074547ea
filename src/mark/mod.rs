//! Step 7, and the memory of every step: marks on disk, one file per token, bound to this machine.
//!
//! A mark holds the token's public id and nothing secret. What a restart does with each:
//!
//! | mark of this machine | credential on disk | a restart |
//! |---|---|---|
//! | none | any | starts with a new key: what lies there is not of this machine's making |
//! | `started` | none | starts over, with the saved key and the same CSR name |
//! | `started` | proven | marks, without the token |
//! | `finished` | there | wipes, then starts |
//! | `wiped` | there | wipes, then starts |
//! | `up` | there | wipes: a copy could not be erased; nothing is started again |
//! | `done` | there | nothing to do |
//! | `finished` or later | gone or expired | the token is spent: a new one is needed |
//! | `started`, undone | any | starts with a new key, as without a mark |
//! | `finished` or later, undone | any | the token is spent: a new one is needed |
//!
//! A mark of another machine-id is a cloned disk: it is never believed.

use crate::failure::Failure;
use crate::host::root::Root;
use crate::host::{dir, files, state};
use crate::reason::Reason;
use crate::token::TokenId;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

const LEDGER: &str = "/var/lib/worker-bootstrap/ledger";
const SCHEMA: u32 = 1;
const MARK_LIMIT: u64 = 64 * 1024;
/// More marks than a machine's life can hold; a larger ledger is not ours.
const MARKS_LIMIT: usize = 1000;

/// How far a token has come on this machine. The order is the order of the flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The first request may have been sent.
    Started,
    /// The credential is proven and installed: the token is spent.
    Finished,
    /// The copies known then are erased, where they could be.
    Wiped,
    /// The node came to the awaited state: the kubelet is not ours to start any more.
    Up,
    /// And no copy is left that could be erased.
    Done,
}

/// One token's life on one machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Mark {
    schema: u32,
    /// Public half of the token.
    pub token_id: String,
    /// The machine this mark is bound to.
    pub machine_id: String,
    /// How far it came.
    pub phase: Phase,
    /// The node's name.
    pub node: String,
    /// The API servers of the document.
    pub servers: Vec<String>,
    /// `credential`, `registered` or `ready`.
    pub wait_for: String,
    /// How long the join may take, seconds.
    pub timeout_seconds: u64,
    /// The bootstrap's id, where the document gave one.
    pub bootstrap_id: Option<String>,
    /// The cluster's id, where the document gave one.
    pub cluster_id: Option<String>,
    /// Where copies of the token lay.
    pub sources: Vec<PathBuf>,
    /// When the token expires, unix seconds, where that is known.
    #[serde(default)]
    pub expires_at: Option<u64>,
    /// Whether a sweep has gone through everything since: what is left of the token then opens nothing.
    #[serde(default)]
    pub swept_after_expiry: bool,
    /// Whether what the run made has been undone since.
    #[serde(default)]
    reset: bool,
    /// How many joins were begun on this disk before this one. Times of files and clocks tell nothing.
    #[serde(default)]
    after: u64,
}

impl Mark {
    /// The public half of its token, as a type.
    pub fn needle(&self) -> Option<TokenId> {
        TokenId::parse(&self.token_id)
    }

    /// Whether its token has expired at `unix`, a time that is trusted.
    pub fn has_expired(&self, unix: u64) -> bool {
        self.expires_at.is_some_and(|at| at <= unix)
    }

    /// Whether nobody needs the token any more, here.
    pub fn is_spent(&self) -> bool {
        self.phase >= Phase::Finished
    }
}

/// What a mark is begun with.
#[derive(Debug)]
pub struct Beginning {
    /// Public half of the token.
    pub token_id: TokenId,
    /// The node's name.
    pub node: String,
    /// The API servers of the document.
    pub servers: Vec<String>,
    /// `credential`, `registered` or `ready`.
    pub wait_for: String,
    /// How long the join may take, seconds.
    pub timeout_seconds: u64,
    /// The bootstrap's id, where the document gave one.
    pub bootstrap_id: Option<String>,
    /// The cluster's id, where the document gave one.
    pub cluster_id: Option<String>,
    /// Where copies of the token lie.
    pub sources: Vec<PathBuf>,
    /// When the token expires, unix seconds, where that is known.
    pub expires_at: Option<u64>,
}

/// What the ledger knows of a token.
#[derive(Debug, PartialEq, Eq)]
pub enum History {
    /// Never seen here.
    New,
    /// This machine has begun with it and not finished.
    Started(Mark),
    /// This machine has spent it.
    Spent(Mark),
    /// The mark was made by another machine: this disk is a copy.
    OtherMachine(Mark),
}

/// The marks on this machine's disk.
#[derive(Debug)]
pub struct Ledger {
    root: Root,
    dir: PathBuf,
    machine_id: String,
}

impl Ledger {
    /// The ledger below `root`, read as the machine `machine_id`.
    pub fn of(root: &Root, machine_id: &str) -> Self {
        Ledger { root: root.clone(), dir: root.at(LEDGER), machine_id: machine_id.to_owned() }
    }

    /// What is known of this token.
    ///
    /// # Errors
    /// `local_write_failed` where the mark is there and cannot be read: guessing could spend a token twice.
    pub fn history(&self, token: &TokenId) -> Result<History, Failure> {
        let Some(mark) = self.read(&format!("{token}.json"))? else { return Ok(History::New) };
        Ok(if mark.machine_id != self.machine_id {
            History::OtherMachine(mark)
        } else if mark.is_spent() {
            History::Spent(mark)
        } else if mark.reset {
            History::New
        } else {
            History::Started(mark)
        })
    }

    /// The join that this machine went through last, whichever token it took.
    ///
    /// # Errors
    /// As [`Ledger::history`].
    pub fn standing(&self) -> Result<Option<Mark>, Failure> {
        let standing = |mark: &Mark| mark.machine_id == self.machine_id && mark.is_spent() && !mark.reset;
        Ok(self.all()?.into_iter().filter(standing).max_by_key(|mark| mark.after))
    }

    /// Every mark on this disk, those of other machines that it is a copy of as well.
    ///
    /// # Errors
    /// As [`Ledger::history`].
    pub fn all(&self) -> Result<Vec<Mark>, Failure> {
        let names =
            dir::list(&self.dir, MARKS_LIMIT).map_err(|error| unreadable(&self.dir).because(error))?;
        let names = names.into_iter().filter(|name| name.ends_with(".json"));
        names.filter_map(|name| self.read(&name).transpose()).collect()
    }

    /// Whether this machine may still have to use the token of `mark`.
    pub fn may_need(&self, mark: &Mark) -> bool {
        mark.machine_id == self.machine_id && !mark.is_spent()
    }

    /// Notes that a join with this token begins here. Durable before it returns.
    ///
    /// # Errors
    /// As [`Ledger::history`].
    pub fn begin(&self, beginning: Beginning) -> Result<Mark, Failure> {
        let id = beginning.token_id.as_str();
        let others = self.all()?.into_iter().filter(|mark| mark.token_id != id);
        let after = others.map(|mark| mark.after + 1).max().unwrap_or(0);
        let mark = Mark {
            schema: SCHEMA,
            token_id: beginning.token_id.to_string(),
            machine_id: self.machine_id.clone(),
            phase: Phase::Started,
            node: beginning.node,
            servers: beginning.servers,
            wait_for: beginning.wait_for,
            timeout_seconds: beginning.timeout_seconds,
            bootstrap_id: beginning.bootstrap_id,
            cluster_id: beginning.cluster_id,
            sources: beginning.sources,
            expires_at: beginning.expires_at,
            swept_after_expiry: false,
            reset: false,
            after,
        };
        self.write(&mark)?;
        Ok(mark)
    }

    /// Notes that the token of `mark` has come to `phase`. Durable before it returns; never goes back.
    ///
    /// # Errors
    /// `local_write_failed`.
    pub fn advance(&self, mark: Mark, phase: Phase) -> Result<Mark, Failure> {
        let mark = Mark { phase: mark.phase.max(phase), ..mark };
        self.write(&mark)?;
        Ok(mark)
    }

    /// Notes that everything was swept after the token of `mark` had expired.
    ///
    /// # Errors
    /// `local_write_failed`.
    pub fn close(&self, mark: Mark) -> Result<(), Failure> {
        self.write(&Mark { swept_after_expiry: true, ..mark })
    }

    /// Notes that what was made with every token so far is undone: this machine stands on none of them any
    /// more, and a spent one stays spent.
    ///
    /// # Errors
    /// As [`Ledger::history`].
    pub fn reset(&self) -> Result<(), Failure> {
        for mark in self.all()?.into_iter().filter(|mark| mark.machine_id == self.machine_id && !mark.reset) {
            self.write(&Mark { reset: true, ..mark })?;
        }
        Ok(())
    }

    fn write(&self, mark: &Mark) -> Result<(), Failure> {
        let path = format!("{LEDGER}/{}.json", mark.token_id);
        let failed = || Failure::new(Reason::LocalWrite, format!("writing the mark {path}"));
        let text = serde_json::to_vec_pretty(mark).map_err(|error| failed().because(error))?;
        state::directory(&self.root, LEDGER, 0o700).map_err(|error| failed().because(error))?;
        state::write(&self.root, &path, &text, 0o600).map_err(|error| failed().because(error))
    }

    fn read(&self, name: &str) -> Result<Option<Mark>, Failure> {
        let path = self.dir.join(name);
        let bytes = match files::read(&path, MARK_LIMIT) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(&path).because(error)),
        };
        let mark: Mark = serde_json::from_slice(&bytes).map_err(|error| unreadable(&path).because(error))?;
        if mark.schema != SCHEMA {
            return Err(unreadable(&path)
                .because(format!("it has schema {}, this version knows {SCHEMA}", mark.schema)));
        }
        Ok(Some(mark))
    }
}

fn unreadable(path: &std::path::Path) -> Failure {
    Failure::new(Reason::LocalWrite, format!("reading the mark {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beginning(token: &str) -> Beginning {
        Beginning {
            token_id: TokenId::parse(token).unwrap(),
            node: "worker-1".into(),
            servers: vec!["https://127.0.0.1:6443".into()],
            wait_for: "registered".into(),
            timeout_seconds: 600,
            bootstrap_id: None,
            cluster_id: None,
            sources: vec!["/run/x".into()],
            expires_at: None,
        }
    }

    #[test]
    fn a_token_goes_forward_only_and_belongs_to_its_machine() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::new(dir.path().to_path_buf());
        let here = Ledger::of(&root, "machine-a");
        let id = TokenId::parse("abcdef").unwrap();
        assert_eq!(here.history(&id).unwrap(), History::New);
        assert_eq!(here.standing().unwrap(), None);

        let mark = here.begin(beginning("abcdef")).unwrap();
        assert!(matches!(here.history(&id).unwrap(), History::Started(_)));
        assert_eq!(here.standing().unwrap(), None);

        let mark = here.advance(mark, Phase::Wiped).unwrap();
        let mark = here.advance(mark, Phase::Finished).unwrap();
        assert_eq!(mark.phase, Phase::Wiped);
        assert!(matches!(here.history(&id).unwrap(), History::Spent(_)));
        assert_eq!(here.standing().unwrap().unwrap().token_id, "abcdef");

        let clone = Ledger::of(&root, "machine-b");
        assert!(matches!(clone.history(&id).unwrap(), History::OtherMachine(_)));
        assert_eq!(clone.standing().unwrap(), None);
    }

    #[test]
    fn the_last_join_is_stood_on_whenever_its_mark_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::of(&Root::new(dir.path().to_path_buf()), "machine-a");
        let first = ledger.begin(beginning("aaaaaa")).unwrap();
        let first = ledger.advance(first, Phase::Wiped).unwrap();
        let second = ledger.begin(beginning("bbbbbb")).unwrap();
        let second = ledger.advance(second, Phase::Done).unwrap();
        ledger.close(second).unwrap();
        ledger.close(first).unwrap();
        assert_eq!(ledger.standing().unwrap().unwrap().token_id, "bbbbbb");
    }

    #[test]
    fn what_is_undone_is_stood_on_no_more_and_a_spent_token_stays_spent() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::new(dir.path().to_path_buf());
        let (here, clone) = (Ledger::of(&root, "machine-a"), Ledger::of(&root, "machine-b"));
        let spent = here.begin(beginning("abcdef")).unwrap();
        here.advance(spent, Phase::Done).unwrap();
        here.begin(beginning("begun0")).unwrap();
        here.reset().unwrap();
        assert_eq!(here.standing().unwrap(), None);
        let history = |ledger: &Ledger, id: &str| ledger.history(&TokenId::parse(id).unwrap()).unwrap();
        assert!(matches!(history(&here, "abcdef"), History::Spent(_)));
        assert!(matches!(history(&clone, "abcdef"), History::OtherMachine(_)));
        assert_eq!(history(&here, "begun0"), History::New);
        here.begin(beginning("begun0")).unwrap();
        assert!(matches!(history(&here, "begun0"), History::Started(_)));
    }

    #[test]
    fn a_torn_mark_is_an_error_and_not_a_fresh_start() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::new(dir.path().to_path_buf());
        let ledger = Ledger::of(&root, "machine-a");
        ledger.begin(beginning("abcdef")).unwrap();
        state::write(&root, "/var/lib/worker-bootstrap/ledger/abcdef.json", b"{\"schema\"", 0o600).unwrap();
        let failure = ledger.history(&TokenId::parse("abcdef").unwrap()).unwrap_err();
        assert_eq!(failure.reason, Reason::LocalWrite);
    }
}
