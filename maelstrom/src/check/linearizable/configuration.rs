//! Where the search stands, and where it can go from there.
//!
//! A configuration says which calls have been placed and what state they left. Calls are placed
//! *just in time* (Lowe, "Testing for linearizability", 2017): only before the earliest return
//! that is still open, and for its sake. Three rules keep configurations few without losing any
//! answer:
//!
//! - A read that fits the state is placed at once, for it changes nothing and has to be placed
//!   some time.
//! - Of equal pending calls the one that returns first goes first, and unanswered ones go last:
//!   two equal calls can always swap places.
//! - An unanswered call is used only on the way to a state that an answered call needs.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::model::Model;
use super::problem::{Problem, Step, insert, remove};
use super::tally::Tally;

/// How often an unanswered call may take effect. All but the first make the question easier, to decide
/// and to answer with yes: only their "no" is also the answer to the question asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Supply<S> {
    /// Once at most, as it should.
    Counted,
    /// Any number of times if it sets another state than this one. Those that set it take effect no more
    /// often together than there are of them.
    CountedInto(S),
    /// Any number of times.
    Unlimited,
}

/// What has been placed so far.
#[derive(Clone, Debug)]
pub(super) struct Configuration<S> {
    /// All required calls before this one have been placed, and this one has not.
    pub layer: u32,
    /// The state now.
    pub state: S,
    /// Calls beyond the layer that have been placed already: those that change the state,
    pub effects: Vec<u32>,
    /// and those that do not.
    pub reads: Vec<u32>,
    /// The unanswered calls that have been used.
    pub spent: Tally,
}

/// A way on: where it leads, and the calls that it places, in order.
#[derive(Clone, Debug)]
pub(super) struct Move<S> {
    pub to: Configuration<S>,
    pub steps: Vec<Step>,
}

/// The ways on that use unanswered calls.
pub(super) struct Detours<S> {
    /// The most promising last.
    pub moves: Vec<Move<S>>,
    /// There would be more with fewer calls spent than this, and only then.
    pub missing: Tally,
    /// What it took to find them.
    pub effort: usize,
}

/// So many ways through unanswered calls are compared at the price of one configuration.
const COMPARED_AT_ONCE: usize = 16;

/// A state that unanswered calls lead to.
#[derive(Clone)]
struct Detour<S> {
    state: S,
    used: Tally,
    steps: Vec<Step>,
}

/// The states that unanswered calls lead to.
struct Explored<S> {
    /// The present one first.
    found: Vec<Detour<S>>,
    missing: Tally,
    effort: usize,
}

impl<M: Model> Problem<M> {
    /// The configuration before anything was placed but the reads that fit `state`.
    pub fn root(&self, state: M::State) -> Move<M::State> {
        let (effects, reads, spent) = Default::default();
        let root = Configuration {
            layer: 0,
            state,
            effects,
            reads,
            spent,
        };
        self.settled(root, Vec::new())
    }

    /// Places what needs no choice: pending reads that fit, layer after layer.
    fn settled(&self, mut at: Configuration<M::State>, mut steps: Vec<Step>) -> Move<M::State> {
        while at.layer < self.layers() {
            for &read in self.reads.of(at.layer) {
                if self.model.needs(self.op(read)) == Some(at.state)
                    && at.reads.binary_search(&read).is_err()
                {
                    insert(&mut at.reads, read);
                    steps.push(Step::Required(read));
                }
            }
            if !remove(&mut at.reads, at.layer) && !remove(&mut at.effects, at.layer) {
                // What was spent of a class makes no difference once none of its calls can be noticed.
                at.spent.retain(|class| self.available(class, at.layer) > 0);
                break;
            }
            at.layer += 1;
        }
        Move { to: at, steps }
    }

    /// Places one required call that changes the state.
    fn place(
        &self,
        at: &Configuration<M::State>,
        call: u32,
        detour: Detour<M::State>,
    ) -> Move<M::State> {
        let state = self.model.sets(self.op(call)).unwrap_or(detour.state);
        let mut to = Configuration {
            state,
            ..after(at, &detour)
        };
        insert(&mut to.effects, call);
        let mut steps = detour.steps;
        steps.push(Step::Required(call));
        self.settled(to, steps)
    }

    /// The pending calls that change the state and whose turn it may be: of equal ones the first
    /// to return.
    fn candidates(&self, at: &Configuration<M::State>) -> Vec<u32> {
        let mut candidates: Vec<u32> = Vec::new();
        for &call in self.effects.of(at.layer) {
            let known = |earlier: &u32| self.op(*earlier) == self.op(call);
            if at.effects.binary_search(&call).is_err() && !candidates.iter().any(known) {
                candidates.push(call);
            }
        }
        candidates
    }

    /// The ways on without any unanswered call, the most promising last.
    pub fn moves(&self, at: &Configuration<M::State>) -> Vec<Move<M::State>> {
        let here = Detour {
            state: at.state,
            used: Tally::default(),
            steps: Vec::new(),
        };
        let fits = |&call: &u32| self.model.step(at.state, self.op(call)).is_some();
        let candidates = self.candidates(at).into_iter().filter(fits);
        let mut moves: Vec<_> = candidates
            .map(|call| self.place(at, call, here.clone()))
            .collect();
        self.promising_last(&mut moves);
        moves
    }

