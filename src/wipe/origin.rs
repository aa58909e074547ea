//! Where cloud-init has its user-data from: what was erased here is still there, and some clouds have
//! cloud-init write it again at every boot.

use super::custody::{Custody, Still, shown};
use super::places::INSTANCE;
use crate::host::files;
use crate::host::root::Root;
use crate::token::ERASED;
use std::path::PathBuf;

const LIMIT: u64 = 4 * 1024 * 1024;
const END: &str = "only revoking the token, or its expiry, ends it; take it out of the user-data as well";

/// Names the origin, where the user-data of this instance holds the token or has held it.
pub(super) fn name(root: &Root, custody: &mut Custody) {
    let Ok(link) = files::link_target(&root.at(INSTANCE)) else { return };
    let Some(instance) = link.file_name().map(|name| root.at("/var/lib/cloud/instances").join(name)) else {
        return;
    };
    let user_data = instance.join("user-data.txt");
    let listed = shown(&user_data);
    let met = custody.erased.iter().any(|it| it.path == listed)
        || custody.pending.iter().any(|it| it.path == listed)
        || files::read(&user_data, LIMIT)
            .is_ok_and(|text| memchr::memmem::find(&text, ERASED.as_bytes()).is_some());
    let source = files::read_text(&instance.join("datasource"), LIMIT).unwrap_or_default();
    if let (true, Some(still)) = (met, origin(source.trim())) {
        custody.residue.push(still);
    }
}

/// From the line that cloud-init keeps: its class, and for some what it was read from.
fn origin(source: &str) -> Option<Still> {
    let class = source.split([':', ' ']).next()?.strip_prefix("DataSource")?;
    let seed = source.split_once("seed=").map(|(_, rest)| rest.split([']', ',']).next().unwrap_or(rest));
    let still = |path: String, why: &str| Some(Still { path, why: why.to_owned(), end: END.to_owned() });
    match (class, seed) {
        // A directory: the table has it.
        ("None", _) => None,
        ("NoCloud" | "NoCloudNet" | "ConfigDrive", Some(seed)) if seed.starts_with("/dev/") => still(
            crate::failure::one_line(seed),
            "the medium that the user-data was read from is not written to",
        ),
        ("NoCloud" | "NoCloudNet" | "ConfigDrive", Some(seed)) if !seed.starts_with("http") => None,
        ("ConfigDrive", None) => still(
            PathBuf::from("/dev/disk/by-label/config-2").display().to_string(),
            "the medium that the user-data was read from is not written to",
        ),
        _ => still(
            format!("the metadata service ({})", crate::failure::one_line(class)),
            "it hands the user-data to whoever asks on this machine's network, pods among them",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins() {
        for (source, expected) in [
            ("DataSourceEc2Local: DataSourceEc2Local", Some("the metadata service (Ec2Local)")),
            ("DataSourceHetzner: DataSourceHetzner", Some("the metadata service (Hetzner)")),
            ("DataSourceNoCloud: DataSourceNoCloud [seed=/dev/sr0][dsmode=net]", Some("/dev/sr0")),
            ("DataSourceNoCloud: DataSourceNoCloud [seed=/var/lib/cloud/seed/nocloud][dsmode=net]", None),
            (
                "DataSourceNoCloudNet: DataSourceNoCloudNet [seed=http://198.18.0.1/][dsmode=net]",
                Some("the metadata service (NoCloudNet)"),
            ),
            (
                "DataSourceConfigDrive: DataSourceConfigDrive [net,ver=2][source=/dev/sr0]",
                Some("/dev/disk/by-label/config-2"),
            ),
            ("DataSourceNone: DataSourceNone", None),
            ("", None),
        ] {
            assert_eq!(origin(source).map(|still| still.path).as_deref(), expected, "{source}");
        }
    }
}
