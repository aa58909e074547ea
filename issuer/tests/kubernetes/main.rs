//! The kubernetes backend: tokens granted, used once, withdrawn, and what is seen of it, against the
//! embedded cluster and a real control plane.
//!
//! On the real one the backend has the rights of its manifest and no others. The cases share one cluster of
//! each kind and run side by side, so that several issuers enforce at once all the time: each has tokens
//! and nodes of its own. Cases that need a time in which nobody enforces run by themselves.

#![allow(
    clippy::disallowed_methods,
    reason = "the product's doors to files and processes are not the tests'"
)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(missing_docs, reason = "the names of the cases say what they hold")]

#[path = "../../../tests/support/mod.rs"]
#[allow(dead_code, reason = "each test program uses its part")]
mod support;

mod cases;
mod csr;
mod rig;

use std::sync::{PoisonError, RwLock};
use support::cluster::{Cluster, Kind};

/// Held by every case; by one that wants nobody else to enforce, alone.
static ENFORCING: RwLock<()> = RwLock::new(());

fn run(kind: Kind, case: impl AsyncFnOnce(Cluster)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async move { case(Cluster::of(kind)).await });
}

fn on(kind: Kind, case: impl AsyncFnOnce(Cluster)) {
    let _others = ENFORCING.read().unwrap_or_else(PoisonError::into_inner);
    run(kind, case);
}

fn alone_on(kind: Kind, case: impl AsyncFnOnce(Cluster)) {
    let _nobody = ENFORCING.write().unwrap_or_else(PoisonError::into_inner);
    run(kind, case);
}

/// Makes two tests of every case.
macro_rules! on_both_clusters {
    ($($how:ident { $($file:ident: $($case:ident),+;)+ })+) => {
        mod embedded {
            $($($(#[test] fn $case() { crate::$how(crate::Kind::Embedded, crate::cases::$file::$case) })+)+)+
        }
        mod real {
            $($($(
                #[test]
                #[ignore = "needs a control plane: tests/run"]
                fn $case() { crate::$how(crate::Kind::Real, crate::cases::$file::$case) }
            )+)+)+
        }
    };
}

on_both_clusters! {
    on {
        once: the_first_use_binds_and_others_are_denied, what_is_not_a_kubelets_uses_nothing_up,
            others_requests_are_left_alone, fifty_at_once_are_one_use, a_machine_joins_and_another_is_refused;
        names: a_name_that_exists_is_refused_and_the_token_stays_good, two_tokens_for_one_name,
            the_same_machine_with_another_token;
        ends: a_node_ends_its_token, a_token_ends_at_its_time;
        grants: the_same_again_is_the_same, another_one_is_taken, an_expired_one_is_refused,
            a_server_that_does_not_answer_is_waited_for, what_is_written;
        withdrawals: unused, used, not_ours, against_a_use;
        outages: connections_break;
    }
    alone_on {
        outages: nothing_comes_through_for_a_while;
        absences: requests_that_waited_are_one_use, gone_while_nobody_looked,
            bound_and_not_approved, told_again_after_a_restart, told_until_it_is_kept,
            killed_before_the_certificate;
    }
}
