//! The checker against an independent one, on small random histories.

use std::collections::BTreeSet;

use super::simulated::{self, Clients};
use crate::check::linearizable::configuration::Supply;
use crate::check::linearizable::model::{Model, Register, RegisterOp, Symbol};
use crate::check::linearizable::problem::{Call, Problem};
use crate::check::linearizable::register::{self, NIL};
use crate::check::linearizable::search::{Outcome, search};
use crate::check::linearizable::sweep::{Swept, sweep};
use crate::check::linearizable::window;
use crate::check::linearizable::{check, check_within};
use crate::check::{Analysis, Verdict};
use crate::history::History;

/// How many seeds each property is tried on; `SEEDS` in the environment widens it.
fn seeds() -> u64 {
    let given = std::env::var("EDDY_SEEDS")
        .ok()
        .and_then(|n| n.parse().ok());
    given.unwrap_or(2_000)
}

fn calls(history: &History) -> Vec<Call<RegisterOp>> {
    let mut keys = register::by_key(history);
    let [key] = keys.as_mut_slice() else {
        panic!("a simulated history has one key");
    };
    key.read_calls().expect("all operations are a register's");
    std::mem::take(&mut key.calls)
}

/// Decides linearizability by the definition, independently of the checker: it tries every call
/// whose predecessors are done next, and leaves out unanswered calls as it likes.
fn is_linearizable(calls: &[Call<RegisterOp>]) -> bool {
    assert!(calls.len() <= 64, "the set of finished calls is one word");
    can_finish(calls, 0, NIL, &mut BTreeSet::new())
}

/// Whether the calls that are not in the set `done` can be ordered, starting from `value`.
fn can_finish(
    calls: &[Call<RegisterOp>],
    done: u64,
    value: Symbol,
    failed: &mut BTreeSet<(u64, Symbol)>,
) -> bool {
    let open = || (0..calls.len()).filter(|call| done & 1 << call == 0);
    let Some(first_return) = open().filter_map(|call| calls[call].returned).min() else {
        return true;
    };
    if failed.contains(&(done, value)) {
        return false;
    }
    let finished = open().any(|call| {
        let after = match calls[call].op {
            _ if calls[call].invoked > first_return => None,
            RegisterOp::Read(read) => (read == value).then_some(value),
            RegisterOp::Write(written) => Some(written),
            RegisterOp::Cas(from, to) => (from == value).then_some(to),
        };
        after.is_some_and(|value| can_finish(calls, done | 1 << call, value, failed))
    });
    if !finished {
        failed.insert((done, value));
    }
    finished
}

/// Histories of many shapes, right and wrong ones.
fn shapes() -> impl Iterator<Item = (u64, Clients, History)> {
    (0..seeds()).flat_map(|seed| {
        let clients = Clients {
            processes: 2 + seed % 4,
            operations: if seed % 20 == 0 {
                40
            } else {
                4 + (seed % 11) as usize
            },
            values: 2 + (seed / 2 % 3) as i64,
            unanswered: [0.0, 0.2, 0.5][(seed / 5 % 3) as usize],
            eager: [0.3, 0.6, 0.9][(seed / 7 % 3) as usize],
            again: 0.0,
        };
        let right = simulated::history(clients, 0, seed);
        let wrong = simulated::misread(&right, clients.values, seed);
        let again = Clients {
            again: 0.7,
            ..clients
        };
        let twice = simulated::history(again, 0, seed);
        [right, twice]
            .into_iter()
            .chain(wrong)
            .map(move |history| (seed, clients, history))
    })
}

#[test]
fn the_verdict_is_that_of_an_independent_checker() {
    let (mut right, mut wrong) = (0, 0);
    for (seed, _, history) in shapes() {
        let calls = calls(&history);
        if calls.iter().filter(|call| call.returned.is_none()).count() > 6 {
            continue;
        }
        let expected = Verdict::from_valid(is_linearizable(&calls));
        assert_eq!(
            check(&history).verdict(),
            expected,
            "seed {seed}: {calls:?}"
        );
        *if expected == Verdict::Valid {
            &mut right
        } else {
            &mut wrong
        } += 1;
    }
    assert!(
        right > 500 && wrong > 500,
        "a one-sided sample: {right} right, {wrong} wrong"
    );
}

#[test]
fn a_history_of_an_atomic_register_is_linearizable() {
    for (seed, clients, _) in shapes() {
        let history = simulated::history(clients, 7, seed);
        assert_eq!(check(&history).verdict(), Verdict::Valid, "seed {seed}");
    }
}

