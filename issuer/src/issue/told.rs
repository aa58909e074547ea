//! What machines tell of themselves, and what was told of a bootstrap by whomever.

use super::{IssueError, Issuer};
use crate::names::BootstrapId;
use crate::store::events::{Event, Page, Reported, Wanted};
use worker_bootstrap::secret::Secret;
use worker_bootstrap::token::TokenId;

impl Issuer {
    /// The key by which the machine with this id's token reports, whether it was issued or not.
    pub fn report_key(&self, id: &BootstrapId) -> Secret {
        self.0.key.token(id).report_key()
    }

    /// The public half of this id's token.
    pub fn token_id(&self, id: &BootstrapId) -> TokenId {
        self.0.key.token(id).id().clone()
    }

    /// Takes in what a machine tells. It is its word alone, and changes nothing else.
    ///
    /// # Errors
    /// The store.
    pub async fn report(
        &self,
        id: BootstrapId,
        events: Vec<Event>,
        now: i64,
    ) -> Result<Reported, IssueError> {
        Ok(self.timed("report", self.0.store.report(id, events, now)).await?)
    }

    /// What happened to a bootstrap, a page of it, oldest first.
    ///
    /// # Errors
    /// There is no such bootstrap in this place, or the store.
    pub async fn events(&self, wanted: Wanted) -> Result<Page, IssueError> {
        self.timed("events", self.0.store.events(wanted)).await?.ok_or(IssueError::Absent)
    }
}
