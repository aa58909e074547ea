//! Tokens that nobody has seen to be good: each costs a look into the store, and anybody can make them up.
//!
//! So many tries per address are looked up and no more. A token that was good once since the start is none of
//! them, so that whoever shares an address with a stranger, as behind a proxy, is not refused for their sake.
//! A restart forgets all of it.

use super::refusal::{Kind, Refusal};
use crate::api_token::PublicId;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};
use std::collections::HashSet;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

/// Tries from one address.
const TRIES: Quota = Quota::per_second(const { NonZeroU32::new(5).unwrap() })
    .allow_burst(const { NonZeroU32::new(100).unwrap() });
/// Addresses that are remembered before those are forgotten that have been quiet for long.
const REMEMBERED: usize = 10_000;

/// Who has tried, and who need not.
#[derive(Debug)]
pub struct Strangers {
    tries: DefaultKeyedRateLimiter<IpAddr>,
    good: Mutex<HashSet<PublicId>>,
}

impl Default for Strangers {
    fn default() -> Strangers {
        Strangers { tries: DefaultKeyedRateLimiter::keyed(TRIES), good: Mutex::default() }
    }
}

impl Strangers {
    /// Whether this token may be looked up for whoever is at this address.
    pub fn may_try(&self, address: IpAddr, token: &PublicId) -> Result<(), Refusal> {
        if self.good.lock().unwrap_or_else(PoisonError::into_inner).contains(token) {
            return Ok(());
        }
        if self.tries.len() > REMEMBERED {
            self.tries.retain_recent();
        }
        self.tries.check_key(&network(address)).map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            Refusal::new(Kind::TooMany, "Too many tokens that are not known from this address")
                .after(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
        })
    }

    /// This token was good. There are no more of them than the store has.
    pub fn is_good(&self, token: &PublicId) {
        let mut good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
        if !good.contains(token) {
            good.insert(token.clone());
        }
    }
}

/// What one of them has by itself: an address, or the 64 bits that a site gives each of its networks.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_tries_so_often_and_others_are_not_held_to_it() {
        let strangers = Strangers::default();
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let id = |number: u32| PublicId::parse(&format!("{number:032x}")).unwrap();
        let tried = |from: &str, times: u32| {
            let from = address(from);
            (0..times).filter(|&n| strangers.may_try(from, &id(n)).is_ok()).count()
        };
        strangers.is_good(&id(1000));
        // Some more where this takes long.
        assert!((100..150).contains(&tried("192.0.2.1", 300)));
        assert!(tried("::ffff:192.0.2.1", 100) < 50, "the same in other words");
        assert_eq!(tried("192.0.2.2", 1), 1);
        assert!((100..150).contains(&(tried("2001:db8::1", 90) + tried("2001:db8::2", 90))));
        assert_eq!(tried("2001:db8:0:1::1", 1), 1);
        assert!(strangers.may_try(address("192.0.2.1"), &id(1000)).is_ok(), "it is no stranger's");
    }
}
