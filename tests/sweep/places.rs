//! Every place in which a token comes to lie.

use super::{ID, Root, SECRET, token};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::time::{Duration, SystemTime};
use worker_bootstrap::wipe::RULES;

/// One copy each. Not made from the program's own table: a line that is taken out of that is missed here.
const ERASABLE: &[&str] = &[
    "run/worker-bootstrap/bootstrap.yaml.new",
    "etc/worker-bootstrap/bootstrap.yaml~",
    "var/lib/cloud/instances/i-now/user-data.txt",
    "var/lib/cloud/instances/i-now/user-data.txt.i",
    "var/lib/cloud/instances/i-now/cloud-config.txt",
    "var/lib/cloud/instances/i-now/obj.pkl",
    "var/lib/cloud/instances/i-now/scripts/runcmd",
    "var/lib/cloud/instances/i-now/scripts/part-001",
    "var/lib/cloud/instances/i-now/boothooks/part-002",
    "var/lib/cloud/instances/i-now/handlers/part-handler-001.py",
    "var/lib/cloud/instances/i-now/vendor-data.txt",
    "var/lib/cloud/instances/i-now/vendor-data.txt.i",
    "var/lib/cloud/instances/i-now/vendor2-cloud-config.txt",
    "var/lib/cloud/instances/i-now/data/urlcache/0123456789abcdef",
    "var/lib/cloud/instances/i-of-the-image/user-data.txt",
    "var/lib/cloud/instances/i-of-the-image/obj.pkl",
    "var/lib/cloud/scripts/per-boot/part-003",
    "var/lib/cloud/scripts/per-instance/part-004",
    "var/lib/cloud/scripts/per-once/part-005",
    "var/lib/cloud/seed/nocloud/user-data",
    "var/lib/cloud/seed/nocloud-net/user-data",
    "var/lib/cloud/seed/config_drive/openstack/latest/user_data",
    "run/cloud-init/combined-cloud-config.json",
    "run/cloud-init/instance-data-sensitive.json",
    "run/cloud-init/instance-data.json",
    "etc/cloud/cloud.cfg.d/91_kernel_cmdline_url.cfg",
    "etc/cloud/cloud.cfg",
    "var/tmp/cloud-init/user-data",
    "tmp/cloud-init/user-data",
    "config-drive/openstack/latest/user_data",
    "boot/user-data",
    "boot/firmware/user-data",
    "var/lib/waagent/ovf-env.xml",
    "etc/kubernetes/bootstrap-kubelet.conf",
    "var/lib/kubelet/bootstrap-kubeconfig",
    "etc/k0s/token",
    "etc/systemd/system/k0sworker.service",
    "etc/credstore/worker-bootstrap.document",
    "run/credstore/worker-bootstrap.document",
    "var/log/cloud-init.log",
    "var/log/cloud-init-output.log.1",
    "var/log/auth.log",
    "var/log/secure-20260101",
    "var/log/sudo.log",
    "var/log/sudo-io/00/00/01/ttyin",
    "var/log/syslog.1",
    "var/log/messages",
    "var/log/user.log",
    "var/log/daemon.log",
    "var/log/audit/audit.log",
    "var/log/waagent.log",
    "var/log/azure/custom-script/handler.log",
    "root/.bash_history",
    "root/.lesshst",
    "root/.viminfo",
    "root/.local/share/fish/fish_history",
    "home/ann/.zsh_history",
    "home/bob/.ash_history",
    "home/ann/.lesshst",
    "home/ann/.viminfo",
    "home/ann/.local/share/fish/fish_history",
    "var/roothome/.bash_history",
    "var/home/core/.bash_history",
    // Named by write_files in the user-data alone.
    "opt/somewhere/else.yaml",
];

const NAMED: &[&str] = &[
    "var/log/journal/0123456789abcdef0123456789abcdef/system.journal",
    "run/log/journal/0123456789abcdef0123456789abcdef/system.journal",
    "proc/cmdline",
    "proc/4711/cmdline",
    "proc/4711/environ",
    "sys/firmware/dmi/tables/DMI",
    "sys/firmware/qemu_fw_cfg/by_key/32/raw",
    "run/credentials/worker-bootstrap.service/worker-bootstrap.document",
];

/// Where nobody is looked for.
const FOREIGN: &[&str] = &[
    "srv/data",
    "home/ann/notes.txt",
    "var/log/nginx/access.log",
    "etc/passwd",
    // QEMU's own.
    "sys/firmware/qemu_fw_cfg/by_key/8/raw",
    // Without a name nobody can say whose.
    "sys/firmware/qemu_fw_cfg/by_key/9/raw",
];

