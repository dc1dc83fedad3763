//! The analysis against its definition, taken literally: element by element, read by read.

use proptest::prelude::*;

use super::*;
use crate::check::tests::{deterministic, operation};

/// What becomes of `element` by the definition, with its latency in ms.
fn fate(history: &History, element: i64) -> Option<(Outcome, Duration)> {
    let element = Value::from(element);
    let add = history
        .pairs()
        .find(|(op, _)| op.f == "add" && op.value == element)?
        .0;
    let holds = |op: &Operation| op.value.as_seq().is_some_and(|all| all.contains(&element));
    let reads: Vec<_> = history
        .pairs()
        .filter_map(|(invocation, completion)| Some((invocation, completion?)))
        .filter(|(op, end)| op.f == "read" && end.kind == Kind::Ok && end.index > add.index)
        .collect();
    let last = |present: bool| {
        let such = reads.iter().filter(|(_, end)| holds(end) == present);
        such.map(|(op, _)| *op).max_by_key(|op| op.index)
    };
    let (present, absent) = (last(true), last(false));
    let acknowledged = history
        .clients()
        .filter(|op| op.kind == Kind::Ok && op.f == "add" && op.value == element);
    let shown = reads.iter().map(|(_, end)| *end).filter(|end| holds(end));
    let known = acknowledged.chain(shown).min_by_key(|op| op.index);

    let index = |op: Option<&Operation>| op.map_or(-1, |op| op.index as i64);
    let latency = |read: Option<&Operation>, known: &Operation| {
        let until = read.map_or(0, |op| op.time.as_nanos() as i64 + 1);
        let nanos = (until - known.time.as_nanos() as i64).max(0);
        Duration::from_millis(nanos as u64 / 1_000_000)
    };
    Some(match (known, absent) {
        (Some(known), _) if index(present) > index(absent) => {
            (Outcome::Stable, latency(absent, known))
        }
        (Some(known), Some(_)) if index(absent) > known.index as i64 => {
            (Outcome::Lost, latency(present, known))
        }
        _ => (Outcome::NeverRead, Duration::ZERO),
    })
}

/// Steps of up to five processes: each ends what its process has open, or else begins something.
/// The elements added are 0, 1, 2, …; reads list any of the first ten.
fn histories() -> impl Strategy<Value = History> {
    let step = (
        0..5u64,
        any::<bool>(),
        0..4u8,
        prop::collection::vec(0..10i64, 0..10),
    );
    prop::collection::vec(step, 0..80).prop_map(|steps| {
        let mut history = History::default();
        let mut open: Vec<Option<Operation>> = vec![None; 5];
        let mut next = 0i64;
        for (i, (process, is_add, end, listed)) in steps.into_iter().enumerate() {
            let mut op = operation("0 invoke read nil");
            op.process = crate::history::Process::Client(process);
            let open = &mut open[process as usize];
            if let Some(invocation) = open.take() {
                op = invocation;
                op.kind = [Kind::Ok, Kind::Ok, Kind::Fail, Kind::Info][end as usize];
                if op.f == "read" && op.kind == Kind::Ok {
                    op.value = Value::vector(listed);
                }
            } else {
                if is_add {
                    (op.f, op.value) = ("add".into(), next.into());
                    next += 1;
                }
                *open = Some(op.clone());
            }
            op.time = Duration::from_micros(i as u64 * 700);
            history.push(op);
        }
        history
    })
}

proptest! {
    #![proptest_config(deterministic())]
    #[test]
    fn every_element_meets_its_fate_by_definition(history in histories()) {
        let analysis = check(&history, "add");
        let fates: Vec<_> = (0..80).map_while(|n| Some((n, fate(&history, n)?))).collect();
        let with = |outcome| {
            let such = fates.iter().filter(move |(_, (is, _))| *is == outcome);
            such.map(|(n, (_, latency))| (Value::from(*n), *latency))
        };
        let values = |outcome| with(outcome).map(|(value, _)| value).collect::<Vec<_>>();
        prop_assert_eq!(analysis.attempt_count, fates.len());
        prop_assert_eq!(analysis.stable_count, values(Outcome::Stable).len());
        prop_assert_eq!(&analysis.lost, &values(Outcome::Lost));
        prop_assert_eq!(&analysis.never_read, &values(Outcome::NeverRead));

        let sorted = |outcome| {
            let mut latencies: Vec<_> = with(outcome).map(|(_, latency)| latency).collect();
            latencies.sort();
            latencies
        };
        prop_assert_eq!(&analysis.stable_latencies, &sorted(Outcome::Stable));
        prop_assert_eq!(&analysis.lost_latencies, &sorted(Outcome::Lost));
        let stale: Vec<_> = with(Outcome::Stable)
            .filter(|(_, latency)| !latency.is_zero())
            .map(|(value, _)| value)
            .collect();
        prop_assert_eq!(&analysis.stale, &stale);
    }
}
