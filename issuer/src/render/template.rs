//! Templates: files that read as what they produce, with `@NAME@` where a value goes.
//!
//! There are two kinds of values, and how one is quoted is its kind, not the template's business. A
//! [`Value::Word`] stands within a line and becomes one word of the shell, whatever is in it. A
//! [`Value::Lines`] has a line of its own, whose indent goes before each of its lines. What was put in is
//! never looked at again.

/// What goes in.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    /// Text that becomes one quoted word of a shell.
    Word(&'a str),
    /// Whole lines, as they are.
    Lines(&'a str),
}

/// The template with its values in place. A name that has no value, or one of the other kind, stays.
pub fn fill(template: &str, values: &[(&str, Value<'_>)]) -> String {
    let mut filled = String::with_capacity(2 * template.len());
    for line in template.lines() {
        let bare = line.trim_start();
        let indent = &line[..line.len() - bare.len()];
        match name(bare).and_then(|(name, rest)| rest.is_empty().then(|| lines(values, name)).flatten()) {
            Some(lines) => lines.lines().for_each(|line| {
                filled.push_str(if line.is_empty() { "" } else { indent });
                filled.push_str(line);
                filled.push('\n');
            }),
            None => {
                put_words(&mut filled, line, values);
                filled.push('\n');
            }
        }
    }
    filled
}

fn put_words(filled: &mut String, line: &str, values: &[(&str, Value<'_>)]) {
    let mut rest = line;
    while let Some(at) = rest.find('@') {
        filled.push_str(&rest[..at]);
        rest = &rest[at..];
        match name(rest).and_then(|(name, after)| Some((word(values, name)?, after))) {
            Some((word, after)) => {
                push_quoted(filled, word);
                rest = after;
            }
            None => {
                filled.push('@');
                rest = &rest[1..];
            }
        }
    }
    filled.push_str(rest);
}

/// The name at the beginning of the text, and what follows it.
fn name(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.strip_prefix('@')?.split_once('@')?;
    let is_name =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    is_name.then_some((name, rest))
}

fn word<'a>(values: &[(&str, Value<'a>)], name: &str) -> Option<&'a str> {
    values.iter().find_map(|(other, value)| match value {
        Value::Word(text) if *other == name => Some(*text),
        _ => None,
    })
}

fn lines<'a>(values: &[(&str, Value<'a>)], name: &str) -> Option<&'a str> {
    values.iter().find_map(|(other, value)| match value {
        Value::Lines(text) if *other == name => Some(*text),
        _ => None,
    })
}

/// Within single quotes a shell reads everything as it is, but the single quote itself.
fn push_quoted(filled: &mut String, text: &str) {
    filled.push('\'');
    filled.push_str(&text.replace('\'', r"'\''"));
    filled.push('\'');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_place() {
        let values = [("A", Value::Word("it's @B@")), ("B", Value::Lines("one\n\n@A@\n"))];
        for (template, filled) in [
            ("x=@A@ y=@A@\n", "x='it'\\''s @B@' y='it'\\''s @B@'\n"),
            ("  @B@\nend\n", "  one\n\n  @A@\nend\n"),
            ("x=@B@\n@A@\n", "x=@B@\n'it'\\''s @B@'\n"),
            ("a@b @ @@ @C@ @A\n", "a@b @ @@ @C@ @A\n"),
        ] {
            assert_eq!(fill(template, &values), filled);
        }
    }
}