fn text() -> Vec<u8> {
    let declared = "write_files:\n- path: /opt/somewhere/else.yaml\n  permissions: '0600'\n";
    format!("{declared}first line\nthe token is {} and more\nlast line\n", token()).into_bytes()
}

fn plant() -> Root {
    let root = Root::new();
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    for place in ERASABLE.iter().chain(NAMED).chain(FOREIGN) {
        let path = root.put(place, &text());
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(then).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o440)).unwrap();
    }
    for (key, name) in
        [("32", "opt/io.systemd.credentials/worker-bootstrap.document\n"), ("8", "etc/boot/kernel\n")]
    {
        root.put(&format!("sys/firmware/qemu_fw_cfg/by_key/{key}/name"), name.as_bytes());
    }
    symlink("instances/i-now", root.path("var/lib/cloud/instance")).unwrap();
    root
}

#[test]
fn every_place_is_swept_and_every_other_is_left_alone() {
    let root = plant();
    let wiped = root.wipe(&[]);
    assert_eq!(wiped.exit, 0, "{}", wiped.said);
    let expected = String::from_utf8(text()).unwrap().replace(&token(), "erased.0000000000000000");
    for place in ERASABLE {
        assert_eq!(root.read(place), expected.as_bytes(), "{place}");
        assert!(wiped.reports("erased", &root.shown(place)), "{place} is not reported");
        let meta = std::fs::metadata(root.path(place)).unwrap();
        assert_eq!((meta.mode() & 0o7777, meta.mtime()), (0o440, 1_700_000_000), "{place}");
    }
    for place in NAMED {
        assert_eq!(root.read(place), text(), "{place}");
        assert!(wiped.reports("residue", &root.shown(place)), "{place} is not named: {}", wiped.said);
    }
    for place in FOREIGN {
        assert_eq!(root.read(place), text(), "{place}");
    }
    assert_eq!(wiped.paths("erased").len(), ERASABLE.len());
    assert_eq!(wiped.paths("residue").len(), NAMED.len());
    let again = root.wipe(&[]);
    assert_eq!((again.exit, again.paths("erased").len()), (0, 0));
}

/// No line of the program's table is without a copy above.
#[test]
fn every_line_of_the_table_is_tried() {
    for rule in RULES {
        let line: Vec<&str> = rule.path.trim_start_matches('/').split('/').collect();
        let tried = ERASABLE.iter().chain(NAMED).any(|place| {
            let place: Vec<&str> = place.split('/').collect();
            line.len() <= place.len()
                && line.iter().zip(&place).all(|(pattern, name)| {
                    let parts: Vec<&str> = pattern.split('*').collect();
                    name.starts_with(parts[0]) && parts.iter().all(|part| name.contains(part))
                })
        });
        assert!(tried, "nothing is planted for {}", rule.path);
    }
}

#[test]
fn a_dry_run_says_the_same_and_changes_nothing() {
    let root = plant();
    let said = root.wipe(&["--dry-run"]);
    for place in ERASABLE {
        assert_eq!(root.read(place), text(), "{place}");
        // What only the user-data names is known of as well.
        assert!(said.reports("erased", &root.shown(place)), "{place}");
    }
    let done = root.wipe(&[]);
    let sorted = |mut paths: Vec<String>| {
        paths.sort();
        paths
    };
    assert_eq!(sorted(said.paths("erased")), sorted(done.paths("erased")));
    assert_eq!(sorted(said.paths("residue")), sorted(done.paths("residue")));
}

/// In the boot that cloud-init is still working in, three files of its present instance wait.
#[test]
fn what_cloud_init_still_reads_waits_for_its_end() {
    let root = plant();
    root.put("run/cloud-init/status.json", b"{}");
    let waiting = ["user-data.txt", "cloud-config.txt", "obj.pkl"]
        .map(|name| format!("var/lib/cloud/instances/i-now/{name}"));
    let wiped = root.wipe(&[]);
    assert_eq!(wiped.exit, 0, "{}", wiped.said);
    for place in ERASABLE {
        let waits = waiting.iter().any(|name| name == place);
        assert_eq!(root.holds(place), waits, "{place}");
        assert_eq!(wiped.reports("pending", &root.shown(place)), waits, "{place}");
    }
    root.put("run/cloud-init/result.json", b"{}");
    let wiped = root.wipe(&[]);
    assert_eq!(wiped.paths("erased").len(), 3, "{}", wiped.said);
    assert!(!waiting.iter().any(|place| root.holds(place)));
}

