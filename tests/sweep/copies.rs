//! What cloud-init and its neighbours make of one user-data, file by file, as they write it: the token is
//! gone from each, what stands around it is as it was, and what cannot be erased is named.

use super::{ID, Root, SECRET, token};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

/// From what stands in the file to the text in which the token stands plain.
type Unwrap = fn(&[u8]) -> Vec<u8>;
/// A file, its mode, what stands in it, and how that is read.
type Row = (&'static str, u32, Content, Unwrap);
type Content = fn() -> Vec<u8>;

const IID: &str = "var/lib/cloud/instances/i-now";
/// Where user-data has its token written, and nobody else would look.
const TARGET: &str = "srv/k8s/token file";

fn user_data() -> String {
    format!(
        "#cloud-config\nwrite_files:\n- path: /{TARGET}\n  content: |\n    token: {}\nruncmd:\n- [sh, -c, 'join {}']\n",
        token(),
        token()
    )
}

fn plain(bytes: &[u8]) -> Vec<u8> {
    bytes.to_vec()
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut text).unwrap();
    text
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// The longest run of base64 in it, decoded.
fn base64(bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    let compact = text.replace('\n', "");
    let longest = compact.split(|c| !is_base64(c)).max_by_key(|run| run.len()).unwrap();
    STANDARD.decode(longest).unwrap()
}

fn json(bytes: &[u8]) -> Vec<u8> {
    let value: serde_json::Value = serde_json::from_slice(bytes).unwrap();
    // Shows that it is JSON still, and reads its strings.
    fn strings(value: &serde_json::Value, into: &mut String) {
        match value {
            serde_json::Value::String(text) => into.push_str(text),
            serde_json::Value::Array(list) => list.iter().for_each(|it| strings(it, into)),
            serde_json::Value::Object(map) => map.values().for_each(|it| strings(it, into)),
            _ => {}
        }
    }
    let mut text = String::new();
    strings(&value, &mut text);
    text.into_bytes()
}

fn json_base64(bytes: &[u8]) -> Vec<u8> {
    base64(&json(bytes))
}

fn hexadecimal(bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let digits = text.rsplit('=').next().unwrap().trim();
    (0..digits.len() / 2).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap()).collect()
}

/// As `pickle` writes a data source: strings with their lengths before them, in a frame with its own.
fn pickle() -> Vec<u8> {
    let mut body = b"}\x94(\x8c\x0cuserdata_raw\x94X".to_vec();
    let text = user_data();
    body.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
    body.extend(text.as_bytes());
    body.extend(b"\x94\x8c\x08metadata\x94}\x94\x8c\x0binstance-id\x94\x8c\x05i-now\x94su.");
    let mut pickle = b"\x80\x04\x95".to_vec();
    pickle.extend((body.len() as u64).to_le_bytes());
    [pickle, body].concat()
}

/// The string behind its length.
fn unpickled(bytes: &[u8]) -> Vec<u8> {
    let at = 11 + memchr::memmem::find(&bytes[11..], b"userdata_raw\x94X").unwrap() + 14;
    let length = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    assert!(bytes[at + 4 + length..].starts_with(b"\x94\x8c\x08metadata"), "what follows has moved");
    assert_eq!(u64::from_le_bytes(bytes[3..11].try_into().unwrap()) as usize, bytes.len() - 11);
    bytes[at + 4..at + 4 + length].to_vec()
}

fn mime() -> Vec<u8> {
    let body = STANDARD.encode(user_data());
    let lines: String = body.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line) + "\n").collect();
    format!(
        "Content-Type: multipart/mixed; boundary=\"===1==\"\nMIME-Version: 1.0\nNumber-Attachments: 1\n\n--===1==\n\
         Content-Type: text/cloud-config\nMIME-Version: 1.0\nContent-Transfer-Encoding: base64\n\n{lines}\n--===1==--\n"
    )
    .into_bytes()
}

fn mime_body(bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    base64(text.split("\n\n").nth(2).unwrap().as_bytes())
}

fn of_json(value: serde_json::Value) -> Vec<u8> {
    serde_json::to_vec_pretty(&value).unwrap()
}

fn script() -> Vec<u8> {
    format!("#!/bin/sh\n'sh' '-c' 'join {}'\n", token()).into_bytes()
}

