//! The user-data of this instance, as cloud-init has stored it (`cloudinit/helpers.py`, `Paths.lookups`): by
//! then it has come from whichever cloud this is, and what it includes has been fetched.
//!
//! Only this instance's. A disk that was copied brings the user-data of another machine with it, and until
//! cloud-init has run in this boot that is what lies there: so what it says of itself in this boot
//! decides, and where it has not run, nothing is believed. Most user-data holds no bootstrap, which
//! is no fault; what cannot be read is said, and stops nothing.

use super::file::{self, is_blank};
use super::visit::{Look, Looked, nothing};
use super::{Found, Place, Residue, Verdict};
use crate::document;
use crate::host::files;
use crate::host::root::Root;
use crate::host::secret_file::{self, Opened};
use std::path::{Path, PathBuf};

const CLOUD: &str = "/var/lib/cloud";
const LINK: &str = "/var/lib/cloud/instance";
const RUN: &str = "/run/cloud-init";
/// What cloud-init stores of an instance, as it came first: as it came, its parts taken apart, merged.
const STORED: [&str; 3] = ["user-data.txt", "user-data.txt.i", "cloud-config.txt"];
/// Where user-data lies before cloud-init has stored it: of NoCloud, and of a ConfigDrive (`sources/`,
/// `DataSourceConfigDrive.py`), which has it in several versions; cloud-init takes the newest that it knows.
const NOCLOUD: [&str; 2] =
    ["/var/lib/cloud/seed/nocloud/user-data", "/var/lib/cloud/seed/nocloud-net/user-data"];
const CONFIG_DRIVES: [&str; 2] = ["/var/lib/cloud/seed/config_drive", "/config-drive"];
const VERSIONS: [&str; 9] = [
    "2018-08-27",
    "2017-02-22",
    "2016-10-06",
    "2016-06-30",
    "2015-10-15",
    "2013-10-17",
    "2013-04-04",
    "2012-08-10",
    "latest",
];
/// The same once more, for those who know Amazon's form alone.
const EC2: &str = "ec2/latest/user-data";
const ID_LIMIT: u64 = 4096;

/// Whether a file is cloud-init's to write and to read.
pub(super) fn is_its_own(path: &Path, root: &Root) -> bool {
    path.starts_with(root.at(CLOUD)) || seeds().any(|seed| path == root.at(&seed))
}

/// In the order in which they are looked into.
fn seeds() -> impl Iterator<Item = String> {
    let in_drive = |drive: &'static str| {
        let openstack = VERSIONS.iter().map(move |version| format!("{drive}/openstack/{version}/user_data"));
        openstack.chain([format!("{drive}/{EC2}")])
    };
    NOCLOUD.into_iter().map(str::to_owned).chain(CONFIG_DRIVES.into_iter().flat_map(in_drive))
}

pub(super) fn look(root: &Root) -> Vec<Looked> {
    let place = "cloud-init's user-data".to_owned();
    let link = root.at(LINK);
    let Ok(target) = files::link_target(&link) else {
        let seeds: Vec<PathBuf> =
            seeds().map(|seed| root.at(&seed)).filter(|seed| files::exists(seed)).collect();
        if seeds.is_empty() {
            return vec![nothing(place, Verdict::Absent)];
        }
        return until_found(&seeds, root);
    };
    let passed_over = |why: String| vec![nothing(place.clone(), Verdict::PassedOver(why))];
    // The link is followed by its last part only: it cannot lead out of the directory of instances.
    let Some(stored) = target.file_name().and_then(|name| name.to_str()) else {
        return passed_over(format!("{} names no instance", link.display()));
    };
    match current(root) {
        Some(now) if now == stored => {}
        Some(now) => {
            return passed_over(format!("it is of the instance {stored}, and this is {now}"));
        }
        None => {
            return passed_over("cloud-init has not said in this boot which instance this is".to_owned());
        }
    }
    let directory = root.at(&format!("{CLOUD}/instances/{stored}"));
    let stored: Vec<PathBuf> = STORED.iter().map(|name| directory.join(name)).collect();
    until_found(&stored, root)
}

/// The instance of this boot, by the name of its directory. A system whose cloud-init never runs has no
/// directory for it in /run, and only the last boot's word.
fn current(root: &Root) -> Option<String> {
    let running = root.at(RUN);
    let path = if files::exists(&running) {
        running.join(".instance-id")
    } else {
        root.at("/var/lib/cloud/data/instance-id")
    };
    let id = files::read_text(&path, ID_LIMIT).ok()?;
    let id = id.trim().replace('/', "_");
    (!id.is_empty()).then_some(id)
}

/// Looks into one after the other until one holds a bootstrap: they are one user-data in several states, so
/// that all of them hold it then.
fn until_found(paths: &[PathBuf], root: &Root) -> Vec<Looked> {
    let mut looks = Vec::new();
    for path in paths {
        let looked = look_into(path, paths, root);
        let found = !matches!(looked.1, Look::Nothing(_));
        looks.push(looked);
        if found {
            break;
        }
    }
    looks
}

fn look_into(path: &Path, all: &[PathBuf], root: &Root) -> Looked {
    let name = path.display().to_string();
    let raw = match secret_file::open(path, root) {
        Ok(None) => return nothing(name, Verdict::Absent),
        Ok(Some(Opened { bytes, .. })) if is_blank(&bytes) => return nothing(name, Verdict::Empty),
        Ok(Some(Opened { bytes, .. })) => bytes,
        Err(refused) => return nothing(name, Verdict::PassedOver(refused.to_string())),
    };
    match document::is_carried_by(&raw) {
        Ok(true) => {}
        Ok(false) => return nothing(name, Verdict::PassedOver("it holds no bootstrap".to_owned())),
        Err(fault) => {
            return nothing(
                name,
                Verdict::PassedOver(format!("no bootstrap in what can be read of it: {fault}")),
            );
        }
    }
    let places = all.iter().filter(|path| files::exists(path)).cloned().map(Place::Shared).collect();
    file::with_token_file(
        Found { raw, is_token: false, token_file: None, name, residue: Residue::of(places) },
        root,
    )
}
