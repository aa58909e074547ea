//! Step 2: what was found becomes an admitted bootstrap, or a refusal.
//!
//! Form and limits first (`document`), then the ledger, then expiry. A synchronized clock judges
//! expiry alone, before any network call. An unsynchronized one never condemns: it is given a bounded
//! time to synchronize, and after that the API server's clock is asked. Changes nothing; a restart
//! judges again.

mod expiry;
mod sync;

pub use expiry::{Judged, Verdict, judge, span};
pub use sync::wait_for_sync;

use crate::document::{Bootstrap, Given};
use crate::failure::Failure;
use crate::find::Found;
use crate::mark::{History, Ledger, Mark};
use crate::reason::Reason;

/// Reads the form of what was found, with what the command line says beside it.
///
/// # Errors
/// `document_invalid` and its siblings, naming line, column and field.
pub fn form(found: &Found, given: &Given) -> Result<Bootstrap, Failure> {
    found.read(given)
}

/// Asks the ledger whether this token may still be used by this machine. Gives the mark with which this machine
/// has begun, if it has.
///
/// # Errors
/// `token_already_used` where it is spent; `token_other_machine` on a cloned disk; `local_write_failed` where the
/// ledger cannot be read.
pub fn single_use(bootstrap: &Bootstrap, ledger: &Ledger) -> Result<Option<Mark>, Failure> {
    let id = bootstrap.token.id();
    if id.is_erased() {
        let what = "the token in it was used and has been erased by an earlier run";
        return Err(Failure::new(Reason::TokenUsed, what));
    }
    match ledger.history(id)? {
        History::OtherMachine(mark) => Err(Failure::new(
            Reason::TokenOtherMachine,
            format!(
                "the token {id} was taken up by machine {} as node {}, and this is another machine: its marks came here with a copied disk",
                mark.machine_id, mark.node
            ),
        )),
        History::Spent(mark) => Err(spent(bootstrap, &mark.node)),
        History::Started(mark) => Ok(Some(mark)),
        History::New => Ok(None),
    }
}

/// The refusal for a token that this machine has spent and whose credential is gone.
fn spent(bootstrap: &Bootstrap, node: &str) -> Failure {
    Failure::new(
        Reason::TokenUsed,
        format!(
            "the token {} has joined this machine before, as node {node}, and the credential it gave is gone or has expired",
            bootstrap.token.id()
        ),
    )
}
