//! In which forms a secret may lie somewhere.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// The secret as it stands, and in base64 at each of the three places it can begin at.
pub fn forms(secret: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![secret.as_bytes().to_vec()];
    for shift in 0..3 {
        let text = STANDARD_NO_PAD.encode([&vec![b'x'; shift][..], secret.as_bytes()].concat());
        // Without the letters that depend on what stands before and behind.
        forms.push(text.as_bytes()[shift * 4 / 3 + usize::from(shift > 0)..text.len() - 2].to_vec());
    }
    forms
}

pub fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn the_needles_are_found_where_they_are() {
    let secret = "0123456789abcdef";
    for before in ["", "a", "ab", "abc"] {
        let text = STANDARD_NO_PAD.encode(format!("{before}{secret}, and more"));
        assert!(forms(secret).iter().any(|form| holds(text.as_bytes(), form)), "{before}");
    }
}
