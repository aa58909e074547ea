//! `explain`: the reason table, for people.

use super::out;
use crate::failure::{Failure, one_line};
use crate::reason::Reason;

pub(super) fn explain(code: Option<&str>) -> Result<(), Failure> {
    let Some(code) = code else {
        for reason in Reason::ALL {
            let entry = reason.entry();
            out::line(&format!("{:<26} {:>2}  {}", entry.code, entry.exit.number(), entry.meaning));
        }
        return Ok(());
    };
    let Some(reason) = Reason::from_code(code) else {
        return Err(Failure::new(
            Reason::Usage,
            format!("there is no reason code \"{}\"; worker-bootstrap explain lists them", one_line(code)),
        ));
    };
    out::line(&text(reason));
    Ok(())
}

/// The table's row as a few lines of text.
pub fn text(reason: Reason) -> String {
    let entry = reason.entry();
    let restart = if entry.exit.restart_is_useless() { "no" } else { "yes" };
    let mut text = format!("{}: {}\n\nUsual causes:\n", entry.code, entry.meaning);
    for cause in entry.causes {
        text.push_str(&format!("  - {cause}\n"));
    }
    text.push_str(&format!(
        "\nWhat to do: {}\nExit code: {} ({})\nIs it tried again by itself: {restart}",
        entry.next,
        entry.exit.number(),
        entry.exit.meaning()
    ));
    text
}
