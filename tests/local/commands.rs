//! The command line, and the commands that only look.

use super::Scene;
use super::support::tree::tree;
use serde_json::Value;

#[test]
fn a_mistaken_command_line_ends_with_2() {
    let scene = Scene::new();
    let before = tree(scene.machine.root());
    let rows: [&[&str]; 8] = [
        &["join"],
        &["run", "--token", "x"],
        &["run", "--wait", "later"],
        &["run", "--timeout", "soon"],
        &["run", "--node-name", "Not_A_Name"],
        &["run", "--skip-check", "luck"],
        &["run", "stray"],
        &["explain", "no_such_code"],
    ];
    for arguments in rows {
        let said = scene.agent(arguments, b"");
        assert_eq!(said.exit, 2, "{arguments:?}: {}", said.stderr);
        assert!(!said.stderr.is_empty() && said.stdout.is_empty(), "{arguments:?}");
    }
    assert_eq!(tree(scene.machine.root()), before);
}

#[test]
fn commands_that_look_change_nothing_and_say_json_where_asked() {
    let scene = Scene::new();
    scene.deliver(&scene.document(3600));
    let before = tree(scene.machine.root());
    for (arguments, exit, json) in [
        (["plan"].as_slice(), 0, false),
        (&["plan", "--json"], 0, true),
        (&["check"], 0, false),
        (&["check", "--json"], 0, true),
        (&["status"], 3, false),
        (&["status", "--json"], 3, false),
        (&["reset", "--dry-run"], 0, false),
        (&["reset", "--dry-run", "--json"], 0, true),
        (&["explain"], 0, false),
    ] {
        let said = scene.agent(arguments, b"");
        assert_eq!(said.exit, exit, "{arguments:?}: {}{}", said.stdout, said.stderr);
        assert_eq!(said.stdout.is_empty(), exit != 0, "{arguments:?}");
        assert_eq!(
            serde_json::from_str::<Value>(&said.stdout).is_ok(),
            json,
            "{arguments:?}: {}",
            said.stdout
        );
        assert_eq!(tree(scene.machine.root()), before, "{arguments:?}");
    }
    scene.nobody_was_asked("looking");
}

#[test]
fn a_plan_says_which_checks_are_left_out() {
    let scene = Scene::new();
    scene.deliver(&format!("{}kubelet: {{version: '>=1.20'}}\n", scene.document(3600)));
    let (whole, less) = (
        scene.agent(&["plan"], b"").stdout,
        scene.agent(&["plan", "--skip-check", "swap", "--skip-check", "kubelet"], b"").stdout,
    );
    for (plan, there, absent) in [
        (&whole, ["swap", "check that the kubelet is >=1.20"].as_slice(), ["leave out"].as_slice()),
        (
            &less,
            &["leave out swap, kubelet", "check root, systemd"],
            &["check that the kubelet", "cgroups, swap"],
        ),
    ] {
        assert!(there.iter().all(|words| plan.contains(words)), "{plan}");
        assert!(!absent.iter().any(|words| plan.contains(words)), "{plan}");
    }
}

#[test]
fn there_is_no_plan_for_a_token_that_is_spent() {
    let scene = Scene::new();
    scene.deliver(&scene.document(3600));
    let mark = serde_json::json!({
        "schema": 1, "tokenId": scene.token.id, "machineId": scene.machine.read("etc/machine-id").trim(),
        "phase": "finished", "node": "worker-of-before", "servers": [], "waitFor": "ready", "timeoutSeconds": 1,
        "bootstrapId": null, "clusterId": null, "sources": [],
    });
    scene.machine.write(
        &format!("var/lib/worker-bootstrap/ledger/{}.json", scene.token.id),
        &mark.to_string(),
        0o600,
    );
    let before = tree(scene.machine.root());
    let said = scene.agent(&["plan"], b"");
    assert_eq!(said.exit, 7, "{}", said.stderr);
    assert!(said.stdout.is_empty() && said.stderr.contains("worker-of-before"), "{}", said.stderr);
    assert_eq!(tree(scene.machine.root()), before);
}

#[test]
fn a_run_and_its_status_are_json() {
    let scene = Scene::new();
    let said = scene.agent(&["run", "--json"], b"");
    let status = scene.agent(&["status", "--json"], b"");
    assert_eq!((said.exit, status.exit), (3, 0));
    for text in [said.stdout, status.stdout] {
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["reason"], "bootstrap_not_found");
    }
}

#[test]
fn a_reset_where_nothing_was_run_undoes_nothing() {
    let scene = Scene::new();
    scene.deliver(&scene.document(3600));
    let before = tree(scene.machine.root());
    let said = scene.agent(&["reset"], b"");
    assert_eq!((said.exit, said.stdout.as_str()), (0, "nothing to undo\n"), "{}", said.stderr);
    let mut changed = super::support::tree::changes(&before, &tree(scene.machine.root()));
    changed.retain(|name| name != "run/worker-bootstrap/lock");
    assert_eq!(changed, Vec::<String>::new());
    let said = scene.agent(&["reset", "--json"], b"");
    let value: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!((&value["complete"], &value["items"]), (&true.into(), &serde_json::json!([])));
}
