//! The whole operation on one page. The steps here, the list in the README and the numbers in the
//! journal are one and the same (`step`).
//!
//! A restart at any instruction comes to the same end; the table stands in `mark`.

mod admission;
mod ending;
mod options;

pub use options::Options;

use crate::check::{self, Checked};
use crate::document::{Document, NodeName, UnixSeconds};
use crate::failure::Failure;
use crate::find::{self, Found};
use crate::join::{self, Ask, Joined, Resume};
use crate::machine::{self, LOCK_PATIENCE, Machine};
use crate::mark::{Beginning, Mark, Phase};
use crate::plan::Plan;
use crate::prepare;
use crate::progress::Progress;
use crate::report::Report;
use crate::report::status::About;
use crate::start::{self, Node};
use crate::step::Step;
use crate::token::Token;
use crate::wipe::{self, Custody, Needles, Occasion};
use admission::{Admitted, admit};
use ending::{confess, expired_meanwhile, give_up, queue_the_sweep};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Makes this machine a node, or says why not.
///
/// # Errors
/// A [`Failure`] whose reason decides the exit code.
pub async fn run(options: &Options, machine: &Machine, report: &Report) -> Result<String, Failure> {
    report.alone(machine::lock(machine, report, LOCK_PATIENCE, &|| report.ready()).await?);
    if let Some(mark) = machine.standing().await? {
        return go_on(options, machine, mark, report).await;
    }

    report.step(Step::Find);
    machine::lock_memory(report);
    let known = places(options, machine);
    report.custody(&wipe::sources(wipe::cut_short(&known, &machine.root)));
    let found = find(options, machine, report).await?;
    report.done(&found.name);

    report.step(Step::Admit);
    let admitted = admit(options, machine, &found, report).await;
    report.judged();
    let admitted = match admitted {
        Ok(admitted) => admitted,
        Err(failure) => {
            let needles = found.read(&options.given).map(|it| Needles::of(&it.token)).unwrap_or_default();
            return Err(give_up(failure, machine, &needles, found.residue, report));
        }
    };
    let Found { raw, token_file, mut residue, .. } = found;
    drop((raw, token_file)); // From here the token is in one place in memory: the admitted one.
    let Admitted { document, token, node, before, installed, judge, left } = admitted;
    let key_is_ours = before.is_some();
    // An earlier run may have found it elsewhere.
    residue.add(wipe::recall(&before.unwrap_or_default(), token.id().as_str(), &machine.root));
    let sources = residue.own_paths();

    report.step(Step::Plan);
    let names: Vec<String> = sources.iter().map(|path| path.display().to_string()).collect();
    let plan = Plan::draw(&document, &node, &names, &options.skip, machine.ground(!options.no_start));
    report.done(&format!("{} steps as node {node}", Step::TOTAL));

    report.step(Step::Check);
    let checked = check(options, machine, Some(&document), &node, report).await?;
    report.done(&checked.summary());

    report.step(Step::Prepare);
    let kubelet = checked.kubelet.as_ref().map_or(Path::new("/usr/bin/kubelet"), |kubelet| &kubelet.path);
    let prepared = prepare::host(&plan, &machine.root, kubelet)?;
    report.done(&prepare::summary(&prepared));

    report.step(Step::Join);
    report.ready();
    report.keep();
    let mark = machine.ledger.begin(beginning(&document, token.id(), &node, sources))?;
    let deadline =
        Instant::now() + left.map_or(document.join.timeout, |left| left.min(document.join.timeout));
    let ask = Ask {
        document: &document,
        node: &node,
        facts: &machine.facts,
        root: &machine.root,
        judge,
        kubelet_version: checked.kubelet.as_ref().map(|kubelet| &kubelet.version),
        progress: report,
        deadline,
    };
    // What the wipe searches for: the token itself is spent and dropped by then.
    let needles = Needles::of(&token);
    let joined = match join(&ask, token, key_is_ours).await {
        Ok(joined) => joined,
        Err(failure) => {
            // What is on disk already needs no token.
            let failure =
                if installed { failure } else { expired_meanwhile(failure, machine, &document).await };
            return Err(give_up(failure, machine, &needles, residue, report));
        }
    };
    join::kubelet_files(&ask, &joined, machine::runtime_for_kubelet(&checked)).await?;
    report.done(&joined.summary());

    report.step(Step::Mark);
    let mark = machine.ledger.advance(mark, Phase::Finished)?;
    report.done(&format!("the token {} is spent", mark.token_id));

    report.step(Step::Wipe);
    let custody = wipe::everywhere(&machine.root, &needles, residue, Occasion::Run);
    drop(needles);
    report.custody(&custody);
    let mark = machine.ledger.advance(mark, Phase::Wiped)?;
    queue_the_sweep(machine, &custody, report).await;
    report.done(&custody.count());

    let mark = start(options, machine, mark, joined.into(), report).await?;
    end(machine, mark, &custody, report)?;
    Ok(format!("this machine has joined as node {node}"))
}

