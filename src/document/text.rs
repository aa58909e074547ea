//! How a value type of the document is read from text and written as text: one parser, one sentence on what
//! is expected, one pattern for the schema.

/// Gives `$type` its `Deserialize` and `JsonSchema` by `$type::parse(&str) -> Result<$type, String>`,
/// whose error begins with "expected" and quotes nothing of the text; and its `Serialize` by `Display`,
/// which gives what `parse` reads as the same value.
macro_rules! from_text {
    ($type:ident, $schema:tt) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl serde::de::Visitor<'_> for Text {
                    type Value = $type;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("text")
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$type, E> {
                        $type::parse(text).map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Text)
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($schema)
            }
        }
    };
}

pub(super) use from_text;

/// What need not be written: a reader takes it for the same.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A DNS-1123 subdomain: what names of nodes and prefixes of labels are.
pub(super) fn is_dns_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_dns_label)
}

fn is_dns_label(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    (1..=63).contains(&bytes.len())
        && bytes.iter().all(|byte| plain(*byte) || *byte == b'-')
        && plain(bytes[0])
        && plain(bytes[bytes.len() - 1])
}

/// A word that can be passed on in a flag or a systemd environment file as it is.
pub(super) fn is_plain_word(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_graphic() && !"\"'\\$`#".contains(c))
}