#[rustfmt::skip]
const COPIES: &[Row] = &[
    // Of this instance.
    ("user-data.txt",            0o600, || user_data().into_bytes(),   plain),
    ("user-data.txt.i",          0o600, mime,                          mime_body),
    ("cloud-config.txt",         0o600, || format!("#cloud-config\n\n# from 1 files\n# part-001\n\n---\n{}...\n", user_data()).into_bytes(), plain),
    ("obj.pkl",                  0o400, pickle,                        unpickled),
    ("scripts/runcmd",           0o700, script,                        plain),
    ("scripts/part-001",         0o700, script,                        plain),
    ("scripts/join it",          0o700, script,                        plain),
    ("boothooks/part-002",       0o700, script,                        plain),
    ("handlers/part-handler-003.py", 0o600, || format!("#part-handler\ntoken = '{}'\n", token()).into_bytes(), plain),
    ("vendor-data.txt",          0o600, || gzip(user_data().as_bytes()), gunzip),
    ("vendor-data.txt.i",        0o600, mime,                          mime_body),
    ("vendor-data2.txt",         0o600, || STANDARD.encode(user_data()).into_bytes(), base64),
    ("vendor-data2.txt.i",       0o600, mime,                          mime_body),
    ("vendor-cloud-config.txt",  0o600, || user_data().into_bytes(),   plain),
    ("vendor2-cloud-config.txt", 0o600, || user_data().into_bytes(),   plain),
    ("data/urlcache/d41d8cd98f00b204e9800998ecf8427e", 0o600, || gzip(user_data().as_bytes()), gunzip),
    // Of other instances, and of none.
    ("/var/lib/cloud/instances/i-of-the-image/user-data.txt", 0o600, || gzip(user_data().as_bytes()), gunzip),
    ("/var/lib/cloud/instances/i-of-the-image/obj.pkl", 0o400, pickle, unpickled),
    ("/var/lib/cloud/scripts/per-boot/a",     0o700, script,           plain),
    ("/var/lib/cloud/scripts/per-instance/b", 0o700, script,           plain),
    ("/var/lib/cloud/scripts/per-once/c",     0o700, script,           plain),
    ("/run/cloud-init/combined-cloud-config.json", 0o600, || of_json(serde_json::json!({"write_files": [{"path": "/x", "content": user_data()}], "runcmd": [["sh", "-c", user_data()]]})), json),
    ("/run/cloud-init/tmp/mnt/openstack/latest/user_data", 0o600, || user_data().into_bytes(), plain),
    // Oracle's, LXD's, Vultr's; and what was not redacted before 23.2.
    ("/run/cloud-init/instance-data-sensitive.json", 0o600, || of_json(serde_json::json!({"ds": {"meta_data": {"metadata": {"user_data": STANDARD.encode(user_data())}}}})), json_base64),
    ("/run/cloud-init/instance-data.json", 0o644, || of_json(serde_json::json!({"ds": {"config": {"user.user-data": user_data(), "cloud-init.user-data": user_data()}, "user-data": user_data()}})), json),
    // Seeds.
    ("/var/lib/cloud/seed/nocloud/user-data",     0o644, || user_data().into_bytes(), plain),
    ("/var/lib/cloud/seed/nocloud-net/user-data", 0o644, || gzip(user_data().as_bytes()), gunzip),
    ("/var/lib/cloud/seed/config_drive/openstack/latest/user_data", 0o600, || user_data().into_bytes(), plain),
    ("/var/lib/cloud/seed/config_drive/openstack/content/0000", 0o600, || token().into_bytes(), plain),
    ("/config-drive/openstack/2018-08-27/user_data", 0o600, || user_data().into_bytes(), plain),
    ("/config-drive/ec2/latest/user-data",        0o600, || STANDARD.encode(user_data()).into_bytes(), base64),
    ("/config-drive/meta.js",                     0o600, || of_json(serde_json::json!({"user-data": user_data()})), json),
    ("/etc/cloud/cloud.cfg.d/91_kernel_cmdline_url.cfg", 0o600, || user_data().into_bytes(), plain),
    ("/etc/cloud/cloud.cfg.d/99_seed.cfg",        0o644, || format!("datasource:\n  NoCloud:\n    user-data: |\n      token: {}\n", token()).into_bytes(), plain),
    ("/var/lib/waagent/ovf-env.xml",              0o600, || format!("<Environment><CustomData>{}</CustomData><UserPassword>REDACTED</UserPassword></Environment>", STANDARD.encode(user_data())).into_bytes(), base64),
    // What is logged: a patch, the beginning of a part nobody knows, a command as it runs, and after a rotation.
    ("/var/log/cloud-init.log",                   0o640, || format!("2026-01-01 00:00:00,000 - cloud_config.py[DEBUG]: Merging by applying json patch [{{'op': 'add', 'value': 'a\\ntoken: {}\\n'}}]\n", token()).into_bytes(), plain),
    ("/var/log/cloud-init-output.log",            0o640, || format!("+ join {}\njoined\n", token()).into_bytes(), plain),
    ("/var/log/cloud-init.log.2.gz",              0o640, || gzip(format!("Unhandled non-multipart (text/x-not-multipart) userdata: 'b'{}'...'\n", token()).as_bytes()), gunzip),
    // Outside of cloud-init.
    ("/var/log/auth.log",                         0o640, || format!("sudo: ann : PWD=/home/ann ; USER=root ; COMMAND=/usr/bin/join {}\n", token()).into_bytes(), plain),
    ("/var/log/audit/audit.log",                  0o600, || format!("type=PROCTITLE msg=audit(1.0:1): proctitle={}\n", format!("join\0{}", token()).bytes().map(|byte| format!("{byte:02X}")).collect::<String>()).into_bytes(), hexadecimal),
    ("/root/.bash_history",                       0o600, || format!("ls\njoin {}\nexit\n", token()).into_bytes(), plain),
    // And what it was all for.
    ("/srv/k8s/token file",                       0o644, || token().into_bytes(), plain),
];

