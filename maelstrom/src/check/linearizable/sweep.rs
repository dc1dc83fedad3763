//! The search for a proof that there is no order.
//!
//! Layer by layer, every configuration that can be reached: the just-in-time graph search of Lowe
//! ("Testing for linearizability", 2017). Where the depth-first search has to understand each dead
//! end before it can dismiss the like, here all configurations of a layer are side by side, and
//! those that spent needlessly give way to the thrifty before anybody follows them. A layer is
//! forgotten when the next ones are known.

use std::collections::BTreeMap;

use super::configuration::{Configuration, Move, Supply};
use super::memory::Memory;
use super::model::Model;
use super::problem::Problem;
use super::search::Frontier;

/// How a sweep ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Swept<S> {
    /// There is an order.
    Through,
    /// There is none.
    Stuck(Frontier<S>),
    /// The budget is spent.
    Undecided,
}

/// Decides the same question as [`search`](super::search::search()), without finding the order.
pub(super) fn sweep<M: Model>(
    problem: &Problem<M>,
    from: impl IntoIterator<Item = M::State>,
    supply: Supply<M::State>,
    budget: usize,
) -> Swept<M::State> {
    let mut layers: BTreeMap<u32, Layer<M::State>> = BTreeMap::new();
    let mut frontier = Frontier::default();
    let mut moves: Vec<_> = from.into_iter().map(|state| problem.root(state)).collect();
    let mut looks = 0;
    while looks < budget {
        looks += moves.len();
        for Move { to, .. } in moves.drain(..) {
            if to.layer == problem.layers() {
                return Swept::Through;
            }
            layers.entry(to.layer).or_default().add(problem, to);
        }
        let Some(mut layer) = layers.first_entry() else {
            return Swept::Stuck(frontier);
        };
        let Some(at) = layer.get_mut().waiting.pop() else {
            looks += layer.remove().seen.comparisons();
            continue;
        };
        if layer.get().seen.holds(&at) {
            frontier.reach(&at);
            moves = problem.moves(&at);
            let Some(detours) = problem.detours(&at, supply, budget.saturating_sub(looks)) else {
                return Swept::Undecided;
            };
            looks += detours.effort;
            moves.extend(detours.moves);
        }
    }
    Swept::Undecided
}

/// The configurations of one layer.
struct Layer<S> {
    seen: Memory<S>,
    waiting: Vec<Configuration<S>>,
}

impl<S> Default for Layer<S> {
    fn default() -> Layer<S> {
        Layer {
            seen: Memory::default(),
            waiting: Vec::new(),
        }
    }
}

impl<S: Copy + Eq + std::hash::Hash> Layer<S> {
    /// Adds a configuration, unless one that is as good has been seen.
    fn add<M: Model<State = S>>(&mut self, problem: &Problem<M>, at: Configuration<S>) {
        if self.seen.find(problem, &at).is_none() {
            self.seen.learn(problem, &at, at.spent.clone());
            self.waiting.push(at);
        }
    }
}
