//! Tests of `seq-kv`: the states that each requester may see.

use super::*;
use crate::service::seq_kv::STATES_HELD;

#[test]
fn new_requester_sees_any_state_and_a_writer_its_own_write() {
    let mut seen = BTreeMap::new();
    for seed in 0..200 {
        let mut kv = TestClient::<SeqKv>::new(seed);
        for value in 1..=3 {
            kv.write("n0", "k", value);
            assert_eq!(kv.read("n0", "k"), json!(value));
        }
        *seen.entry(kv.read("n1", "k").as_u64()).or_insert(0) += 1;
    }
    // States 0 (error 20) to 3, each with probability 1/4.
    assert_eq!(
        seen.keys().copied().collect::<Vec<_>>(),
        [1, 2, 3, 20].map(Some)
    );
    assert!(
        seen.values().all(|&count| (30..=70).contains(&count)),
        "{seen:?}"
    );
}

#[test]
fn requester_never_sees_an_older_state_than_before() {
    for seed in 0..50 {
        let mut kv = TestClient::<SeqKv>::new(seed);
        let mut latest = 0;
        for value in 1..20 {
            kv.write("n0", "k", value);
            let read = kv
                .read("n1", "k")
                .as_u64()
                .filter(|&code| code != 20)
                .unwrap_or(0);
            assert!(read >= latest, "read {read} after {latest}");
            assert_eq!(read, kv.service.index("n1"));
            latest = read;
        }
    }
}

#[test]
fn cas_is_evaluated_on_a_stale_state() {
    let mut outcomes = BTreeMap::new();
    for seed in 0..300 {
        let mut kv = TestClient::<SeqKv>::new(seed);
        kv.write("n0", "k", 1);
        kv.write("n0", "k", 2);
        // It would succeed on the newest state.
        let outcome = kv.cas("n1", "k", 2, 3);
        let index = kv.service.index("n1");
        match outcome {
            20 => assert_eq!(index, 0),
            22 => assert_eq!(index, 1),
            _ => assert_eq!(index, 3),
        }
        *outcomes.entry(outcome).or_insert(0) += 1;
    }
    assert_eq!(outcomes.keys().copied().collect::<Vec<_>>(), [0, 20, 22]);
    assert!(
        outcomes.values().all(|&count| (70..=130).contains(&count)),
        "{outcomes:?}"
    );
}

#[test]
fn change_that_the_newest_state_refuses_still_appends_a_state() {
    let mut refused = 0;
    for seed in 0..100 {
        let mut kv = TestClient::<SeqKv>::new(seed);
        kv.write("n0", "k", 1);
        kv.write("n0", "k", 2);
        // It would succeed only on state 1, so it is evaluated again on state 2.
        if kv.cas("n1", "k", 1, 3) == 22 && kv.service.newest() == 3 {
            refused += 1;
            assert_eq!(kv.service.index("n1"), 3);
            assert_eq!(kv.read("n1", "k"), json!(2));
        }
    }
    assert!(refused > 10, "state 1 was drawn {refused} times of 100");
}

#[test]
fn write_of_the_present_value_does_not_advance_its_requester() {
    let mut lagging = 0;
    for seed in 0..100 {
        let mut kv = TestClient::<SeqKv>::new(seed);
        kv.write("n0", "k", 1);
        kv.write("n0", "other", 1);
        kv.write("n0", "other", 2);
        kv.write("n1", "k", 1);
        // On state 0 the write is a change; on states 1 to 3 it is none.
        match kv.service.newest() {
            3 => lagging += u32::from(kv.service.index("n1") < 3),
            newest => assert_eq!((newest, kv.service.index("n1")), (4, 4)),
        }
        assert_eq!(kv.cas("n1", "k", 1, 1), 0);
    }
    assert!(
        (30..=70).contains(&lagging),
        "{lagging} of 100 stayed behind"
    );
}

#[test]
fn requester_32_states_behind_wraps_round() {
    let last = 3 * STATES_HELD;
    let mut kv = TestClient::<SeqKv>::new(1);
    for value in 1..=last {
        kv.write("n0", "k", value);
    }
    let mut went_back = 0;
    for stranger in 0..200 {
        let name = format!("stranger {stranger}");
        let read = kv
            .read(&name, "k")
            .as_u64()
            .expect("the key exists in every held state");
        let index = kv.service.index(&name);
        // Only held states are shown, whatever the index.
        assert!(read > last - STATES_HELD, "read {read}");
        assert_eq!(read % STATES_HELD, index % STATES_HELD);
        let again = kv.read(&name, "k").as_u64().expect("as before");
        assert!(kv.service.index(&name) >= index);
        went_back += u32::from(again < read);
    }
    assert!(went_back > 0, "no requester saw the store go backwards");
}