    /// The ways on that use unanswered calls first. None if to find them takes more effort than
    /// this: with many calls there may be exponentially many ways through them.
    pub fn detours(
        &self,
        at: &Configuration<M::State>,
        supply: Supply<M::State>,
        effort_max: usize,
    ) -> Option<Detours<M::State>> {
        let candidates = self.candidates(at);
        let reads = self.reads.of(at.layer).iter();
        let reads: Vec<u32> = reads
            .copied()
            .filter(|read| at.reads.binary_search(read).is_err())
            .collect();
        let needs = |&call: &u32| self.model.needs(self.op(call));
        let needed: BTreeSet<M::State> =
            candidates.iter().chain(&reads).filter_map(needs).collect();
        let useful = self.useful(at, &candidates, needed.clone());
        let Explored {
            found,
            missing,
            effort,
        } = self.explore(at, &useful, supply, effort_max)?;
        let mut moves = Vec::new();
        for detour in found
            .into_iter()
            .skip(1)
            .filter(|detour| needed.contains(&detour.state))
        {
            for call in candidates
                .iter()
                .filter(|&call| needs(call) == Some(detour.state))
            {
                moves.push(self.place(at, *call, detour.clone()));
            }
            if reads.iter().any(|read| needs(read) == Some(detour.state)) {
                let to = Configuration {
                    state: detour.state,
                    ..after(at, &detour)
                };
                moves.push(self.settled(to, detour.steps));
            }
        }
        self.promising_last(&mut moves);
        Some(Detours {
            moves,
            missing,
            effort,
        })
    }

    /// The states that calls of these classes lead to, starting with the present one, each with
    /// every way of getting there that makes no other way superfluous; and what would have to be
    /// unspent for more.
    fn explore(
        &self,
        at: &Configuration<M::State>,
        classes: &[(u32, u32)],
        supply: Supply<M::State>,
        effort_max: usize,
    ) -> Option<Explored<M::State>> {
        let start = Detour {
            state: at.state,
            used: Tally::default(),
            steps: Vec::new(),
        };
        let (mut found, mut missing) = (vec![start], Tally::default());
        let (mut next, mut compared) = (0, 0);
        while next < found.len() {
            if compared / COMPARED_AT_ONCE > effort_max {
                return None;
            }
            for &(class, available) in classes {
                let here = &found[next];
                let op = self.optional[class as usize].op;
                // What needs no other call before it is not worth one.
                if next > 0 && self.model.needs(op).is_none() {
                    continue;
                }
                let Some(state) = self.model.step(here.state, op) else {
                    continue;
                };
                let mut used = here.used.clone();
                let counter = self.counter(class, available, state, at.layer, supply);
                if let Some((counter, _)) = counter {
                    used.add(counter, 1);
                }
                compared += found.len();
                if found
                    .iter()
                    .any(|other| other.state == state && other.used.at_most(&used))
                {
                    continue;
                }
                if let Some((counter, available)) = counter
                    && at.spent.of(counter) + used.of(counter) > available
                {
                    missing.raise(counter, available - here.used.of(counter));
                    continue;
                }
                let mut steps = here.steps.clone();
                steps.push(Step::Optional(class));
                found.push(Detour { state, used, steps });
            }
            next += 1;
        }
        Some(Explored {
            found,
            missing,
            effort: compared / COMPARED_AT_ONCE,
        })
    }

    /// The class under which a call is counted that belongs to `class` and sets `state`, and how many calls
    /// there are to count; `None` if it is not counted.
    fn counter(
        &self,
        class: u32,
        available: u32,
        state: M::State,
        layer: u32,
        supply: Supply<M::State>,
    ) -> Option<(u32, u32)> {
        match supply {
            Supply::Counted => Some((class, available)),
            Supply::CountedInto(counted) if counted == state => {
                let classes = self.leading_to(state);
                // This class is there as soon as any of the others.
                let first = |class: &u32| self.optional[*class as usize].members[0];
                let all = classes.iter().map(|&class| self.available(class, layer));
                Some((classes.iter().copied().min_by_key(first)?, all.sum()))
            }
            Supply::CountedInto(_) | Supply::Unlimited => None,
        }
    }

    /// The classes of unanswered calls, with how many there are, that can play a part on the way to
    /// one of the `wanted` states. Those that equal a candidate do not: the candidate goes first.
    fn useful(
        &self,
        at: &Configuration<M::State>,
        candidates: &[u32],
        mut wanted: BTreeSet<M::State>,
    ) -> Vec<(u32, u32)> {
        let op = |class: u32| self.optional[class as usize].op;
        let plays_a_part = |class: &u32| {
            self.available(*class, at.layer) > 0
                && candidates.iter().all(|&call| self.op(call) != op(*class))
        };
        let mut useful = Vec::new();
        let mut new: Vec<M::State> = wanted.iter().copied().collect();
        while !new.is_empty() {
            let leading = new.drain(..).flat_map(|state| self.leading_to(state));
            let mut classes: Vec<u32> = leading.copied().filter(plays_a_part).collect();
            classes.sort_unstable();
            for class in classes {
                useful.push((class, self.available(class, at.layer)));
                new.extend(
                    self.model
                        .needs(op(class))
                        .filter(|state| wanted.insert(*state)),
                );
            }
        }
        useful
    }

    /// Sorts so that the end of the list is the best guess: what satisfies most returns and spends
    /// least, if it must then on calls that are of little use elsewhere.
    fn promising_last(&self, moves: &mut [Move<M::State>]) {
        let dear = |class: u32| self.model.needs(self.optional[class as usize].op).is_none();
        moves.sort_by_key(|Move { to, steps }| {
            let dear = steps
                .iter()
                .filter(|s| matches!(s, Step::Optional(c) if dear(*c)));
            (to.layer, Reverse(to.spent.total()), Reverse(dear.count()))
        });
    }
}

/// The configuration with what a detour has used.
fn after<S: Clone>(at: &Configuration<S>, detour: &Detour<S>) -> Configuration<S> {
    let mut after = at.clone();
    for (class, count) in detour.used.iter() {
        after.spent.add(class, count);
    }
    after
}
