//! `artifacts` of the API: which platform a bootstrap can be used on, and by what.

use super::artifacts::{Architecture, Archives};
use serde::{Serialize, Serializer};
use std::fmt;

/// The platforms that there is an archive for, and the script that installs it on either.
#[derive(Debug, Clone, Default)]
pub struct Platforms {
    script: String,
    amd64: bool,
    arm64: bool,
}

impl Platforms {
    /// Those of `archives`; `script` is the URL of the script.
    pub fn new(archives: &Archives, script: String) -> Self {
        Platforms {
            script,
            amd64: archives.sum(Architecture::Amd64).is_some(),
            arm64: archives.sum(Architecture::Arm64).is_some(),
        }
    }

    /// The field of the API. The texts pick the architecture on the machine: they are the same for both.
    pub fn with<'a>(&'a self, command: &'a str, cloud_init: &'a str) -> Artifacts<'a> {
        let linux = |is_there: bool| {
            if !is_there {
                return Artifact::Unsupported { supported: Is };
            }
            Artifact::Supported {
                supported: Is,
                command,
                shell: "bash",
                download_url: &self.script,
                cloud_init,
            }
        };
        let windows = Pair {
            amd64: Artifact::Unsupported { supported: Is },
            arm64: Artifact::Unsupported { supported: Is },
        };
        Artifacts { linux: Pair { amd64: linux(self.amd64), arm64: linux(self.arm64) }, windows }
    }
}

/// What there is for which platform. Holds the token, and shows nothing of it but to a serializer.
#[derive(Serialize)]
pub struct Artifacts<'a> {
    linux: Pair<'a>,
    windows: Pair<'a>,
}

impl fmt::Debug for Artifacts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Artifacts")
    }
}

#[derive(Serialize)]
struct Pair<'a> {
    amd64: Artifact<'a>,
    arm64: Artifact<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Artifact<'a> {
    Supported {
        supported: Is<true>,
        command: &'a str,
        shell: &'static str,
        download_url: &'a str,
        cloud_init: &'a str,
    },
    Unsupported {
        supported: Is<false>,
    },
}

/// A field with one value.
struct Is<const VALUE: bool>;

impl<const VALUE: bool> Serialize for Is<VALUE> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(VALUE)
    }
}