/// The order found is a proof that can be checked without the search.
#[test]
fn an_order_respects_time_and_the_register() {
    for (seed, _, history) in shapes() {
        let calls = calls(&history);
        let problem = Problem::new(Register, &calls);
        let Outcome::Ordered(Some(steps)) = search(&problem, [NIL], 1_000_000) else {
            continue;
        };
        let order = problem.calls_of(&steps);
        let mut places = vec![None; calls.len()];
        let mut state = NIL;
        let mut latest_invocation = 0;
        for (place, &call) in order.iter().enumerate() {
            assert_eq!(
                places[call].replace(place),
                None,
                "seed {seed}: placed twice"
            );
            state = Register
                .step(state, calls[call].op)
                .expect("the register refuses the order");
            latest_invocation = latest_invocation.max(calls[call].invoked);
            let returned = calls[call].returned.unwrap_or(usize::MAX);
            assert!(
                latest_invocation < returned,
                "seed {seed}: placed after its return"
            );
        }
        for (call, place) in calls.iter().zip(places) {
            assert!(
                place.is_some() || call.returned.is_none(),
                "seed {seed}: left out"
            );
        }
    }
}

/// The two searches share the moves, but neither the memory nor the order.
#[test]
fn the_sweep_gets_as_far_as_the_search() {
    for (seed, _, history) in shapes() {
        let problem = Problem::new(Register, &calls(&history));
        let searched = match search(&problem, [NIL], 1_000_000) {
            Outcome::Ordered(_) => Swept::Through,
            Outcome::Stuck(frontier) => Swept::Stuck(frontier),
            Outcome::Undecided => Swept::Undecided,
        };
        assert_eq!(
            searched,
            sweep(&problem, [NIL], Supply::Counted, 1_000_000),
            "seed {seed}"
        );
    }
}

#[test]
fn what_has_no_order_with_larger_supplies_has_none() {
    for (seed, _, history) in shapes() {
        let problem = Problem::new(Register, &calls(&history));
        let is_stuck = |supply| {
            let swept = sweep(&problem, [NIL], supply, 1_000_000);
            matches!(swept, Swept::Stuck(_))
        };
        let supplies = problem.optional_states().map(Supply::CountedInto);
        if supplies.chain([Supply::Unlimited]).any(is_stuck) {
            assert!(is_stuck(Supply::Counted), "seed {seed}");
        }
    }
}

/// What an explanation shows is a proof of its own.
#[test]
fn the_stretch_shown_has_no_order_from_any_state() {
    let mut shown = 0;
    for (seed, clients, history) in shapes() {
        let calls = calls(&history);
        let problem = Problem::new(Register, &calls);
        let Outcome::Stuck(frontier) = search(&problem, [NIL], 1_000_000) else {
            continue;
        };
        let stuck = problem.required[frontier.layer as usize].call;
        let Some(window) = window::shortest(&calls, stuck) else {
            continue;
        };
        if window.perhaps.len() > 6 {
            continue;
        }
        assert!(window.calls.contains(&stuck), "seed {seed}");
        // After a write that leaves any of the values that there can be, and one that cannot.
        let mut stretch = vec![Call {
            op: RegisterOp::Write(NIL),
            invoked: 0,
            returned: Some(1),
        }];
        let later = |call: usize| Call {
            invoked: calls[call].invoked + 2,
            ..calls[call]
        };
        stretch.extend(window.calls.iter().map(|&call| Call {
            returned: calls[call].returned.map(|at| at + 2),
            ..later(call)
        }));
        let perhaps = window.perhaps.iter();
        stretch.extend(perhaps.map(|&call| Call {
            returned: None,
            ..later(call)
        }));
        let states = if window.from_start {
            0
        } else {
            clients.values as Symbol + 1
        };
        for state in 0..=states {
            stretch[0].op = RegisterOp::Write(state);
            assert!(
                !is_linearizable(&stretch),
                "seed {seed} from {state}: {stretch:?}"
            );
        }
        shown += 1;
    }
    assert!(shown > 500, "only {shown} stretches");
}

#[test]
fn too_small_a_budget_is_admitted_and_never_a_wrong_verdict() {
    let mut undecided = 0;
    for (seed, _, history) in shapes() {
        let verdict = check(&history).verdict();
        let hasty = check_within(&history, 3).verdict();
        assert!(hasty == verdict || hasty == Verdict::Unknown, "seed {seed}");
        undecided += u32::from(hasty == Verdict::Unknown);
    }
    assert!(undecided > 0, "the budget was never too small");
}
