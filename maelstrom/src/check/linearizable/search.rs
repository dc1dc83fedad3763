//! The search for an order of the calls that the model accepts.
//!
//! Two searches share the work. *Depth first* (Wing and Gong 1993, with Lowe's memory of dead
//! ends) runs straight to an order when there is one. The *sweep* goes breadth first, layer by
//! layer, and so proves that there is none with no more memory than one layer takes; letting
//! unanswered calls take effect any number of times makes it immune to their combinations.

use std::collections::{BTreeMap, BTreeSet};

use super::configuration::{Configuration, Move, Step, Supply, at_most};
use super::model::Model;
use super::problem::Problem;

/// How a search ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome<S> {
    /// Every required call has a place. The order is known unless only the sweep found it.
    Ordered(Option<Vec<Step>>),
    /// There is no order.
    Stuck(Frontier<S>),
    /// The budget is spent.
    Undecided,
}

/// How far the searches got at most: everything before `layer` can be placed, the call of this
/// layer cannot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frontier<S> {
    /// The call that nobody could place.
    pub layer: u32,
    /// The states that were possible just before.
    pub states: BTreeSet<S>,
}

impl<S: Ord + Copy> Frontier<S> {
    fn new() -> Frontier<S> {
        Frontier {
            layer: 0,
            states: BTreeSet::new(),
        }
    }

    fn reach(&mut self, at: &Configuration<S>) {
        if at.layer > self.layer {
            *self = Frontier {
                layer: at.layer,
                states: BTreeSet::new(),
            };
        }
        if at.layer == self.layer {
            self.states.insert(at.state);
        }
    }
}

/// Decides within a budget of configurations whether the required calls can be ordered, from any
/// of the states in `from`.
pub(super) fn decide<M: Model>(
    problem: &Problem<M>,
    from: &[M::State],
    budget: usize,
) -> Outcome<M::State> {
    let mut depth_first = DepthFirst::new(problem, from);
    // Long enough for every order that can be found without trying hard.
    let outcome = depth_first.run(budget.min(1000 + 20 * problem.required.len()));
    if outcome != Outcome::Undecided {
        return outcome;
    }
    match sweep(problem, from, Supply::Unlimited, budget) {
        Outcome::Ordered(_) if problem.optional.is_empty() => Outcome::Ordered(None),
        Outcome::Ordered(_) | Outcome::Undecided => depth_first.run(budget),
        stuck => stuck,
    }
}

/// The configurations seen, as far as the best of them go: one is no better than another that has
/// the same state and placed the same effects, if that one has placed the same reads or more, and
/// spent the same unanswered calls or fewer.
#[allow(
    clippy::disallowed_types,
    reason = "only membership is asked, order is not"
)]
struct Memory<S>(std::collections::HashMap<(u32, S, Box<[u32]>), Vec<Tally>>);

struct Tally {
    reads: Box<[u32]>,
    spent: Box<[(u32, u32)]>,
}

impl<S: Copy + Eq + std::hash::Hash> Memory<S> {
    fn new() -> Memory<S> {
        Memory(Default::default())
    }

    /// Remembers a configuration. False if a known one is as good.
    fn learn(&mut self, at: &Configuration<S>) -> bool {
        let key = (at.layer, at.state, at.effects.as_slice().into());
        let known = self.0.entry(key).or_default();
        if known
            .iter()
            .any(|k| contains(&k.reads, &at.reads) && at_most(&k.spent, &at.spent))
        {
            return false;
        }
        known.retain(|k| !(contains(&at.reads, &k.reads) && at_most(&at.spent, &k.spent)));
        known.push(Tally {
            reads: at.reads.as_slice().into(),
            spent: at.spent.as_slice().into(),
        });
        true
    }
}

/// Whether all of the second sorted set is in the first.
fn contains(first: &[u32], second: &[u32]) -> bool {
    let mut first = first.iter();
    second
        .iter()
        .all(|item| first.find(|other| *other >= item) == Some(item))
}

