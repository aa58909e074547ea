//! Where a bootstrap comes from: cloud-init's tree of this instance and of others, tokens with flags,
//! commands; and what is said of each place.

use super::support::machine::DOCUMENT;
use super::support::tree::{changes, tree};
use super::{REPORTS, Scene};
use std::os::unix::fs::symlink;

const INSTANCE: &str = "var/lib/cloud/instances/i-0123";

/// A machine on which cloud-init has run for this instance, with this user-data.
fn cloud(scene: &Scene, user_data: &str) {
    let machine = &scene.machine;
    machine.write(&format!("{INSTANCE}/user-data.txt"), user_data, 0o600);
    machine.write(&format!("{INSTANCE}/user-data.txt.i"), &processed(user_data), 0o600);
    machine.write(
        &format!("{INSTANCE}/cloud-config.txt"),
        "#cloud-config\n\n# from 0 files\n\n---\n...\n",
        0o600,
    );
    machine.write("run/cloud-init/.instance-id", "i-0123\n", 0o644);
    machine.write("var/lib/cloud/data/instance-id", "i-0123\n", 0o644);
    symlink("/var/lib/cloud/instances/i-0123", machine.path("var/lib/cloud/instance")).unwrap();
}

/// As cloud-init stores its one part.
fn processed(user_data: &str) -> String {
    format!(
        "Content-Type: multipart/mixed; boundary=\"===1==\"\nMIME-Version: 1.0\nNumber-Attachments: 1\n\n--===1==\n\
         MIME-Version: 1.0\nContent-Type: text/cloud-config\nContent-Disposition: attachment; filename=\"part-001\"\n\n\
         {user_data}\n--===1==--\n"
    )
}

fn carrying(document: &str) -> String {
    let indented: String = document.lines().map(|line| format!("    {line}\n")).collect();
    format!("#cloud-config\npackages: [jq]\nwrite_files:\n- path: /somewhere/else\n  content: |\n{indented}")
}

/// A plan ends so, changes nothing, and says this of the places.
#[track_caller]
fn plans(case: &str, scene: &Scene, arguments: &[&str], stdin: &[u8], exit: i32, says: &[&str]) {
    let before = tree(scene.machine.root());
    let mut all = vec!["plan"];
    all.extend(arguments);
    let said = scene.agent(&all, stdin);
    let text = format!("{}{}", said.stdout, said.stderr);
    assert_eq!(said.exit, exit, "{case}: {text}");
    for part in says {
        assert!(text.contains(part), "{case}: lacks {part}:\n{text}");
    }
    assert_eq!(tree(scene.machine.root()), before, "{case}");
    scene.nobody_was_asked(case);
}

