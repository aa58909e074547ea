//! One of several: what cannot be meant is passed over, the same twice is one, two different are a refusal.

use super::{Found, Verdict, Visit};
use crate::document::Given;
use crate::failure::Failure;
use crate::reason::Reason;

/// Drops the candidates that cannot be meant, unless that would leave none to name. Each comes with the
/// number of its visit.
pub(super) fn pass_over(
    candidates: Vec<(usize, Found)>,
    visits: &mut [Visit],
    spent: &dyn Fn(&Found) -> Option<String>,
) -> Vec<Found> {
    let all = |candidates: Vec<(usize, Found)>| candidates.into_iter().map(|(_, found)| found).collect();
    if candidates.len() < 2 {
        return all(candidates);
    }
    let verdicts: Vec<Option<String>> = candidates.iter().map(|(_, found)| spent(found)).collect();
    if verdicts.iter().all(Option::is_some) {
        return all(candidates);
    }
    let mut kept = Vec::new();
    for ((index, found), why) in candidates.into_iter().zip(verdicts) {
        match why {
            Some(why) => visits[index].verdict = Verdict::PassedOver(why),
            None => kept.push(found),
        }
    }
    kept
}

/// The same bootstrap twice is one with two residues; two different ones are a refusal.
pub(super) fn one_of(candidates: Vec<Found>, given: &Given, visits: &[Visit]) -> Result<Found, Failure> {
    let mut candidates = candidates.into_iter();
    let Some(mut first) = candidates.next() else {
        let looked: Vec<String> = visits.iter().map(Visit::to_string).collect();
        return Err(Failure::new(Reason::NotFound, format!("looked in {}", looked.join("; "))));
    };
    for other in candidates {
        if !same(&first, &other, given) {
            return Err(Failure::new(
                Reason::TwoFound,
                format!("{} and {} hold different bootstraps", first.name, other.name),
            ));
        }
        first.residue.add(other.residue);
    }
    Ok(first)
}

/// By what they say, whatever their forms; where one cannot be read, by every byte.
fn same(one: &Found, other: &Found, given: &Given) -> bool {
    if *one.raw == *other.raw {
        return true;
    }
    match (one.read(given), other.read(given)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::find::Residue;

    fn found(raw: &str, name: &str) -> Found {
        Found {
            raw: raw.as_bytes().to_vec().into(),
            is_token: false,
            token_file: None,
            name: name.into(),
            residue: Residue::default(),
        }
    }

    #[test]
    fn the_same_twice_is_one_and_two_different_are_refused() {
        let one_of = |candidates| one_of(candidates, &Given::default(), &[]);
        assert!(one_of(vec![found("a", "x"), found("a", "y")]).is_ok());
        let refusal = one_of(vec![found("a", "x"), found("b", "y")]).unwrap_err();
        assert_eq!(refusal.reason, Reason::TwoFound);
        assert_eq!(refusal.line(), "x and y hold different bootstraps");
        assert_eq!(one_of(vec![]).unwrap_err().reason, Reason::NotFound);
    }

    #[test]
    fn a_spent_one_gives_way_to_a_fresh_one_but_not_to_nothing() {
        let visit = |place: &str| Visit { place: place.into(), verdict: Verdict::Found };
        let spent = |found: &Found| (found.name == "old").then(|| "used".to_owned());
        let mut visits = [visit("old"), visit("new")];
        let kept = pass_over(vec![(0, found("a", "old")), (1, found("b", "new"))], &mut visits, &spent);
        assert_eq!(kept.len(), 1);
        assert_eq!(visits[0].verdict, Verdict::PassedOver("used".into()));
        let kept = pass_over(vec![(0, found("a", "old")), (1, found("b", "old"))], &mut visits, &spent);
        assert_eq!(kept.len(), 2);
    }
}
