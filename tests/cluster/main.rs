//! The real agent against a real API server.
//!
//! Every case is written once and runs against two clusters: the embedded one of `bootstrap-issuer`,
//! and a real control plane, which needs programs that not every machine has (`tests/run` gets them).
//! There is one cluster of each kind per run of this program; the cases do not know of each other, as
//! each has its own token, its own machine and its own way to the server.

#![allow(
    clippy::disallowed_methods,
    reason = "the product's doors to files and processes are not the tests'"
)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(missing_docs, reason = "the names of the cases say what they hold")]

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "each test program uses its part")]
mod support;

mod cases;

use support::cluster::{Cluster, Kind};

/// Runs one case on one cluster.
fn on<F: Future<Output = ()>>(kind: Kind, case: impl FnOnce(Cluster) -> F) {
    alone(async move { case(Cluster::of(kind)).await });
}

/// Runs one test that needs no cluster.
fn alone(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

/// Makes two tests of every case.
macro_rules! on_both_clusters {
    ($($file:ident: $($case:ident),+;)+) => {
        mod embedded {
            $($(#[test] fn $case() { crate::on(crate::Kind::Embedded, crate::cases::$file::$case) })+)+
        }
        mod real {
            $($(
                #[test]
                #[ignore = "needs a control plane: tests/run"]
                fn $case() { crate::on(crate::Kind::Real, crate::cases::$file::$case) }
            )+)+
        }
    };
}

/// Makes a test, on the real one, of every case that only root can prepare or see.
macro_rules! as_root {
    ($($file:ident: $($case:ident),+;)+) => {
        mod as_root {
            $($(
                #[test]
                #[ignore = "needs root and a control plane: tests/run"]
                fn $case() { crate::on(crate::Kind::Real, crate::cases::$file::$case) }
            )+)+
        }
    };
}

as_root! {
    again: a_copy_that_resists;
    memory: holds_no_token_while_the_node_is_waited_for;
}

on_both_clusters! {
    trust: ca_data, ca_hash, several_hashes, upper_case_hash, wrong_ca, wrong_hash, two_authorities;
    token: unknown, unknown_with_hashes, expired_by_the_document, expired_by_the_servers_clock,
        expired_by_a_clock_that_is_not_believed, expired_while_it_waits, expired_while_a_doubtful_clock_waits,
        synchronized_while_it_waits, expired_in_the_cluster, revoked,
        revoked_before_approval, revoked_and_the_watch_broken, without_rights;
    server: not_yet_up, starting_and_answering_401, broken_in_the_middle, silent_in_the_middle, first_ones_dead,
        cut_after_any_number_of_bytes;
    request: denied, denied_and_the_key_stays, denied_because_the_token_was_used, deleted_while_pending, pending_until_the_timeout,
        adopted_after_a_crash;
    node: name_taken, name_of_a_dead_node, name_of_this_machine, forbidden_label;
    again: a_second_run_does_nothing, two_runs_at_once, told_to_stop, a_credential_on_disk_is_proven_without_the_token,
        a_credential_on_disk_outlives_the_token, found_elsewhere_before, another_bootstrap_on_a_joined_machine,
        a_copied_disk;
    reset: a_reset_and_a_new_token, a_reset_to_an_older_credential, a_reset_of_a_join_that_failed_half_way, a_reset_of_a_join_that_was_stopped,
        a_reset_keeps_what_somebody_changed, a_reset_without_a_record;
    files: what_the_kubelet_will_find, many_files_are_left_to_the_sweep;
    memory: is_locked_or_said_not_to_be;
    count: with_the_ca, with_hashes;
    outward: a_join_is_told, a_wait_is_told, nobody_there, silent, reset, slow, refusing, redirecting, lying, busy,
        of_another_authority, told_later, told_by_the_next_run_when_the_document_is_gone;
}
