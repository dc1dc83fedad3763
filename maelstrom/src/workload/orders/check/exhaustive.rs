//! Orders of one line with known outcomes: the verdict is that of an exhaustive search for a
//! linearization.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use super::*;
use crate::check::tests::history;
use crate::workload::Orders;

/// A request, with the numbers of its product and of its id. Requests with the same id ask for the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Request {
    Restock {
        id: usize,
        product: usize,
        quantity: i64,
    },
    Order {
        id: usize,
        product: usize,
        quantity: i64,
    },
    Stock {
        product: usize,
    },
}

/// A request with its answer: whether an order is accepted, or the stock.
#[derive(Clone, Copy, Debug)]
struct Call {
    request: Request,
    answer: i64,
    invoked: usize,
    returned: usize,
}

/// A shop as a sequential specification.
#[derive(Clone, Debug, Default)]
struct Shop {
    stock: BTreeMap<usize, i64>,
    restocks: BTreeSet<usize>,
    decisions: BTreeMap<usize, bool>,
}

impl Shop {
    /// Executes a request and returns the only answer that is right.
    fn answer(&mut self, request: Request) -> i64 {
        match request {
            Request::Restock {
                id,
                product,
                quantity,
            } => {
                if self.restocks.insert(id) {
                    *self.stock.entry(product).or_default() += quantity;
                }
                0
            }
            Request::Order {
                id,
                product,
                quantity,
            } => {
                let stock = self.stock.entry(product).or_default();
                let accepted = *self.decisions.entry(id).or_insert_with(|| {
                    let accepted = *stock >= quantity;
                    *stock -= if accepted { quantity } else { 0 };
                    accepted
                });
                i64::from(accepted)
            }
            Request::Stock { product } => self.stock.get(&product).copied().unwrap_or_default(),
        }
    }
}

/// Tries every order of the calls that real time allows.
fn is_linearizable(shop: &Shop, left: &[Call]) -> bool {
    let Some(first_return) = left.iter().map(|call| call.returned).min() else {
        return true;
    };
    let may_be_next = |call: &Call| call.invoked < first_return;
    (0..left.len())
        .filter(|i| may_be_next(&left[*i]))
        .any(|next| {
            let mut shop = shop.clone();
            let mut left = left.to_vec();
            let call = left.remove(next);
            shop.answer(call.request) == call.answer && is_linearizable(&shop, &left)
        })
}

/// Draws a request. There are few ids, so that some are repeated, and what an id stands for follows from
/// its number.
fn request() -> impl Strategy<Value = Request> {
    let quantity = |id: usize| 1 + (id as i64 * 7) % 4;
    prop_oneof![
        (0..6_usize).prop_map(move |id| Request::Restock {
            id,
            product: id % 2,
            quantity: quantity(id)
        }),
        (0..9_usize).prop_map(move |id| Request::Order {
            id,
            product: id % 2,
            quantity: quantity(id)
        }),
        (0..9_usize).prop_map(move |id| Request::Order {
            id,
            product: id % 2,
            quantity: quantity(id)
        }),
        (0..2_usize).prop_map(|product| Request::Stock { product }),
    ]
}

/// Draws calls with the answers of a correct shop, of which up to two are replaced. Each call is three
/// moments: of its invocation, of its effect, and of its return.
fn calls() -> impl Strategy<Value = Vec<Call>> {
    let moments = (0..40_u32, 0..12_u32, 0..12_u32);
    let call = (request(), moments);
    let wrong = prop::collection::vec((any::<prop::sample::Index>(), 0..6_i64), 0..=2);
    (prop::collection::vec(call, 1..8), wrong).prop_map(|(drawn, wrong)| {
        let mut events: Vec<(u32, usize, u32)> = Vec::new();
        for (call, (_, (at, until_effect, until_return))) in drawn.iter().enumerate() {
            let effect = at + until_effect;
            events.extend([
                (*at, call, 0),
                (effect, call, 1),
                (effect + until_return, call, 2),
            ]);
        }
        // Events of one call at the same moment keep their order.
        events.sort_unstable();
        let mut shop = Shop::default();
        let unset = |(request, _): &(Request, _)| Call {
            request: *request,
            answer: 0,
            invoked: 0,
            returned: 0,
        };
        let mut calls: Vec<Call> = drawn.iter().map(unset).collect();
        for (place, (_, call, event)) in events.into_iter().enumerate() {
            let call = &mut calls[call];
            match event {
                0 => call.invoked = place,
                1 => call.answer = shop.answer(call.request),
                _ => call.returned = place,
            }
        }
        for (index, answer) in wrong {
            let call = index.index(calls.len());
            let call = &mut calls[call];
            call.answer = match call.request {
                Request::Restock { .. } => 0,
                Request::Order { .. } => answer % 2,
                Request::Stock { .. } => answer,
            };
        }
        calls
    })
}

/// Writes the history. Each call has a process of its own, which asks node n0.
fn text(calls: &[Call]) -> String {
    let mut lines = BTreeMap::new();
    for (process, call) in calls.iter().enumerate() {
        let (f, request, answer) = match call.request {
            Request::Restock {
                id,
                product,
                quantity,
            } => {
                let request =
                    format!(":restock \"r{id}\" :product \"p{product}\" :quantity {quantity}");
                ("restock", request, String::new())
            }
            Request::Order {
                id,
                product,
                quantity,
            } => {
                let status = if call.answer == 1 {
                    "accepted"
                } else {
                    "rejected"
                };
                let request = format!(":order \"o{id}\" :lines [[\"p{product}\" {quantity}]]");
                ("order", request, format!(":status \"{status}\""))
            }
            Request::Stock { product } => {
                let answer = format!(":stock {}", call.answer);
                ("stock", format!(":product \"p{product}\""), answer)
            }
        };
        let line =
            |kind, answer| format!("{process} {kind} {f} {{{request} :node \"n0\" {answer}}}\n");
        lines.insert(call.invoked, line("invoke", ""));
        lines.insert(call.returned, line("ok", &answer));
    }
    lines.into_values().collect()
}

#[test]
fn verdict_is_that_of_an_exhaustive_search() {
    let config = Config {
        cases: 2000,
        rng_seed: RngSeed::Fixed(7319),
        failure_persistence: None,
        ..Config::default()
    };
    let invalid = Cell::new(0);
    let outcome = TestRunner::new(config).run(&calls(), |calls| {
        let text = text(&calls);
        let settings = Settings::new(&Orders, vec!["n0".to_owned()]);
        let analysis = check(&history(&text), &settings);
        let is_valid = analysis.verdict != Verdict::Invalid;
        invalid.set(invalid.get() + u32::from(!is_valid));
        let expected = is_linearizable(&Shop::default(), &calls);
        prop_assert_eq!(is_valid, expected, "{}\n{:#?}", text, analysis.findings);
        Ok(())
    });
    outcome.unwrap();
    assert!(
        (500..1500).contains(&invalid.get()),
        "{invalid:?} histories are wrong"
    );
}