/// What the hypervisor hands over may be a kernel, and is slow to read.
#[test]
fn of_an_item_of_the_hypervisor_the_beginning_is_read() {
    for (before, behind, holds, unread) in
        [(1000, 0, true, false), (1000, 1 << 20, true, true), (64 * 1024, 1 << 20, false, true)]
    {
        let root = Root::new();
        root.put("sys/firmware/qemu_fw_cfg/by_key/33/name", b"opt/org.example/data\n");
        let raw = "sys/firmware/qemu_fw_cfg/by_key/33/raw";
        root.put(raw, format!("{}{}{}", "-".repeat(before), token(), "-".repeat(behind)).as_bytes());
        let wiped = root.wipe(&[]);
        // Of one that is read in part both are said.
        assert_eq!(wiped.reports("residue", &root.shown(raw)), holds, "{before}, {behind}: {}", wiped.said);
        assert_eq!(
            wiped.reports("unsearched", &root.shown(raw)),
            unread,
            "{before}, {behind}: {}",
            wiped.said
        );
    }
}

/// A run reads what is short; a sweep by itself reads all.
#[test]
fn a_run_leaves_what_is_long_to_the_sweep() {
    use worker_bootstrap::wipe::{Needles, Occasion, everywhere};
    let root = Root::new();
    let long = [&vec![b' '; 9 << 20][..], token().as_bytes()].concat();
    root.put("var/log/syslog", &long);
    root.put("var/log/syslog.1", &text());
    for number in 2..=9 {
        root.put(&format!("var/log/syslog.{number}"), &long[2 << 20..]);
    }
    let sweep = |occasion| {
        let needles = Needles::of_ids(worker_bootstrap::token::TokenId::parse(ID));
        let below = worker_bootstrap::host::root::Root::new(root.path(""));
        everywhere(&below, &needles, Default::default(), occasion)
    };
    let custody = sweep(Occasion::Run);
    assert!(custody.deferred.iter().any(|it| it.path == root.shown("var/log/syslog")), "{custody:?}");
    assert_eq!(custody.erased.len() + custody.deferred.len(), 10, "{custody:?}");
    assert!(custody.erased.len() == 9 && custody.wants_more(), "{custody:?}");
    assert!(root.holds("var/log/syslog") && !root.holds("var/log/syslog.1"));
    for number in 2..=20 {
        root.put(&format!("var/log/messages.{number}"), &long[2 << 20..]);
    }
    let custody = sweep(Occasion::Run);
    assert!(custody.deferred.len() > 10 && custody.deferred.len() < 20, "all together: {custody:?}");
    let custody = sweep(Occasion::Later);
    assert!(custody.deferred.is_empty() && !root.holds("var/log/syslog"), "{custody:?}");
}

/// And it looks at so many files, in all places together; what is known by its name is looked at still.
#[test]
fn a_run_leaves_what_is_many_to_the_sweep() {
    use worker_bootstrap::find::{Place, Residue};
    use worker_bootstrap::wipe::{Needles, Occasion, everywhere};
    let root = Root::new();
    let below = worker_bootstrap::host::root::Root::new(root.path(""));
    let one = root.put("var/lib/cloud/data/one", b"x");
    // Two lines of the table, neither of which has too many by itself.
    for dir in ["var/lib/cloud/data/many", "etc/cloud/many"] {
        std::fs::create_dir_all(root.path(dir)).unwrap();
        for number in 0..11_000 {
            std::fs::hard_link(&one, root.path(&format!("{dir}/{number}"))).unwrap();
        }
    }
    let source = "srv/user-data";
    root.put(source, &text());
    root.put("opt/somewhere/else.yaml", token().as_bytes());
    root.put("etc/kubernetes/bootstrap-kubelet.conf", token().as_bytes());
    let behind = ["var/log/syslog.1", "var/log/audit/audit.log", "home/ann/.bash_history"];
    for place in behind {
        root.put(place, token().as_bytes());
    }
    let sweep = |occasion| {
        let needles = Needles::of_ids(worker_bootstrap::token::TokenId::parse(ID));
        everywhere(&below, &needles, Residue::of(vec![Place::Shared(below.at(source))]), occasion)
    };
    let custody = sweep(Occasion::Run);
    let later: Vec<&str> = custody.deferred.iter().map(|it| it.path.as_str()).collect();
    assert_eq!(later, [root.shown("etc/cloud/many")], "{custody:?}");
    assert!(custody.deferred[0].why.contains("20000 names") && custody.wants_more(), "{custody:?}");
    assert!(behind.iter().all(|place| root.holds(place)));
    for place in [source, "opt/somewhere/else.yaml", "etc/kubernetes/bootstrap-kubelet.conf"] {
        assert!(!root.holds(place), "{place}: {custody:?}");
    }
    let custody = sweep(Occasion::Later);
    assert!(custody.deferred.is_empty() && custody.unsearched.is_empty(), "{custody:?}");
    assert!(!behind.iter().any(|place| root.holds(place)));
}