/// A depth-first search that can be continued when its budget is spent.
struct DepthFirst<'a, M: Model> {
    problem: &'a Problem<M>,
    /// The configurations on the way to the current one, each with the ways on that are left.
    path: Vec<Frame<M::State>>,
    /// Everything that was ever on the path: a dead end, if it is not there any more. (What is
    /// on the path cannot be met again, because every move places a required call.)
    memory: Memory<M::State>,
    frontier: Frontier<M::State>,
    roots: Vec<Move<M::State>>,
}

struct Frame<S> {
    at: Configuration<S>,
    /// What was placed to get here.
    steps: Vec<Step>,
    moves: Vec<Move<S>>,
    /// Whether `moves` holds, or held, the ways that use unanswered calls.
    detoured: bool,
}

impl<'a, M: Model> DepthFirst<'a, M> {
    fn new(problem: &'a Problem<M>, from: &[M::State]) -> DepthFirst<'a, M> {
        DepthFirst {
            problem,
            path: Vec::new(),
            memory: Memory::new(),
            frontier: Frontier::new(),
            roots: from
                .iter()
                .rev()
                .map(|&state| problem.root(state))
                .collect(),
        }
    }

    /// Goes on until there is an answer, or `budget` configurations have been looked at.
    fn run(&mut self, budget: usize) -> Outcome<M::State> {
        for _ in 0..budget {
            let Some(Move { to, steps }) = self.next_move() else {
                return Outcome::Stuck(self.frontier.clone());
            };
            if to.layer == self.problem.layers() {
                let path = self.path.iter().flat_map(|frame| &frame.steps);
                return Outcome::Ordered(Some(path.chain(&steps).copied().collect()));
            }
            if self.memory.learn(&to) {
                self.frontier.reach(&to);
                let moves = self.problem.direct_moves(&to);
                self.path.push(Frame {
                    at: to,
                    steps,
                    moves,
                    detoured: false,
                });
            }
        }
        Outcome::Undecided
    }

    /// The next way to try, going back as far as necessary.
    fn next_move(&mut self) -> Option<Move<M::State>> {
        while let Some(frame) = self.path.last_mut() {
            if let Some(next) = frame.moves.pop() {
                return Some(next);
            }
            if frame.detoured {
                self.path.pop();
            } else {
                frame.moves = self.problem.detour_moves(&frame.at, Supply::Counted);
                frame.detoured = true;
            }
        }
        self.roots.pop()
    }
}

/// Finds every configuration of every layer, forgetting each layer when it is done, until one
/// layer turns out to lead no further. With an unlimited supply of unanswered calls `Ordered` does
/// not say much, `Stuck` says it all.
pub(super) fn sweep<M: Model>(
    problem: &Problem<M>,
    from: &[M::State],
    supply: Supply,
    budget: usize,
) -> Outcome<M::State> {
    let mut layers: BTreeMap<u32, (Memory<M::State>, Vec<Configuration<M::State>>)> =
        BTreeMap::new();
    let mut frontier = Frontier::new();
    let mut left = budget;
    let mut moves: Vec<_> = from.iter().map(|&state| problem.root(state)).collect();
    loop {
        for Move { to, .. } in moves.drain(..) {
            if to.layer == problem.layers() {
                return Outcome::Ordered(None);
            }
            let (memory, waiting) = layers
                .entry(to.layer)
                .or_insert_with(|| (Memory::new(), Vec::new()));
            if memory.learn(&to) {
                waiting.push(to);
            }
        }
        let Some(mut layer) = layers.first_entry() else {
            return Outcome::Stuck(frontier);
        };
        let Some(at) = layer.get_mut().1.pop() else {
            layer.remove();
            continue;
        };
        frontier.reach(&at);
        moves = problem.direct_moves(&at);
        moves.extend(problem.detour_moves(&at, supply));
        match left.checked_sub(moves.len().max(1)) {
            Some(rest) => left = rest,
            None => return Outcome::Undecided,
        }
    }
}
