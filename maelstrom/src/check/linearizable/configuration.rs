//! Where a search stands, and where it can go from there.
//!
//! A configuration says which calls have been placed and what state they left. Calls are placed
//! *just in time* (Lowe, "Testing for linearizability", 2017, section on just-in-time
//! linearization): before the earliest return that is still open, and for its sake. Three rules
//! keep configurations few without losing any answer:
//!
//! - A read that fits the state is placed at once, for it changes nothing and has to be placed
//!   some time.
//! - Of equal pending calls the one that returns first goes first, and unanswered ones go last:
//!   two equal calls can always swap places.
//! - An unanswered call is used only on the way to a state that some answered call needs.

use std::collections::BTreeSet;

use super::model::Model;
use super::problem::{Problem, insert, remove};

/// How often an unanswered call may take effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Supply {
    /// At most once, as it should.
    Counted,
    /// As often as it pleases: an easier question, whose "no" is a "no" to the real one.
    Unlimited,
}

/// What has been placed so far.
#[derive(Clone, Debug)]
pub(super) struct Configuration<S> {
    /// All required calls before this one have been placed, and this one has not.
    pub layer: u32,
    pub state: S,
    /// Calls beyond the layer that have been placed already: those that change the state,
    pub effects: Vec<u32>,
    /// and those that do not.
    pub reads: Vec<u32>,
    /// How many unanswered calls of each class have been used, by class.
    pub spent: Vec<(u32, u32)>,
}

/// A call that a move places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A required call.
    Required(u32),
    /// One more of a class of unanswered ones.
    Optional(u32),
}

/// A way on: where it leads, and the calls that it places, in order.
#[derive(Clone, Debug)]
pub(super) struct Move<S> {
    pub to: Configuration<S>,
    pub steps: Vec<Step>,
}

/// A state that unanswered calls lead to.
struct Detour<S> {
    state: S,
    spent: Vec<(u32, u32)>,
    steps: Vec<Step>,
}

impl<S> Configuration<S> {
    /// The number of unanswered calls used.
    pub fn total_spent(&self) -> u32 {
        self.spent.iter().map(|(_, count)| count).sum()
    }
}

