//! Versions of programs and packages, and ranges of them.

use super::text::from_text;
use std::cmp::Ordering;
use std::fmt;

/// The leading numbers of a version: `v1.28.3+k0s.0`, `1.6.20~ds1-1+b1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    numbers: Vec<u64>,
    text: String,
}

impl Version {
    /// The version in `text`, with or without a `v` before it; nothing where there is no number.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let bare = text.strip_prefix('v').unwrap_or(text);
        let end = bare.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(bare.len());
        let numbers: Vec<u64> = bare[..end]
            .trim_end_matches('.')
            .split('.')
            .map(|part| part.parse().ok())
            .collect::<Option<Vec<_>>>()?;
        Some(Version { numbers, text: text.to_owned() })
    }

    /// Major and minor version.
    pub fn minor(&self) -> (u64, u64) {
        (self.number(0), self.number(1))
    }

    fn number(&self, index: usize) -> u64 {
        self.numbers.get(index).copied().unwrap_or(0)
    }

    /// By numbers; those that are missing count as 0.
    fn compare(&self, other: &Version) -> Ordering {
        let length = self.numbers.len().max(other.numbers.len());
        (0..length)
            .map(|index| self.number(index).cmp(&other.number(index)))
            .find(|it| it.is_ne())
            .unwrap_or(Ordering::Equal)
    }

    /// Whether this one begins with all numbers of `other`.
    fn begins_with(&self, other: &Version) -> bool {
        other.numbers.iter().enumerate().all(|(index, number)| self.number(index) == *number)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Conditions on a version that must all hold: `>=1.28`, `>=1.6, <2`, `1.28` (any 1.28.x).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRange {
    conditions: Vec<(Operator, Version)>,
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    AtLeast,
    Above,
    AtMost,
    Below,
    Begins,
}

impl VersionRange {
    /// The range in `text`.
    ///
    /// # Errors
    /// What was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let conditions = text.split(',').map(condition).collect::<Option<Vec<_>>>();
        let conditions = conditions.filter(|_| text.len() <= 100);
        let conditions =
            conditions.ok_or("expected a range of versions, as in >=1.28 or >=1.6,<2 or 1.28")?;
        Ok(VersionRange { conditions, text: text.trim().to_owned() })
    }

    /// Whether `version` is in the range.
    pub fn holds(&self, version: &Version) -> bool {
        self.conditions.iter().all(|(operator, limit)| match operator {
            Operator::AtLeast => version.compare(limit).is_ge(),
            Operator::Above => version.compare(limit).is_gt(),
            Operator::AtMost => version.compare(limit).is_le() || version.begins_with(limit),
            Operator::Below => version.compare(limit).is_lt(),
            Operator::Begins => version.begins_with(limit),
        })
    }
}

fn condition(text: &str) -> Option<(Operator, Version)> {
    let text = text.trim();
    let operators = [
        (">=", Operator::AtLeast),
        (">", Operator::Above),
        ("<=", Operator::AtMost),
        ("<", Operator::Below),
        ("=", Operator::Begins),
    ];
    let (operator, rest) = operators
        .into_iter()
        .find_map(|(sign, operator)| text.strip_prefix(sign).map(|rest| (operator, rest)))
        .unwrap_or((Operator::Begins, text));
    let rest = rest.trim();
    let plain = rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b'v');
    Version::parse(rest).filter(|_| plain).map(|version| (operator, version))
}

impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

from_text!(VersionRange, {"type": "string", "examples": [">=1.28", ">=1.6,<2"]});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        for (range, version, holds) in [
            (">=1.28", "v1.28.0", true),
            (">=1.28", "v1.27.9", false),
            (">=1.28", "1.36.2+k0s.0", true),
            (">=1.6", "1.6.20~ds1-1+b1", true),
            (">=1.6, <2", "2.0.1", false),
            (">1.6", "1.6.20", true),
            (">1.6.20", "1.6.20", false),
            ("<=1.6", "1.6.20", true),
            ("<=1.6", "1.7", false),
            ("1.28", "1.28.7", true),
            ("=1.28.7", "1.28.8", false),
            ("1.2", "1.28", false),
        ] {
            let version = Version::parse(version).unwrap();
            assert_eq!(VersionRange::parse(range).unwrap().holds(&version), holds, "{range} {version}");
        }
        for text in ["", ">=", ">=x", ">=1.x", "~1.2", ">=1.28;rm", "1,,2", ">=1..2"] {
            assert!(VersionRange::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_version() {
        for text in ["", "v", "unknown", ".1"] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }
}
