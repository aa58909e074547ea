//! A cluster as the flow of the issuer asks it: three questions and what machines must know. What watches
//! and enforces runs beside it and tells what it sees.

use super::kubernetes::{Cluster, ClusterError};
use super::{Exposed, Grant, Promise, Reach, Standing, Withdrawn};
use std::fmt::Debug;
use std::pin::Pin;
use worker_bootstrap::token::TokenId;

/// The cluster's answer, when it comes.
pub type Asked<'a, T> = Pin<Box<dyn Future<Output = Result<T, ClusterError>> + Send + 'a>>;

/// A cluster.
pub trait Backend: Debug + Send + Sync {
    /// What machines must know.
    fn reach(&self) -> Reach;

    /// What can be promised of a new token.
    fn promise(&self) -> Asked<'_, Promise>;

    /// Makes the token good, and returns when it authenticates. The same grant again is the same.
    fn grant<'a>(&'a self, grant: Grant<'a>) -> Asked<'a, ()>;

    /// How a granted token stands.
    fn standing<'a>(&'a self, grant: Grant<'a>) -> Asked<'a, Standing>;

    /// Which of its tokens are for everybody.
    fn exposed(&self) -> Asked<'_, Option<Exposed>>;

    /// Makes the token useless. Again is the same.
    fn withdraw<'a>(&'a self, token: &'a TokenId) -> Asked<'a, Withdrawn>;
}

impl Backend for Cluster {
    fn reach(&self) -> Reach {
        Cluster::reach(self)
    }

    fn promise(&self) -> Asked<'_, Promise> {
        Box::pin(Cluster::promise(self))
    }

    fn grant<'a>(&'a self, grant: Grant<'a>) -> Asked<'a, ()> {
        Box::pin(Cluster::grant(self, grant))
    }

    fn standing<'a>(&'a self, grant: Grant<'a>) -> Asked<'a, Standing> {
        Box::pin(Cluster::standing(self, grant))
    }

    fn exposed(&self) -> Asked<'_, Option<Exposed>> {
        Box::pin(Cluster::exposed(self))
    }

    fn withdraw<'a>(&'a self, token: &'a TokenId) -> Asked<'a, Withdrawn> {
        Box::pin(Cluster::withdraw(self, token))
    }
}
