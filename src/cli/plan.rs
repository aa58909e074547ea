//! `plan`: what `run` would do. Reads the bootstrap, judges its form, changes nothing.

use super::args::PlanArgs;
use super::{options, out};
use crate::admit;
use crate::failure::Failure;
use crate::find::{self, Found};
use crate::host::root::Root;
use crate::machine::Machine;
use crate::plan::Plan;
use serde::Serialize;

pub(super) async fn plan(args: PlanArgs, root: Root) -> Result<(), Failure> {
    let json = args.json;
    let options = options(args.source)?;
    let machine = Machine::gather(root)?;
    if let Some(mark) = machine.standing().await? {
        if json {
            out::json(&Nothing { node: mark.node, steps: [] });
            return Ok(());
        }
        out::line(&format!("this machine is node {} already: run would do nothing", mark.node));
        return Ok(());
    }
    let now = machine.reading().await;
    let spent = |found: &Found| machine.spent(found, &options.given, &now);
    let (visits, found) = find::bootstrap(&options.search, &options.given, &machine.root, &spent);
    let found = found?;
    let mut bootstrap = admit::form(&found, &options.given)?;
    options.apply(&mut bootstrap.document, &machine);
    admit::single_use(&bootstrap, &machine.ledger)?;
    let node = machine.node_name(&bootstrap.document)?;
    let sources: Vec<String> =
        found.residue.own_paths().iter().map(|path| path.display().to_string()).collect();
    let plan =
        Plan::draw(&bootstrap.document, &node, &sources, &options.skip, machine.ground(!options.no_start));
    if json {
        out::json(&plan);
        return Ok(());
    }
    for visit in visits {
        out::line(&visit.to_string());
    }
    let judged = admit::judge(bootstrap.document.expires_at, &now);
    out::line(&format!(
        "token {} (secret part not shown), expires {}",
        bootstrap.token.id(),
        bootstrap.document.expires_at
    ));
    out::line(&judged.sentence());
    for step in plan.steps {
        for (index, action) in step.actions.iter().enumerate() {
            let head =
                if index == 0 { format!("[{:>2}/10] {:<8}", step.number, step.step) } else { " ".repeat(16) };
            out::line(&format!("{head} {action}"));
        }
    }
    Ok(())
}

/// The plan for a machine that has joined, as JSON.
#[derive(Serialize)]
struct Nothing {
    node: String,
    steps: [(); 0],
}