/// What is not a file that may be written: where, what stands there, and what is said to end it.
#[rustfmt::skip]
const NAMED: &[(&str, Content, &str)] = &[
    ("proc/cmdline",                  || format!("root=/dev/vda ds=nocloud;s=http://x/{}\n", token()).into_bytes(), "machine's definition"),
    ("proc/4711/cmdline",             || format!("join\0{}\0", token()).into_bytes(),                               "end the process"),
    ("sys/firmware/dmi/tables/DMI",   || format!("\x01\x1b\0\0ds=nocloud;t={}\0\0", token()).into_bytes(),          "machine's definition"),
];

/// cloud-init's own notes, in which no token stands.
const UNTOUCHED: &[&str] = &[
    "var/lib/cloud/instances/i-now/sem/config_runcmd",
    "var/lib/cloud/data/instance-id",
    "var/lib/cloud/data/result.json",
    "var/lib/cloud/instances/i-now/boot-finished",
];

fn place(row: &str) -> String {
    row.strip_prefix('/').map_or_else(|| format!("{IID}/{row}"), str::to_owned)
}

#[test]
fn of_every_copy_that_is_made_of_user_data_nothing_is_left() {
    let root = Root::new();
    for (path, mode, content, unwrap) in COPIES {
        let bytes = content();
        let text = unwrap(&bytes);
        assert!(memchr::memmem::find(&text, token().as_bytes()).is_some(), "{path} holds no token");
        let path = root.put(&place(path), &bytes);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(*mode)).unwrap();
    }
    for (path, content, _) in NAMED {
        root.put(path, &content());
    }
    for path in UNTOUCHED {
        root.put(path, format!("{path}: i-now\n").as_bytes());
    }
    root.put(&format!("{IID}/datasource"), b"DataSourceEc2: DataSourceEc2Local\n");
    symlink("instances/i-now", root.path("var/lib/cloud/instance")).unwrap();

    let wiped = root.wipe(&[]);
    assert_eq!(wiped.exit, 0, "{}", wiped.said);
    assert_eq!((wiped.paths("left").len(), wiped.paths("unsearched").len()), (0, 0), "{}", wiped.said);
    for (path, mode, content, unwrap) in COPIES {
        let (path, before) = (place(path), content());
        assert!(wiped.reports("erased", &root.shown(&path)), "{path} is not reported: {}", wiped.said);
        let after = root.read(&path);
        assert_eq!(after.len(), before.len(), "{path}");
        assert_eq!(std::fs::metadata(root.path(&path)).unwrap().mode() & 0o7777, *mode, "{path}");
        let (before, after) = (unwrap(&before), unwrap(&after));
        for needle in [ID, SECRET] {
            assert!(memchr::memmem::find(&after, needle.as_bytes()).is_none(), "{path}");
        }
        // Of what is packed nothing can be kept.
        if !after.is_empty() && after.iter().any(|byte| *byte != 0) {
            let expected = String::from_utf8_lossy(&before).replace(&token(), "erased.0000000000000000");
            let is_packed = before.len() != after.len();
            assert!(is_packed || String::from_utf8_lossy(&after) == expected, "{path}");
        }
    }
    for (path, content, end) in NAMED {
        assert_eq!(root.read(path), content(), "{path}");
        let rows = wiped.report["residue"].as_array().unwrap();
        let row = rows.iter().find(|row| row["path"] == root.shown(path).as_str());
        let row = row.unwrap_or_else(|| panic!("{path} is not named: {}", wiped.said));
        assert!(row["end"].as_str().unwrap().contains(end), "{path}: {row}");
    }
    for path in UNTOUCHED {
        assert_eq!(root.read(path), format!("{path}: i-now\n").as_bytes(), "{path}");
    }
    assert!(wiped.reports("residue", "the metadata service (Ec2)"), "{}", wiped.said);
    assert_eq!(wiped.paths("erased").len(), COPIES.len());
    assert_eq!(root.wipe(&[]).paths("erased").len(), 0);
}

/// The same by itself: what one copy tells is not what another was found by.
#[test]
fn every_copy_is_found_without_the_others() {
    for (path, _, content, unwrap) in COPIES.iter().filter(|row| row.0 != "/srv/k8s/token file") {
        let (root, path) = (Root::new(), place(path));
        root.put(&path, &content());
        let wiped = root.wipe(&[]);
        assert_eq!(wiped.paths("erased"), [root.shown(&path)], "{path}");
        let text = unwrap(&root.read(&path));
        assert!(memchr::memmem::find(&text, SECRET.as_bytes()).is_none(), "{path}");
    }
}
