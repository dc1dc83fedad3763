//! Which node is at home where: every node works it out by itself, and all agree.
//!
//! A key belongs to the shard for which it draws the highest number (rendezvous hashing: Thaler and
//! Ravishankar, 1998). There are as many shards as nodes, and each begins at the node of its number.
//! Unlike `hash(key) mod n`, another node would take an even share of the keys from everybody, and
//! no key would change hands between the old ones.

/// The shard of a key, of so many; every shard gets an even share of the keys.
///
/// # Panics
///
/// If there are no shards.
pub fn shard_of(key: &str, shards: usize) -> usize {
    (0..shards)
        .max_by_key(|shard| draw(key, *shard))
        .expect("a cluster has nodes, so it has shards")
}

/// The nodes that keep a shard's journal when the cluster begins, its first leader first: the node
/// of the shard's number and those that follow it on a ring.
pub fn replicas(shard: usize, nodes: usize, replicas: usize) -> impl Iterator<Item = usize> {
    preference(shard, nodes).take(replicas)
}

/// All nodes, in the order in which they are wanted as replicas of a shard.
pub fn preference(shard: usize, nodes: usize) -> impl Iterator<Item = usize> {
    (0..nodes).map(move |distance| (shard + distance) % nodes)
}

/// The number that a key draws for a shard: the same on every node and in every build.
fn draw(key: &str, shard: usize) -> u64 {
    let bytes = (shard as u64).to_le_bytes();
    let hash = bytes
        .iter()
        .chain(key.as_bytes())
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
    // FNV-1a leaves the high bits of short inputs alike, and those decide: stir them (splitmix64).
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_spread_evenly() {
        for shards in [1, 2, 3, 5] {
            let mut load = vec![0; shards];
            for key in 0..3000 {
                load[shard_of(&key.to_string(), shards)] += 1;
            }
            let fair = 3000 / shards;
            for count in load {
                assert!(
                    count * 10 > fair * 9 && count * 10 < fair * 11,
                    "{count} of {fair}"
                );
            }
        }
    }

    #[test]
    fn a_further_shard_takes_keys_but_moves_none_between_the_others() {
        for key in 0..1000 {
            let key = key.to_string();
            let (before, after) = (shard_of(&key, 4), shard_of(&key, 5));
            assert!(after == before || after == 4, "{key}: {before} to {after}");
        }
    }

    #[test]
    fn every_node_keeps_as_many_shards_as_every_other() {
        let mut kept = [0; 5];
        for shard in 0..5 {
            for node in replicas(shard, 5, 3) {
                kept[node] += 1;
            }
        }
        assert_eq!(kept, [3; 5]);
    }
}