/// However a path is written: what cloud-init was told to write is found there.
#[test]
fn what_user_data_writes_is_found_however_it_is_told() {
    let told: &[(&str, &str)] = &[
        ("opt/some where/a", "#cloud-config\nwrite_files:\n- path: /opt/some where/a\n  content: TOKEN\n"),
        ("opt/b*", "#cloud-config\nwrite_files:\n- path: \"/opt/b*\"\n  content: TOKEN\n"),
        ("opt/c", r#"{"user-data": "{\"write_files\": [{\"path\": \"/opt/c\", \"content\": \"TOKEN\"}]}"}"#),
        ("opt/d", r#"{"write_files": [{"path": "\/opt\/d", "content": "TOKEN"}]}"#),
        ("opt/e e", r#"{"user-data": "write_files:\n- {path: \"/opt/e e\", content: TOKEN}\n"}"#),
        (
            "run/secrets/token",
            "#cloud-config\nwrite_files:\n- {path: /var/run/secrets/token, content: TOKEN}\n",
        ),
        ("opt/f", "#cloud-config\nwrite_files:\n- {content: TOKEN, path: /opt/./x/../f}\n"),
    ];
    for (place, text) in told {
        let root = Root::new();
        root.put("var/x", b"");
        symlink("/run", root.path("var/run")).unwrap();
        // A name that a pattern would mean as well is another's.
        for path in [place, "opt/bystander"] {
            root.put(path, token().as_bytes());
        }
        // Put off, and met again by its own name, whatever that is.
        let teller = "var/lib/cloud/seed/no*cloud/user-data";
        root.put(teller, text.replace("TOKEN", &token()).as_bytes());
        let wiped = root.wipe(&[]);
        assert!(!root.holds(place), "{place}: {}", wiped.said);
        assert!(!root.holds(teller), "{place}: {}", wiped.said);
        assert!(root.holds("opt/bystander"), "{place}");
        assert!(wiped.paths("unsearched").is_empty(), "{place}: {}", wiped.said);
    }
}

/// A sweep that is cut off is begun again: what tells of other copies outlives them, and longest what the
/// bootstrap was read from.
#[test]
fn what_tells_of_other_copies_goes_last() {
    use worker_bootstrap::find::{Place, Residue};
    use worker_bootstrap::wipe::{Needles, Occasion, everywhere};
    let telling = ["user-data.txt", "cloud-config.txt", "vendor-data.txt"]
        .map(|name| format!("var/lib/cloud/instances/i-now/{name}"));
    for turn in 0..telling.len() {
        let root = Root::new();
        for place in &telling {
            root.put(place, &text());
        }
        root.put("root/.bash_history", token().as_bytes());
        root.put("opt/somewhere/else.yaml", token().as_bytes());
        let below = worker_bootstrap::host::root::Root::new(root.path(""));
        let needles = Needles::of_ids(worker_bootstrap::token::TokenId::parse(ID));
        // In the order in which they are read; one of the three is none.
        let sources = [&telling[turn], &telling[(turn + 1) % 3]];
        let residue = Residue::of(sources.iter().map(|source| Place::Shared(below.at(source))).collect());
        let custody = everywhere(&below, &needles, residue, Occasion::Last);
        let erased: Vec<String> = custody.erased.into_iter().map(|it| it.path).collect();
        let other = &telling[(turn + 2) % 3];
        let order = ["root/.bash_history", "opt/somewhere/else.yaml", other, sources[1], sources[0]];
        assert_eq!(erased, order.map(|place| root.shown(place)));
        assert!(!telling.iter().any(|place| root.holds(place)));
    }
}

/// What was put over a token is found again by the next run, and is no token.
#[test]
fn what_was_put_over_a_token_is_not_searched_for() {
    let root = Root::new();
    let erased = token().replace(ID, "erased").replace(SECRET, "0000000000000000");
    let told = format!(
        "#cloud-config\nwrite_files:\n- path: /run/worker-bootstrap/bootstrap.yaml\n  content: |\n    \
         {{apiVersion: bootstrap.akua.dev/v1alpha1, kind: WorkerBootstrap, expiresAt: 4000000000, token: {erased},\n    \
         cluster: {{servers: ['https://127.0.0.1:1'], caCertHashes: ['sha256:{}']}}}}\n",
        "0".repeat(64)
    );
    root.put("run/cloud-init/.instance-id", b"i-now\n");
    let source = root.put("var/lib/cloud/instances/i-now/user-data.txt", told.as_bytes());
    std::fs::set_permissions(&source, std::fs::Permissions::from_mode(0o600)).unwrap();
    symlink("instances/i-now", root.path("var/lib/cloud/instance")).unwrap();
    let innocent: &[(&str, &[u8])] = &[
        ("var/log/syslog", b"sixteen: 0000000000000000 of them\n"),
        ("root/.bash_history", erased.as_bytes()),
    ];
    for (place, bytes) in innocent {
        root.put(place, bytes);
    }
    let run = std::process::Command::new(env!("CARGO_BIN_EXE_worker-bootstrap"))
        .args(["run", "--no-start", "--root"])
        .arg(root.path(""))
        .env_clear()
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert_eq!(run.status.code(), Some(7), "{said}");
    for (place, bytes) in innocent {
        assert_eq!(root.read(place), *bytes, "{place}: {said}");
        assert!(!said.contains(place), "{place}: {said}");
    }
}

/// What cloud-init has its user-data from still has it, also when the local copies are long gone.
#[test]
fn where_the_user_data_came_from_is_named() {
    #[rustfmt::skip]
    let rows: [(&str, &[(&str, &str)]); 6] = [
        ("DataSourceEc2: DataSourceEc2Local", &[("the metadata service (Ec2)", "revoking the token")]),
        ("DataSourceNoCloud: DataSourceNoCloud [seed=/dev/sr0][dsmode=net]", &[("/dev/sr0", "detach it")]),
        ("DataSourceNoCloud: DataSourceNoCloud [seed=cmdline,/dev/vdb][dsmode=net]", &[("/dev/vdb", "detach it")]),
        // A disk with the label config-2, whichever file system is on it.
        ("DataSourceConfigDrive: DataSourceConfigDrive [net,ver=2][source=/dev/vdc]", &[("/dev/vdc", "detach it")]),
        ("DataSourceConfigDrive: DataSourceConfigDrive [net,ver=2][source=/config-drive]", &[]),
        ("DataSourceNoCloudNet: DataSourceNoCloudNet [seed=http://x/][dsmode=net]", &[("the metadata service (NoCloudNet)", "revoking the token")]),
    ];
    for (source, named) in rows {
        let root = Root::new();
        root.put("var/lib/cloud/instances/i-now/datasource", format!("{source}\n").as_bytes());
        symlink("instances/i-now", root.path("var/lib/cloud/instance")).unwrap();
        root.put("var/lib/cloud/instances/i-now/user-data.txt.i", &text());
        for _ in 0..2 {
            let wiped = root.wipe(&[]);
            assert_eq!(wiped.exit, 0);
            let rows = wiped.report["residue"].as_array().unwrap();
            let told: Vec<_> = rows.iter().map(|row| (row["path"].as_str().unwrap(), &row["end"])).collect();
            assert_eq!(told.len(), named.len(), "{source}: {}", wiped.said);
            for ((path, end), (expected, ends)) in told.iter().zip(named) {
                assert!(path == expected && end.as_str().unwrap().contains(ends), "{source}: {}", wiped.said);
            }
        }
    }
}

/// Only a token that this machine is through with; one that a run still needs is left alone.
#[test]
fn a_token_that_is_still_needed_is_left_alone() {
    let root = Root::new();
    root.put("root/.bash_history", &text());
    let mark = |phase: &str| {
        let text = format!(
            r#"{{"schema": 1, "tokenId": "{ID}", "machineId": "0123456789abcdef0123456789abcdef", "phase": "{phase}",
                "node": "n", "servers": [], "waitFor": "ready", "timeoutSeconds": 1, "bootstrapId": null,
                "clusterId": null, "sources": []}}"#
        );
        root.put(&format!("var/lib/worker-bootstrap/ledger/{ID}.json"), text.as_bytes());
    };
    let wipe = |arguments: &[&str]| {
        let said = std::process::Command::new(env!("CARGO_BIN_EXE_worker-bootstrap"))
            .args(["wipe", "--root"])
            .arg(root.path(""))
            .args(arguments)
            .output()
            .unwrap();
        String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned()
    };
    mark("started");
    let said = wipe(&[]);
    assert!(root.holds("root/.bash_history") && said.contains("it is left alone"), "{said}");
    mark("finished");
    let said = wipe(&[]);
    assert!(!root.holds("root/.bash_history") && said.contains("1 erased"), "{said}");
    root.put("root/.bash_history", &text());
    mark("started");
    wipe(&["--unused"]);
    assert!(!root.holds("root/.bash_history"));
}
