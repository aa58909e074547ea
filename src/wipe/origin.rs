//! Where cloud-init has its user-data from: what was erased here is still there, and some clouds have
//! cloud-init write it again at every boot.

use super::custody::{Custody, Still, shown};
use super::places::INSTANCE;
use crate::host::files;
use crate::host::root::Root;
use crate::token::ERASED;

const LIMIT: u64 = 4 * 1024 * 1024;
const END: &str = "only revoking the token, or its expiry, ends it; take it out of the user-data as well";
const MEDIUM: &str = "the medium that the user-data was read from is not written to";
const DETACH: &str = "detach it from the machine, which reads it at every boot; until then only revoking the token, or its expiry, ends it";
/// What cloud-init stores of an instance's user-data.
const STORED: [&str; 3] = ["user-data.txt", "user-data.txt.i", "cloud-config.txt"];

/// Names the origin, where the user-data of this instance holds the token or has held it.
pub(super) fn name(root: &Root, custody: &mut Custody) {
    let Ok(link) = files::link_target(&root.at(INSTANCE)) else { return };
    let Some(instance) = link.file_name().map(|name| root.at("/var/lib/cloud/instances").join(name)) else {
        return;
    };
    let met = STORED.iter().map(|name| instance.join(name)).any(|path| {
        let listed = shown(&path);
        custody.erased.iter().any(|it| it.path == listed)
            || custody.pending.iter().any(|it| it.path == listed)
            || files::read(&path, LIMIT)
                .is_ok_and(|text| memchr::memmem::find(&text, ERASED.as_bytes()).is_some())
    });
    if met {
        let source = files::read_text(&instance.join("datasource"), LIMIT).unwrap_or_default();
        custody.residue.extend(origins(source.trim()));
    }
}

/// From the line that cloud-init keeps: its class, and for some what it was read from (`cloudinit/sources/`,
/// `__str__` of each). NoCloud puts several together, a seed on the command line and the medium it names.
fn origins(source: &str) -> Vec<Still> {
    let class = source.split([':', ' ']).next().and_then(|class| class.strip_prefix("DataSource"));
    let Some(class) = class.filter(|class| *class != "None") else { return Vec::new() };
    let still = |path: &str, why: &str, end: &str| Still {
        path: crate::failure::one_line(path),
        why: why.to_owned(),
        end: end.to_owned(),
    };
    let service = || {
        let why = "it hands the user-data to whoever asks on this machine's network, pods among them";
        still(&format!("the metadata service ({class})"), why, END)
    };
    let read_from = ["[seed=", "[source="].iter().find_map(|key| source.split_once(key));
    let read_from = read_from.map(|(_, rest)| rest.split(']').next().unwrap_or(rest));
    let seeds: Vec<&str> =
        read_from.filter(|from| *from != "None").iter().flat_map(|s| s.split(',')).collect();
    let local = class.starts_with("NoCloud") || class.starts_with("ConfigDrive");
    let mut origins: Vec<Still> = Vec::new();
    for seed in &seeds {
        if seed.starts_with("/dev/") {
            origins.push(still(seed, MEDIUM, DETACH));
        } else if local && (seed.starts_with("http") || seed.starts_with("ftp")) {
            origins.push(service());
        }
        // Of a directory, the configuration and the command line the table tells.
    }
    if class.starts_with("ConfigDrive") && seeds.is_empty() {
        origins.push(still("/dev/disk/by-label/config-2", MEDIUM, DETACH));
    }
    if !local || (class.starts_with("NoCloud") && seeds.is_empty()) {
        origins.push(service());
    }
    origins.dedup();
    origins
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_of_every_kind() {
        let service = |class: &str| format!("the metadata service ({class})");
        #[rustfmt::skip]
        let rows: [(&str, Vec<String>); 14] = [
            ("DataSourceEc2Local: DataSourceEc2Local", vec![service("Ec2Local")]),
            ("DataSourceHetzner: DataSourceHetzner", vec![service("Hetzner")]),
            ("DataSourceNoCloud: DataSourceNoCloud [seed=/dev/sr0][dsmode=net]", vec!["/dev/sr0".into()]),
            ("DataSourceNoCloud: DataSourceNoCloud [seed=cmdline,/dev/vdb][dsmode=net]", vec!["/dev/vdb".into()]),
            ("DataSourceNoCloud: DataSourceNoCloud [seed=/var/lib/cloud/seed/nocloud][dsmode=net]", vec![]),
            ("DataSourceNoCloud: DataSourceNoCloud [seed=ds_config][dsmode=net]", vec![]),
            ("DataSourceNoCloudNet: DataSourceNoCloudNet [seed=http://198.18.0.1/][dsmode=net]", vec![service("NoCloudNet")]),
            ("DataSourceNoCloudNet: DataSourceNoCloudNet [seed=dmi,https://x/][dsmode=net]", vec![service("NoCloudNet")]),
            ("DataSourceConfigDrive: DataSourceConfigDrive [net,ver=2][source=/dev/sr0]", vec!["/dev/sr0".into()]),
            ("DataSourceConfigDrive: DataSourceConfigDrive [net,ver=2][source=/config-drive]", vec![]),
            ("DataSourceConfigDrive: DataSourceConfigDrive [net,ver=None][source=None]", vec!["/dev/disk/by-label/config-2".into()]),
            ("DataSourceAzure: DataSourceAzure [seed=/dev/sr0]", vec!["/dev/sr0".into(), service("Azure")]),
            ("DataSourceNone: DataSourceNone", vec![]),
            ("", vec![]),
        ];
        for (source, expected) in rows {
            let paths: Vec<String> = origins(source).into_iter().map(|still| still.path).collect();
            assert_eq!(paths, expected, "{source}");
        }
    }
}
