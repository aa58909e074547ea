//! The names of things on the wire: a prefix that says what is named, and a random part. Public: they
//! are logged, stored and shown. Read from requests, they are bounded and plain before anything uses them.

use crate::random;
use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $prefix:literal, $longest:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// The longest that the contract allows.
            pub const LONGEST: usize = $longest;

            /// The name in `text`, or nothing where it does not have the form of one.
            pub fn parse(text: &str) -> Option<Self> {
                let rest = text.strip_prefix($prefix)?;
                let plain = !rest.is_empty()
                    && text.len() <= Self::LONGEST
                    && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
                plain.then(|| $type(text.to_owned()))
            }

            /// A name nobody has had before.
            pub fn random() -> Self {
                $type(format!("{}{}", $prefix, random::hex16()))
            }

            /// The whole name.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> String {
                name.0
            }
        }

        impl TryFrom<String> for $type {
            type Error = String;
            fn try_from(text: String) -> Result<Self, String> {
                Self::parse(&text).ok_or_else(|| {
                    format!("expected {}..., at most {} letters, digits, _ and -", $prefix, Self::LONGEST)
                })
            }
        }
    };
}

name!(
    /// A worker bootstrap.
    BootstrapId, "wbs_", 54
);
name!(
    /// A cluster.
    ClusterId, "clu_", 54
);
name!(
    /// A workspace: whose clusters and tokens they are.
    WorkspaceId, "ws_", 53
);
name!(
    /// An operation under way or done.
    OperationId, "op_", 53
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form() {
        let longest = format!("wbs_{}", "a".repeat(50));
        let longer = format!("wbs_{}", "a".repeat(51));
        for (text, good) in [
            ("wbs_01", true),
            (longest.as_str(), true),
            (longer.as_str(), false),
            ("wbs_", false),
            ("wbs_a/b", false),
            ("wbs_a%2f", false),
            ("clu_01", false),
            ("", false),
        ] {
            assert_eq!(BootstrapId::parse(text).is_some(), good, "{text}");
        }
        assert!(BootstrapId::parse(BootstrapId::random().as_str()).is_some());
    }
}
