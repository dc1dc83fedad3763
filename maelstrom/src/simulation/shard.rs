//! A part of all seeds, for work that is split over several machines.
//!
//! `EDDY_SHARD=3/16` performs the third of sixteen parts. Which part a seed of a scenario belongs to
//! depends on nothing but its number and the scenario's name, so the parts of all machines together are
//! the whole, and each seed belongs to one. Scenarios begin at different parts, so that those with few
//! seeds do not all fall to the first machine.

use std::ops::Range;
use std::str::FromStr;

use glomers::stable_hash;

/// One of several equal parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shard {
    /// From 1 to `count`.
    number: u64,
    count: u64,
}

impl Shard {
    /// Everything.
    const WHOLE: Shard = Shard {
        number: 1,
        count: 1,
    };

    /// Returns the part that `EDDY_SHARD` asks for; everything if it is not set, or empty.
    ///
    /// # Panics
    ///
    /// If `EDDY_SHARD` is none such as `3/16`.
    pub(super) fn from_env() -> Shard {
        match std::env::var("EDDY_SHARD") {
            Ok(text) if !text.is_empty() => text
                .parse()
                .unwrap_or_else(|problem| panic!("EDDY_SHARD: {problem}")),
            _ => Shard::WHOLE,
        }
    }

    /// Returns the seeds of a scenario that belong to this part.
    pub(super) fn seeds(self, scenario: &str, seeds: Range<u64>) -> Vec<u64> {
        let first = stable_hash(scenario.as_bytes()) % self.count;
        let is_own = |seed: &u64| (first + seed % self.count) % self.count == self.number - 1;
        seeds.filter(is_own).collect()
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.number, self.count)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let parts = text.split_once('/');
        let parts =
            parts.and_then(|(number, count)| Some((number.parse().ok()?, count.parse().ok()?)));
        parts
            .filter(|&(number, count): &(u64, u64)| (1..=count).contains(&number))
            .map(|(number, count)| Shard { number, count })
            .ok_or_else(|| {
                format!("expected a part such as 3/16, from 1/16 to 16/16, not {text:?}")
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_divide_the_seeds_evenly_and_completely() {
        let mut all = Vec::new();
        for number in 1..=16 {
            let shard = Shard { number, count: 16 };
            let seeds = shard.seeds("swarm", 0..1000);
            assert!((62..=63).contains(&seeds.len()), "{shard}: {}", seeds.len());
            all.extend(seeds);
        }
        all.sort_unstable();
        assert_eq!(all, (0..1000).collect::<Vec<u64>>());
    }

    #[test]
    fn scenarios_begin_at_different_shards() {
        let first = Shard {
            number: 1,
            count: 4,
        };
        let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let own = names
            .iter()
            .filter(|name| !first.seeds(name, 0..1).is_empty());
        assert!((1..=4).contains(&own.count()));
    }

    #[test]
    fn text_that_is_no_shard_is_refused() {
        assert_eq!("3/16".parse::<Shard>().unwrap().to_string(), "3/16");
        for text in ["", "3", "0/4", "5/4", "1/0", "x/2", "1/2/3"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
