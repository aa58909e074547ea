//! A real API server that is stopped and started while the agent is at work. It shares its data with
//! the server of the other tests, which goes on.

use crate::support::cluster::{Cluster, Kind, SecondServer};
use crate::support::front::{Front, Mode};
use crate::support::machine::Machine;
use crate::support::token::{AUTO, MANUAL, Trust, document};

/// A starting server answers 401 to valid tokens for some tens of milliseconds.
#[test]
#[ignore = "needs a control plane: tests/run"]
fn started_while_it_is_asked() {
    crate::on(Kind::Real, async |cluster: Cluster| {
        let server = SecondServer::add("starting");
        let (token, door, machine) =
            (cluster.issue(&AUTO).await, Front::new(Mode::Forward(server.address)), Machine::ready());
        server.stop();
        machine.deliver(&document(&token, &[door.url()], Trust::Ca(&cluster.ca)));
        let run = machine.start(&[]);
        server.start();
        run.end().await.must_join();
        assert_eq!(cluster.admin.csrs_of(&token).await.len(), 1);
    });
}

#[test]
#[ignore = "needs a control plane: tests/run"]
fn restarted_while_the_approval_is_waited_for() {
    crate::on(Kind::Real, async |cluster: Cluster| {
        let server = SecondServer::add("restarted");
        let (token, door, machine) =
            (cluster.issue(&MANUAL).await, Front::new(Mode::Forward(server.address)), Machine::ready());
        machine.deliver(&document(&token, &[door.url()], Trust::Ca(&cluster.ca)));
        let mut run = machine.start(&[]);
        run.waits_for("csr_approval").await;
        server.stop();
        cluster.admin.approve(&cluster.admin.csr_of(&token).await).await;
        server.start();
        run.end().await.must_join();
        let requests = cluster.requests_through(&door);
        let posts = requests.iter().filter(|request| request.verb == "create").count();
        assert_eq!(posts, 1, "{requests:#?}");
    });
}
