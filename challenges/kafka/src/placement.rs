//! Placement: the shard of a key, and the nodes that store a shard. Every node computes the same
//! placement without communication.
//!
//! A key belongs to the shard with the highest hash of key and shard (rendezvous hashing: Thaler
//! and Ravishankar, 1998). There are as many shards as nodes, and shard *n* starts with node *n* as
//! its leader. Unlike with `hash(key) mod n`, an additional shard would take an equal part of the
//! keys of each other shard and move no key between the others.

use glomers::stable_hash;

/// Returns the shard of a key; every shard gets an equal part of the keys.
///
/// # Panics
///
/// If there are no shards.
pub fn shard_of(key: &str, shards: usize) -> usize {
    (0..shards)
        .max_by_key(|shard| hash(key, *shard))
        .expect("a cluster has nodes, so it has shards")
}

/// Returns the nodes that store a shard when the cluster starts, the first leader first.
pub fn replicas(shard: usize, nodes: usize, replicas: usize) -> impl Iterator<Item = usize> {
    preference(shard, nodes).take(replicas)
}

/// Returns all nodes in order of preference as replicas of a shard: the node of the shard's number
/// and its successors on a ring.
pub fn preference(shard: usize, nodes: usize) -> impl Iterator<Item = usize> {
    (0..nodes).map(move |distance| (shard + distance) % nodes)
}

/// Hashes a shard and a key with [`stable_hash`] and the finalizer of splitmix64, which spreads the
/// bits: FNV-1a hardly changes the high bits for short inputs, and these decide the comparison.
fn hash(key: &str, shard: usize) -> u64 {
    let shard = (shard as u64).to_le_bytes();
    let hash = stable_hash(&[&shard, key.as_bytes()].concat());
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_get_equal_parts_of_the_keys() {
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
    fn additional_shard_moves_no_key_between_the_others() {
        for key in 0..1000 {
            let key = key.to_string();
            let (before, after) = (shard_of(&key, 4), shard_of(&key, 5));
            assert!(after == before || after == 4, "{key}: {before} to {after}");
        }
    }

    #[test]
    fn nodes_store_equally_many_shards() {
        let mut stored = [0; 5];
        for shard in 0..5 {
            for node in replicas(shard, 5, 3) {
                stored[node] += 1;
            }
        }
        assert_eq!(stored, [3; 5]);
    }
}