impl<M: Model> Problem<M> {
    /// The configuration before anything was placed; reads that fit `state` are placed at once.
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
            for &read in &self.reads[at.layer as usize] {
                if self.model.needs(self.op(read)) == Some(at.state)
                    && at.reads.binary_search(&read).is_err()
                {
                    insert(&mut at.reads, read);
                    steps.push(Step::Required(read));
                }
            }
            if !remove(&mut at.reads, at.layer) && !remove(&mut at.effects, at.layer) {
                break;
            }
            at.layer += 1;
        }
        if at.layer < self.layers() {
            at.spent
                .retain(|&(class, _)| self.available(class, at.layer) > 0);
        }
        Move { to: at, steps }
    }

    /// The pending calls of a configuration that change the state and whose turn it may be: of
    /// equal ones the first to return.
    fn candidates(&self, at: &Configuration<M::State>) -> Vec<u32> {
        let mut candidates: Vec<u32> = Vec::new();
        for &call in &self.effects[at.layer as usize] {
            if at.effects.binary_search(&call).is_err()
                && candidates
                    .iter()
                    .all(|&earlier| self.op(earlier) != self.op(call))
            {
                candidates.push(call);
            }
        }
        candidates
    }

    /// The ways on without any unanswered call, the most promising last.
    pub fn direct_moves(&self, at: &Configuration<M::State>) -> Vec<Move<M::State>> {
        let mut moves = Vec::new();
        for call in self.candidates(at) {
            if let Some(state) = self.model.step(at.state, self.op(call)) {
                moves.push(self.place(at, call, state, at.spent.clone(), Vec::new()));
            }
        }
        promising_last(&mut moves);
        moves
    }

    /// The ways on that use unanswered calls first, the most promising last.
    pub fn detour_moves(
        &self,
        at: &Configuration<M::State>,
        supply: Supply,
    ) -> Vec<Move<M::State>> {
        let candidates = self.candidates(at);
        let reads: Vec<u32> = self.reads[at.layer as usize]
            .iter()
            .copied()
            .filter(|read| at.reads.binary_search(read).is_err())
            .collect();
        let needed: BTreeSet<M::State> = candidates
            .iter()
            .chain(&reads)
            .filter_map(|&call| self.model.needs(self.op(call)))
            .filter(|&state| state != at.state)
            .collect();
        let mut moves = Vec::new();
        for Detour {
            state,
            spent,
            steps,
        } in self.detours(at, &candidates, &needed, supply)
        {
            if reads
                .iter()
                .any(|&read| self.model.needs(self.op(read)) == Some(state))
            {
                let to = Configuration {
                    state,
                    spent: spent.clone(),
                    ..at.clone()
                };
                moves.push(self.settled(to, steps.clone()));
            }
            for &call in &candidates {
                let op = self.op(call);
                if self.model.needs(op) == Some(state) {
                    let after = self.model.sets(op).unwrap_or(state);
                    moves.push(self.place(at, call, after, spent.clone(), steps.clone()));
                }
            }
        }
        promising_last(&mut moves);
        moves
    }

    /// Places one required call that changes the state.
    fn place(
        &self,
        at: &Configuration<M::State>,
        call: u32,
        state: M::State,
        spent: Vec<(u32, u32)>,
        mut steps: Vec<Step>,
    ) -> Move<M::State> {
        let mut to = Configuration {
            state,
            spent,
            ..at.clone()
        };
        insert(&mut to.effects, call);
        steps.push(Step::Required(call));
        self.settled(to, steps)
    }

    /// The needed states that unanswered calls can lead to, and every way of getting there that no
    /// other way makes superfluous.
    fn detours(
        &self,
        at: &Configuration<M::State>,
        candidates: &[u32],
        needed: &BTreeSet<M::State>,
        supply: Supply,
    ) -> Vec<Detour<M::State>> {
        let classes = self.leading_to(at, candidates, needed.clone());
        let start = Detour {
            state: at.state,
            spent: at.spent.clone(),
            steps: Vec::new(),
        };
        let mut found = vec![start];
        let mut next = 0;
        while next < found.len() {
            for &(class, available) in &classes {
                let here = &found[next];
                let op = self.optional[class as usize].op;
                let Some(state) = self.model.step(here.state, op) else {
                    continue;
                };
                let mut spent = here.spent.clone();
                if supply == Supply::Counted && !spend(&mut spent, class, available) {
                    continue;
                }
                if found
                    .iter()
                    .any(|other| other.state == state && at_most(&other.spent, &spent))
                {
                    continue;
                }
                let mut steps = here.steps.clone();
                steps.push(Step::Optional(class));
                found.push(Detour {
                    state,
                    spent,
                    steps,
                });
            }
            next += 1;
        }
        found.retain(|detour| needed.contains(&detour.state));
        found
    }

    /// The classes of unanswered calls, with how many there are, that can play a part on the way to
    /// one of the `wanted` states. Those that equal a candidate do not: the candidate goes first.
    fn leading_to(
        &self,
        at: &Configuration<M::State>,
        candidates: &[u32],
        mut wanted: BTreeSet<M::State>,
    ) -> Vec<(u32, u32)> {
        let mut left: Vec<(u32, u32)> = (0..self.optional.len() as u32)
            .map(|class| (class, self.available(class, at.layer)))
            .filter(|&(class, available)| {
                let op = self.optional[class as usize].op;
                available > 0 && candidates.iter().all(|&call| self.op(call) != op)
            })
            .collect();
        let mut leading = Vec::new();
        loop {
            let useful = |class: u32| {
                let sets = self.model.sets(self.optional[class as usize].op);
                sets.is_some_and(|state| wanted.contains(&state))
            };
            let (now, later): (Vec<_>, Vec<_>) =
                left.into_iter().partition(|&(class, _)| useful(class));
            if now.is_empty() {
                leading.sort_unstable();
                return leading;
            }
            for &(class, _) in &now {
                wanted.extend(self.model.needs(self.optional[class as usize].op));
            }
            leading.extend(now);
            left = later;
        }
    }
}

/// Sorts so that the end of the list is the best guess: what satisfies most returns, at the least
/// expense.
fn promising_last<S>(moves: &mut [Move<S>]) {
    moves.sort_by_key(|m| (m.to.layer, std::cmp::Reverse(m.to.total_spent())));
}

/// Counts one more of a class, unless all of them are used.
fn spend(spent: &mut Vec<(u32, u32)>, class: u32, available: u32) -> bool {
    match spent.binary_search_by_key(&class, |&(class, _)| class) {
        Ok(at) if spent[at].1 < available => spent[at].1 += 1,
        Ok(_) => return false,
        Err(at) => spent.insert(at, (class, 1)),
    }
    true
}

/// Whether the first spends at most what the second spends, class by class.
pub(super) fn at_most(first: &[(u32, u32)], second: &[(u32, u32)]) -> bool {
    let mut second = second.iter();
    first.iter().all(|&(class, count)| {
        second
            .find(|(other, _)| *other >= class)
            .is_some_and(|&(other, most)| other == class && count <= most)
    })
}