/// What a restart does when this machine's credential stands: no token is needed any more.
async fn go_on(options: &Options, machine: &Machine, mark: Mark, report: &Report) -> Result<String, Failure> {
    report.about(About {
        bootstrap_id: mark.bootstrap_id.clone(),
        cluster_id: mark.cluster_id.clone(),
        node_name: Some(mark.node.clone()),
        token_id: Some(mark.token_id.clone()),
    });
    report.go_on(&mark.token_id);
    // Something may have written the document again since: wiped however far the mark has come.
    report.step(Step::Wipe);
    let mut known = places(options, machine);
    known.extend(mark.sources.iter().cloned());
    let own = wipe::recall(&known, &mark.token_id, &machine.root);
    // A joined machine is left alone at each start but for our own places: the sweep unit does the rest.
    let needles = if mark.phase < Phase::Done { mark.needle() } else { None };
    let needles = Needles::of_ids(needles);
    let custody = wipe::everywhere(&machine.root, &needles, own, Occasion::Run);
    report.custody(&custody);
    // At each boot until the token has expired. A run that is repeated for a copy that resists leaves it be: the
    // sweep is repeated by itself.
    if !mark.swept_after_expiry && (mark.phase != Phase::Up || custody.wants_more()) {
        queue_the_sweep(machine, &custody, report).await;
    }
    ending::name_others(&known, machine, &mark, report)?;
    let node = mark.node.clone();
    if mark.phase < Phase::Done {
        let mark = machine.ledger.advance(mark, Phase::Wiped)?;
        report.done(&custody.count());
        report.ready();
        let mark = if mark.phase < Phase::Up {
            let credential = Node::from_disk(&machine.root, &mark, machine.judge().await)?;
            start(options, machine, mark, credential, report).await?
        } else {
            mark
        };
        end(machine, mark, &custody, report)?;
    } else {
        report.done(&custody.count());
        report.step(Step::Report);
        confess(&custody.left)?;
    }
    Ok(format!("this machine is node {node} already"))
}

/// Where a document of ours may lie, whatever is there now.
fn places(options: &Options, machine: &Machine) -> Vec<PathBuf> {
    let well_known = find::WELL_KNOWN.iter().map(|place| machine.root.at(place));
    well_known.chain(options.search.own_file(&machine.root)).collect()
}

async fn find(options: &Options, machine: &Machine, report: &Report) -> Result<Found, Failure> {
    let now = machine.reading().await;
    let spent = |found: &Found| machine.spent(found, &options.given, &now);
    let (visits, found) = find::bootstrap(&options.search, &options.given, &machine.root, &spent);
    for visit in visits {
        report.note(&visit.to_string());
    }
    found
}

async fn check(
    options: &Options,
    machine: &Machine,
    document: Option<&Document>,
    node: &NodeName,
    report: &Report,
) -> Result<Checked, Failure> {
    let checked = check::all(&check::Host {
        root: &machine.root,
        facts: &machine.facts,
        node: Ok(node),
        document,
        skip: &options.skip,
    })
    .await;
    for verdict in &checked.verdicts {
        match &verdict.outcome {
            check::Outcome::Warned(text) => report.warn(&format!("{}: {text}", verdict.id)),
            // What does not apply here is a number in the summary; what somebody left out is named.
            check::Outcome::Skipped(why) if options.skip.contains(&verdict.id) => {
                report.note(&format!("{}: skipped: {why}", verdict.id));
            }
            _ => {}
        }
    }
    match checked.failure() {
        Some(failure) => Err(failure),
        None => Ok(checked),
    }
}

/// What this machine has on disk from a run that was cut short is proven first, without the token;
/// otherwise the token is spent here. What another machine left on this disk is not believed.
async fn join(ask: &Ask<'_>, token: Token, key_is_ours: bool) -> Result<Joined, Failure> {
    if key_is_ours && let Some(joined) = join::existing(ask).await? {
        return Ok(joined);
    }
    join::with_token(ask, token, Resume { key_is_ours }).await
}

async fn start(
    options: &Options,
    machine: &Machine,
    mark: Mark,
    node: Node,
    report: &Report,
) -> Result<Mark, Failure> {
    report.step(Step::Start);
    let wait = options.awaited(machine, start::awaited(&mark));
    let deadline = Instant::now() + options.timeout.unwrap_or(Duration::from_secs(mark.timeout_seconds));
    if !options.no_start {
        start::kubelet(machine.manager.as_ref(), &machine.root).await?;
    }
    let seen = start::watch(&node, wait, machine.manager.as_ref(), &machine.facts, report, deadline).await?;
    let mark = machine.ledger.advance(mark, Phase::Up)?;
    report.done(&seen);
    Ok(mark)
}

/// The mark comes to its end with the last copy: until then every run wipes again.
fn end(machine: &Machine, mark: Mark, custody: &Custody, report: &Report) -> Result<(), Failure> {
    if custody.left.is_empty() {
        machine.ledger.advance(mark, Phase::Done)?;
    }
    report.step(Step::Report);
    confess(&custody.left)
}

fn beginning(
    document: &Document,
    token_id: &crate::token::TokenId,
    node: &NodeName,
    sources: Vec<PathBuf>,
) -> Beginning {
    Beginning {
        token_id: token_id.clone(),
        node: node.to_string(),
        servers: document.cluster.servers.iter().map(ToString::to_string).collect(),
        wait_for: document.join.wait_for.to_string(),
        timeout_seconds: document.join.timeout.as_secs(),
        bootstrap_id: document.id.clone(),
        cluster_id: document.cluster_id.clone(),
        sources,
        expires_at: Some(document.expires_at).filter(|at| *at != UnixSeconds::NEVER).map(UnixSeconds::get),
    }
}
