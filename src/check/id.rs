//! The names of the checks. They are part of the contract: `--skip-check` takes them, and people write
//! them into scripts.

use std::fmt;

macro_rules! checks {
    ($($(#[$doc:meta])+ $name:ident = $text:literal;)+) => {
        /// A check.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum CheckId {
            $($(#[$doc])+ $name,)+
        }

        impl CheckId {
            /// All checks, in the order in which they are told.
            pub const ALL: &'static [CheckId] = &[$(CheckId::$name),+];

            /// The name.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(CheckId::$name => $text,)+
                }
            }
        }
    };
}

checks! {
    /// The rights of root.
    Root = "root";
    /// systemd runs the machine.
    Systemd = "systemd";
    /// The machine's name can be a node's.
    NodeName = "node-name";
    /// The machine has an id of its own.
    MachineId = "machine-id";
    /// The directories that are written to can be.
    Paths = "paths";
    /// There is room on the disk.
    Space = "space";
    /// A kubelet is there, runs here, and may run in this cluster.
    Kubelet = "kubelet";
    /// A container runtime answers and is ready.
    Runtime = "runtime";
    /// What the document requires is installed.
    Packages = "packages";
    /// Nobody listens on the kubelet's port.
    Port = "port";
    /// The kernel has the cgroup controllers that the kubelet needs.
    Cgroups = "cgroups";
    /// Swap is off.
    Swap = "swap";
    /// The kernel forwards packets.
    Sysctls = "sysctls";
    /// The clock is synchronized.
    Time = "time";
    /// An API server accepts connections.
    Server = "server";
}

impl CheckId {
    /// The check of this name.
    pub fn parse(name: &str) -> Option<Self> {
        CheckId::ALL.iter().copied().find(|id| id.as_str() == name)
    }
}

impl fmt::Display for CheckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