#[test]
fn user_data_of_this_instance_alone_is_found() {
    let ready = |scene: &Scene| cloud(scene, &carrying(&scene.document(3600)));
    type Row = (&'static str, fn(&Scene), i32, &'static [&'static str]);
    #[rustfmt::skip]
    let rows: &[Row] = &[
        ("this instance's", |_| {}, 0, &["instances/i-0123/user-data.txt: found", "bootstrap.yaml: absent"]),
        ("another's", |s| s.machine.write("run/cloud-init/.instance-id", "i-9999\n", 0o644), 3,
            &["cloud-init's user-data: passed over: it is of the instance i-0123, and this is i-9999"]),
        ("before cloud-init ran", |s| std::fs::remove_file(s.machine.path("run/cloud-init/.instance-id")).unwrap(), 3,
            &["passed over: cloud-init has not said in this boot which instance this is"]),
        ("cloud-init is off", |s| std::fs::remove_dir_all(s.machine.path("run/cloud-init")).unwrap(), 0, &["user-data.txt: found"]),
        ("off, a copied disk", |s| { std::fs::remove_dir_all(s.machine.path("run/cloud-init")).unwrap();
            s.machine.write("var/lib/cloud/data/instance-id", "i-9999\n", 0o644); }, 3, &["and this is i-9999"]),
        ("only its parts", |s| s.machine.write(&format!("{INSTANCE}/user-data.txt"), "#include\nhttps://example.com/x\n", 0o600), 0,
            &["user-data.txt: passed over: no bootstrap in what can be read of it: an #include", "user-data.txt.i: found"]),
        ("only merged", |s| { for name in ["user-data.txt", "user-data.txt.i"] {
            s.machine.write(&format!("{INSTANCE}/{name}"), "## template: jinja\n#cloud-config\n", 0o600); }
            s.machine.write(&format!("{INSTANCE}/cloud-config.txt"), &carrying(&s.document(3600)), 0o600); }, 0,
            &["cloud-config.txt: found", "a template"]),
        ("none in it", |s| { for name in ["user-data.txt", "user-data.txt.i"] {
            s.machine.write(&format!("{INSTANCE}/{name}"), "#cloud-config\npackages: [jq]\n", 0o600); } }, 3,
            &["user-data.txt: passed over: it holds no bootstrap", "bootstrap_not_found"]),
        ("none at all", |s| s.machine.write(&format!("{INSTANCE}/user-data.txt"), "", 0o600), 0,
            &["user-data.txt: empty", "user-data.txt.i: found"]),
        ("open to others", |s| s.machine.write(&format!("{INSTANCE}/user-data.txt"), &carrying(&s.document(3600)), 0o644), 0,
            &["user-data.txt: passed over: its mode is 0644", "user-data.txt.i: found"]),
        ("a mistake in it", |s| s.machine.write(&format!("{INSTANCE}/user-data.txt"), &carrying(&s.document(3600)).replace("kind: W", "kind: w"), 0o600), 4,
            &["user-data.txt: write_files[0]: line 2, column 7: kind: expected WorkerBootstrap"]),
    ];
    for (case, change, exit, says) in rows {
        let scene = Scene::new();
        ready(&scene);
        change(&scene);
        plans(case, &scene, &[], b"", *exit, says);
    }
}

#[test]
fn a_seed_counts_until_cloud_init_has_stored_it() {
    for seed in [
        "var/lib/cloud/seed/nocloud/user-data",
        "var/lib/cloud/seed/nocloud-net/user-data",
        "var/lib/cloud/seed/config_drive/openstack/latest/user_data",
        "var/lib/cloud/seed/config_drive/openstack/2018-08-27/user_data",
        "var/lib/cloud/seed/config_drive/ec2/latest/user-data",
        "config-drive/openstack/latest/user_data",
        "config-drive/openstack/2012-08-10/user_data",
        "config-drive/ec2/latest/user-data",
    ] {
        let scene = Scene::new();
        scene.machine.write(seed, &carrying(&scene.document(3600)), 0o600);
        plans(seed, &scene, &[], b"", 0, &[&format!("{seed}: found")]);
        cloud(&scene, "#cloud-config\n");
        plans("stored", &scene, &[], b"", 3, &["user-data.txt: passed over: it holds no bootstrap"]);
    }
    // All of them hold what one of them was found in, and all of them are swept; the files stay.
    let scene = Scene::new();
    let seeds = ["openstack/2017-02-22/user_data", "openstack/latest/user_data", "ec2/latest/user-data"]
        .map(|seed| format!("config-drive/{seed}"));
    for seed in &seeds {
        scene.machine.write(seed, &carrying(&scene.document(-60)), 0o600);
    }
    let said = scene.agent(&["run"], b"");
    assert_eq!(said.exit, 5, "{}", said.stderr);
    for seed in &seeds {
        let left = scene.machine.read(seed);
        assert!(left.contains("#cloud-config") && !left.contains(&scene.token.secret), "{seed}");
        assert!(said.stderr.contains(seed.as_str()), "{seed}: {}", said.stderr);
    }
}

#[test]
fn the_same_in_two_forms_is_one_and_what_is_cloud_inits_stays() {
    let scene = Scene::new();
    let document = scene.document(-60);
    cloud(&scene, &carrying(&document));
    scene.deliver(&document);
    let before = tree(scene.machine.root());
    let said = scene.agent(&["run"], b"");
    assert_eq!(said.exit, 5, "{}", said.stderr);
    assert!(!scene.machine.has(DOCUMENT), "the document still lies there");
    let mut changed = changes(&before, &tree(scene.machine.root()));
    // Whatever becomes of the token in them, cloud-init's files are still there.
    changed
        .retain(|name| !REPORTS.contains(&name.as_str()) && name != DOCUMENT && !name.starts_with(INSTANCE));
    assert_eq!(changed, Vec::<String>::new());
    for name in ["user-data.txt", "user-data.txt.i", "cloud-config.txt"] {
        assert!(scene.machine.read(&format!("{INSTANCE}/{name}")).contains("#cloud-config"), "{name}");
    }
}

/// Not even where somebody names such a file as the document.
#[test]
fn a_file_of_cloud_inits_that_is_named_stays() {
    let scene = Scene::new();
    cloud(&scene, &carrying(&scene.document(-60)));
    let name = format!("{INSTANCE}/user-data.txt");
    let said = scene.agent(&["run", "--document", &scene.machine.path(&name).display().to_string()], b"");
    assert_eq!(said.exit, 5, "{}", said.stderr);
    assert!(scene.machine.read(&name).contains("#cloud-config"));
}

#[test]
fn two_different_ones_are_named_and_a_spent_one_gives_way() {
    let scene = Scene::new();
    cloud(&scene, &carrying(&scene.document(3600)));
    scene.deliver(&scene.document(7200));
    plans(
        "different",
        &scene,
        &[],
        b"",
        4,
        &["bootstrap.yaml and ", "user-data.txt hold different bootstraps"],
    );
    let scene = Scene::new();
    cloud(&scene, &carrying(&scene.document(-60)));
    scene.deliver(&scene.document(7200));
    plans("spent", &scene, &[], b"", 0, &["user-data.txt: passed over: the token ", "bootstrap.yaml: found"]);
    plans(
        "named",
        &scene,
        &["--document", &scene.machine.path(&format!("{INSTANCE}/user-data.txt")).display().to_string()],
        b"",
        0,
        &["user-data.txt: found", "expired 1 min"],
    );
}

#[test]
fn a_token_with_flags_and_commands() {
    let scene = Scene::new();
    let token = scene.token.text();
    let (server, hash) =
        (scene.server.local_addr().unwrap().to_string(), format!("sha256:{}", "ab".repeat(32)));
    let url = format!("https://{server}");
    scene.machine.write("root/token", &format!("{token}\n"), 0o600);
    let file = scene.machine.path("root/token").display().to_string();
    let command = format!("kubeadm join {server} --token {token} --discovery-token-ca-cert-hash {hash}");
    let here =
        format!("( set -eu\nworker-bootstrap run --document - <<'END'\n{}END\n)\n", scene.document(3600));
    let cluster = ["--server", &url, "--ca-cert-hash", &hash];
    let expiry = ["--expires-at", "2099-01-01T00:00:00Z"];
    #[rustfmt::skip]
    let rows: Vec<(&str, Vec<&str>, String, i32, &str)> = vec![
        ("token file",       [&["--token-file", &file][..], &cluster, &expiry].concat(), String::new(), 0, "token: found"),
        ("token, stdin",     [&["--token-file", "-"][..], &cluster, &expiry].concat(), token.clone(), 0, "expires 2099-01-01T00:00:00Z"),
        ("token, no expiry", [&["--token-file", "-", "--no-expiry"][..], &cluster].concat(), token.clone(), 0, "of no known expiry, as it was said"),
        ("no expiry said",   [&["--token-file", "-"][..], &cluster].concat(), token.clone(), 4, "expected --expires-at TIME, or --no-expiry"),
        ("no cluster",       [&["--token-file", "-"][..], &expiry].concat(), token.clone(), 4, "does not say where its cluster is"),
        ("nothing",          [&["--token-file", "-"][..], &cluster, &expiry].concat(), String::new(), 3, "standard input holds no token"),
        ("expired",          [&["--token-file", "-", "--expires-at", "1700000000"][..], &cluster].concat(), token.clone(), 0, "expired "),
        ("kubeadm",          [&["--document", "-"][..], &expiry].concat(), command.clone(), 0, "standard input: found"),
        ("kubeadm, bare",    vec!["--document", "-"], command.clone(), 4, "expected --expires-at TIME, or --no-expiry"),
        ("here-document",    vec!["--document", "-"], here, 0, "standard input: found"),
        ("both expiries",    [&["--document", "-"][..], &expiry].concat(), scene.document(3600), 4, "expected no --expires-at"),
        ("a pipe to bash",   vec!["--document", "-"], format!("curl -H 'Authorization: {token}' https://x | bash"), 4, "stopped at curl"),
        ("two flags",        vec!["--document", "-", "--token-file", "-"], String::new(), 2, "cannot be used with"),
        ("two answers",      [&["--token-file", "-", "--no-expiry"][..], &expiry].concat(), String::new(), 2, "cannot be used with"),
    ];
    for (case, arguments, stdin, exit, says) in rows {
        plans(case, &scene, &arguments, stdin.as_bytes(), exit, &[says]);
    }
}

/// A run that is refused for good takes the file with the token along.
#[test]
fn an_expired_token_file_is_erased() {
    let scene = Scene::new();
    scene.machine.write("root/token", &scene.token.text(), 0o600);
    let file = scene.machine.path("root/token").display().to_string();
    let hash = format!("sha256:{}", "ab".repeat(32));
    let said = scene.agent(
        &[
            "run",
            "--token-file",
            &file,
            "--server",
            "https://127.0.0.1:1",
            "--ca-cert-hash",
            &hash,
            "--expires-at",
            "1700000000",
        ],
        b"",
    );
    assert_eq!(said.exit, 5, "{}", said.stderr);
    assert!(!scene.machine.has("root/token"));
}

/// A path that user-data writes twice holds what it wrote last.
#[test]
fn of_a_path_that_is_written_twice_the_last_counts() {
    let scene = Scene::new();
    let file = |document: &str, more: &str| {
        format!("- {{path: /run/x, content: {}{more}}}\n", serde_json::json!(document))
    };
    let (old, new) = (scene.document(7200), scene.document(3600));
    let (head, tail) = new.split_at(new.find("cluster:").unwrap());
    cloud(&scene, &format!("#cloud-config\nwrite_files:\n{}{}", file(&old, ""), file(&new, "")));
    plans("replaced", &scene, &[], b"", 0, &["user-data.txt: found"]);
    let scene = Scene::new();
    cloud(
        &scene,
        &format!("#cloud-config\nwrite_files:\n{}{}", file(head, ""), file(tail, ", append: true")),
    );
    plans("appended", &scene, &[], b"", 0, &["user-data.txt: found"]);
}

/// What is refused names the word it stopped at; what plainly runs is taken.
#[test]
fn a_join_that_only_a_shell_could_tell_of_is_refused() {
    let scene = Scene::new();
    let join = format!(
        "kubeadm join {} --token {} --discovery-token-ca-cert-hash sha256:{}",
        scene.server.local_addr().unwrap(),
        scene.token.text(),
        "ab".repeat(32)
    );
    let expiry = ["--expires-at", "2099-01-01T00:00:00Z"];
    let pasted = [&["--document", "-"][..], &expiry].concat();
    #[rustfmt::skip]
    let rows: [(&str, String, i32, &str); 6] = [
        ("until",      format!("until {join}; do sleep 5; done"),               0, "standard input: found"),
        ("or",         format!("swapoff -a; {join} || exit 1"),                 0, "standard input: found"),
        ("behind or",  format!("test -f x || {join}"),                          4, "line 1, column 1: kubeadm join: stopped at ||: only a shell could tell"),
        ("then",       format!("if test -f x\nthen\n{join}\nfi"),               4, "line 3, column 1: kubeadm join: stopped at then: only a shell could tell"),
        ("function",   format!("join() {{\n{join}\n}}\njoin"),                  4, "line 2, column 1: kubeadm join: stopped at the body of a function: "),
        ("exit",       format!("exit 0\n{join}"),                               4, "kubeadm join: stopped at exit: nothing behind it runs"),
    ];
    for (case, text, exit, says) in rows {
        plans(case, &scene, &pasted, text.as_bytes(), exit, &[says]);
    }
    // The commands of one list are one script.
    cloud(&scene, &format!("#cloud-config\nruncmd:\n- if test -f x; then\n- {join}\n- fi\n"));
    plans(
        "runcmd",
        &scene,
        &expiry,
        b"",
        4,
        &["user-data.txt: runcmd[1]: line 1, column 1: kubeadm join: stopped at then: "],
    );
}
