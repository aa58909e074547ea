//! Which names Kubernetes takes.

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or \
    '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

/// Whether a text is a DNS name in lower case, at most 253 characters.
pub fn is_subdomain(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    !text.is_empty()
        && text.len() <= 253
        && text.split('.').all(|label| {
            let bytes = label.as_bytes();
            bytes.first().copied().is_some_and(word)
                && bytes.last().copied().is_some_and(word)
                && bytes.iter().all(|&byte| word(byte) || byte == b'-')
        })
}

/// What is wrong with an object's name, if anything. Certificate requests may be named by anything
/// that can stand in a path; all others by DNS names.
pub fn fault(name: &str, any: bool) -> Option<String> {
    if any {
        return match name {
            "." | ".." => Some(format!("may not be '{name}'")),
            _ if name.contains('/') => Some("may not contain '/'".to_owned()),
            _ if name.contains('%') => Some("may not contain '%'".to_owned()),
            _ => None,
        };
    }
    (!is_subdomain(name)).then(|| SUBDOMAIN.to_owned())
}
