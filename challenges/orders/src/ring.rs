//! A consistent-hash ring with virtual nodes (Karger et al., "Consistent Hashing and Random Trees",
//! 1997).
//!
//! Each member owns many points of a circle, and a key belongs to the member of the next point. A
//! new member takes only keys that then belong to it.

use glomers::stable_hash;

/// Points of each member. With 128, the shares of members differ from the mean by about 9 % (one
/// standard deviation, 1/√128); fewer points spread them more, more points cost memory.
pub const POINTS: u32 = 128;

/// A ring of members, which are numbers from 0 on.
#[derive(Clone, Debug)]
pub struct Ring {
    /// Points in ascending order, each with its member.
    points: Vec<(u64, u32)>,
}

impl Ring {
    /// Creates a ring of members with these names. A member's points depend only on its name.
    pub fn new<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Self {
        let mut points = Vec::new();
        for (member, name) in (0..).zip(names) {
            let name = name.as_ref();
            points.extend((0..POINTS).map(|point| (hash(&format!("{name}#{point}")), member)));
        }
        points.sort_unstable();
        Self { points }
    }

    /// Returns the member that owns a key.
    ///
    /// # Panics
    ///
    /// Panics if the ring has no members.
    pub fn owner(&self, key: &str) -> u32 {
        self.owners(key, 1)[0]
    }

    /// Returns the first `count` distinct members from a key's position on; fewer if the ring has
    /// fewer members.
    pub fn owners(&self, key: &str, count: usize) -> Vec<u32> {
        let hash = hash(key);
        let start = self.points.partition_point(|(point, _)| *point < hash);
        let (before, after) = self.points.split_at(start);
        let mut owners = Vec::new();
        for (_, member) in after.iter().chain(before) {
            if owners.len() == count {
                break;
            }
            if !owners.contains(member) {
                owners.push(*member);
            }
        }
        owners
    }
}

/// FNV-1a with the finaliser of MurmurHash3, since similar names differ only in the low bits of
/// FNV-1a. It is the same in every build, unlike the hash of the standard library.
fn hash(key: &str) -> u64 {
    let mut hash = stable_hash(key.as_bytes());
    for factor in [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53] {
        hash = (hash ^ (hash >> 33)).wrapping_mul(factor);
    }
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: u32 = 20_000;

    fn ring(members: u32) -> Ring {
        Ring::new((0..members).map(|member| format!("n{member}")))
    }

    #[test]
    fn new_member_takes_its_share_and_nothing_else_moves() {
        for members in [3, 5, 8] {
            let (before, after) = (ring(members), ring(members + 1));
            let mut moved = 0;
            for key in (0..KEYS).map(|key| format!("key{key}")) {
                let owner = after.owner(&key);
                if owner != before.owner(&key) {
                    assert_eq!(owner, members, "a key moved between old members");
                    moved += 1;
                }
            }
            assert!(f64::from(moved) <= 1.5 / f64::from(members + 1) * f64::from(KEYS));
        }
    }

    #[test]
    fn owners_are_distinct() {
        let ring = ring(5);
        for key in (0..100).map(|key| format!("key{key}")) {
            let mut owners = ring.owners(&key, 3);
            owners.sort_unstable();
            owners.dedup();
            assert_eq!(owners.len(), 3);
        }
        assert_eq!(ring.owners("key", 9).len(), 5);
    }

    #[test]
    fn shares_of_five_members_are_within_15_percent_of_the_mean() {
        let ring = ring(5);
        let mut shares = [0_u32; 5];
        for key in 0..KEYS {
            shares[ring.owner(&format!("key{key}")) as usize] += 1;
        }
        let mean = f64::from(KEYS) / 5.0;
        for share in shares {
            assert!((f64::from(share) / mean - 1.0).abs() <= 0.15, "{shares:?}");
        }
    }
}
