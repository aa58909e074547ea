//! How many connections there may be, in all and from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by: HashMap<IpAddr, usize>,
}

/// The places; clones share them.
#[derive(Debug, Clone)]
pub(super) struct Places {
    most: usize,
    most_of_one: usize,
    taken: Arc<Mutex<Taken>>,
}

/// One place, free again when this goes.
#[derive(Debug)]
pub(super) struct Taking {
    places: Places,
    address: IpAddr,
}

impl Places {
    pub(super) fn new(most: usize, most_of_one: usize) -> Places {
        Places { most, most_of_one, taken: Arc::default() }
    }

    /// A place for a connection from `address`, or nothing.
    pub(super) fn take(&self, address: IpAddr) -> Option<Taking> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let of_one = taken.by.get(&address).copied().unwrap_or_default();
        if taken.all >= self.most || of_one >= self.most_of_one {
            return None;
        }
        taken.all += 1;
        taken.by.insert(address, of_one + 1);
        Some(Taking { places: self.clone(), address })
    }
}

impl Drop for Taking {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all = taken.all.saturating_sub(1);
        match taken.by.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(taken.by.remove(&self.address)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_them_all() {
        let places = Places::new(3, 2);
        let (one, other) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let first = places.take(one).unwrap();
        let _second = places.take(one).unwrap();
        assert!(places.take(one).is_none());
        let _third = places.take(other).unwrap();
        assert!(places.take(other).is_none(), "there are three in all");
        drop(first);
        assert!(places.take(other).is_some());
        assert_eq!(places.taken.lock().unwrap().by.len(), 2);
    }
}
