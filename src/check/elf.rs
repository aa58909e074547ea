//! For which processor a program was built, by the first bytes of its ELF header (elf(5)).

/// How many bytes of the file are needed.
pub(super) const HEAD: u64 = 20;

/// The architecture as Rust names it; `None` for a file that is no ELF, or for a machine that is not
/// known here.
pub(super) fn architecture(head: &[u8]) -> Option<&'static str> {
    let head: &[u8; HEAD as usize] = head.first_chunk()?;
    let machine = match head {
        [0x7f, b'E', b'L', b'F', _, 1, ..] => u16::from_le_bytes([head[18], head[19]]),
        [0x7f, b'E', b'L', b'F', _, 2, ..] => u16::from_be_bytes([head[18], head[19]]),
        _ => return None,
    };
    // The numbers are e_machine's.
    match machine {
        3 => Some("x86"),
        40 => Some("arm"),
        62 => Some("x86_64"),
        183 => Some("aarch64"),
        243 => Some("riscv64"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads() {
        let head = |magic: &[u8], order: u8, machine: [u8; 2]| {
            let mut head = vec![0; HEAD as usize];
            head[..magic.len()].copy_from_slice(magic);
            head[5] = order;
            head[18..].copy_from_slice(&machine);
            head
        };
        for (head, expected) in [
            (head(b"\x7fELF", 1, [62, 0]), Some("x86_64")),
            (head(b"\x7fELF", 1, [183, 0]), Some("aarch64")),
            (head(b"\x7fELF", 2, [0, 40]), Some("arm")),
            (head(b"\x7fELF", 1, [0, 62]), None),
            (head(b"\x7fELF", 0, [62, 0]), None),
            (head(b"\x7fELG", 1, [62, 0]), None),
            (b"#!/bin/sh\nexit 0\nexit 0\n".to_vec(), None),
            (b"\x7fELF".to_vec(), None),
            (Vec::new(), None),
        ] {
            assert_eq!(architecture(&head), expected, "{head:?}");
        }
    }
}
