//! What logs keep and return, and their form on the wire.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde::{Deserialize, Serialize};

use super::*;

const ORIGIN: Origin = Origin {
    node: 1,
    incarnation: 9,
};

/// An item with keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct About(Vec<u8>);

impl Item for About {
    type Key = u8;

    fn keys(&self) -> Vec<u8> {
        self.0.clone()
    }
}

fn logs<T: Item>(items: impl IntoIterator<Item = T>) -> Logs<T> {
    let mut logs = Logs::new(3);
    for item in items {
        logs.push(ORIGIN, item);
    }
    logs
}

#[test]
fn item_is_dropped_once_all_its_keys_are_replaced() {
    let mut held = logs([About(vec![1, 2]), About(vec![1])]);
    assert_eq!(held.count(), 2, "key 2 still belongs to the first item");
    held.push(ORIGIN, About(vec![2, 3]));
    assert_eq!(held.count(), 2, "the first item has lost both keys");
    held.push(ORIGIN, About(vec![]));
    held.push(ORIGIN, About(vec![]));
    assert_eq!(held.count(), 4, "items without keys are kept");
}

#[test]
fn version_names_what_was_held() {
    const OTHER: Origin = Origin { node: 2, ..ORIGIN };
    let mut held = logs([5_i64, 6]);
    held.push(OTHER, 7);
    held.push(ORIGIN, 8);
    assert_eq!(held.version(), 4);
    let at_version = [0, 1, 2, 2, 3];
    for (version, upto) in at_version.into_iter().enumerate() {
        assert_eq!(held.upto_at(ORIGIN, version as u64), upto);
    }
    assert_eq!(Vec::from_iter(held.changed_since(0)), [OTHER, ORIGIN]);
    assert_eq!(Vec::from_iter(held.changed_since(3)), [ORIGIN]);
    assert_eq!(held.changed_since(4).count(), 0);
}

#[test]
fn run_survives_serialization_and_omits_numbers_if_whole() {
    let whole = logs([5_i64, 6, 7]).run(ORIGIN, 0, 2).unwrap();
    let json = serde_json::to_string(&whole).unwrap();
    assert_eq!(json, r#"{"origin":[1,9],"after":0,"items":[5,6]}"#);
    assert_eq!(serde_json::from_str::<Run<i64>>(&json).unwrap(), whole);
    let sparse = logs([About(vec![1]), About(vec![1])])
        .run(ORIGIN, 0, 9)
        .unwrap();
    let json = serde_json::to_string(&sparse).unwrap();
    assert_eq!(
        json,
        r#"{"origin":[1,9],"after":0,"items":[[1]],"numbers":[[2],2]}"#
    );
    assert_eq!(serde_json::from_str::<Run<About>>(&json).unwrap(), sparse);
}

#[test]
fn run_whose_numbers_do_not_fit_is_rejected() {
    for numbers in ["[[1,2],2]", "[[0],2]", "[[3],2]", "[[2],1]"] {
        let json = format!(r#"{{"origin":[1,9],"after":0,"items":[7],"numbers":{numbers}}}"#);
        assert!(serde_json::from_str::<Run<i64>>(&json).is_err(), "{json}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(7319), failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    /// Loss, duplication and reordering leave a prefix of the log, each item once.
    #[test]
    fn runs_in_any_order_yield_a_prefix(cuts in prop::collection::vec((0..30_u64, 1..9_usize), 0..40)) {
        let full = logs(0..30_i64);
        let mut other = Logs::new(3);
        let mut learnt = Vec::new();
        for (after, limit) in cuts {
            if let Some(run) = full.run(ORIGIN, after, limit) {
                other.learn(run, &mut learnt);
            }
        }
        let items: Vec<i64> = learnt.iter().map(|(_, item)| *item).collect();
        prop_assert_eq!(&items, &Vec::from_iter(0..items.len() as i64));
        prop_assert_eq!(other.upto(ORIGIN), items.len() as u64);
        if let Some(run) = full.run(ORIGIN, other.upto(ORIGIN), 100) {
            other.learn(run, &mut learnt);
        }
        prop_assert_eq!(learnt.len(), 30);
    }
}
