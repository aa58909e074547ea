//! Random names and numbers, all from the operating system's generator.

/// The letters Kubernetes uses for generated names: no vowels, nothing that reads like another.
const NAME_LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// Fills `bytes` from the operating system. Without a source of randomness nothing here is worth
/// running, so a failure ends the process.
pub fn fill(bytes: &mut [u8]) {
    #[expect(clippy::expect_used, reason = "no randomness, no keys: there is nothing to go on with")]
    getrandom::fill(bytes).expect("the operating system gives random bytes");
}

fn letters(count: usize, alphabet: &[u8]) -> String {
    let mut text = String::with_capacity(count);
    let limit = 256 - 256 % alphabet.len();
    while text.len() < count {
        let mut byte = [0u8; 1];
        fill(&mut byte);
        let value = usize::from(byte[0]);
        if value < limit {
            text.push(char::from(alphabet[value % alphabet.len()]));
        }
    }
    text
}

/// A version 4 UUID.
pub fn uuid() -> String {
    let mut bytes = [0u8; 16];
    fill(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

/// The five letters that follow a `generateName`.
pub fn name_suffix() -> String {
    letters(5, NAME_LETTERS)
}

/// Sixteen random bytes in hexadecimal.
pub fn hex16() -> String {
    let mut bytes = [0u8; 16];
    fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
