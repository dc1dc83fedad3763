//! The search for an order of the calls that the model accepts.
//!
//! Depth first, with a memory of dead ends: the algorithm of Wing and Gong ("Testing and verifying
//! concurrent objects", 1993) as Lowe improved it ("Testing for linearizability", 2017). What is
//! added here concerns unanswered calls, which otherwise multiply the dead ends: a dead end is
//! remembered together with *why* it is one, that is how many unanswered calls of which kind had to
//! be used up for it. The same situation with other calls used up as well is then known to be dead
//! without a look; and if none had to be, it is dead for good.

use std::collections::BTreeSet;

use super::configuration::{Configuration, Detours, Move, Supply};
use super::memory::Memory;
use super::model::Model;
use super::problem::{Problem, Step};
use super::tally::Tally;

/// How a search ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome<S> {
    /// Every required call has a place, in this order if it is known.
    Ordered(Option<Vec<Step>>),
    /// There is no order.
    Stuck(Frontier<S>),
    /// The budget is spent.
    Undecided,
}

/// How far the search got at most: everything before `layer` can be placed, the call of this layer
/// cannot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frontier<S> {
    /// The call that has no place.
    pub layer: u32,
    /// The states that were possible just before.
    pub states: BTreeSet<S>,
}

impl<S: Copy + Ord> Frontier<S> {
    /// Takes note of a configuration.
    pub fn reach(&mut self, at: &Configuration<S>) {
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

impl<S> Default for Frontier<S> {
    fn default() -> Frontier<S> {
        Frontier {
            layer: 0,
            states: BTreeSet::new(),
        }
    }
}

/// Decides whether the required calls can be ordered, from any of the states in `from`, by looking
/// at or comparing no more than about `budget` configurations.
pub(super) fn search<M: Model>(
    problem: &Problem<M>,
    from: impl IntoIterator<Item = M::State>,
    budget: usize,
) -> Outcome<M::State> {
    let mut search = Search {
        problem,
        path: Vec::new(),
        roots: from.into_iter().map(|state| problem.root(state)).collect(),
        dead: Memory::default(),
        frontier: Frontier::default(),
        budget,
        effort: 0,
    };
    while search.left() > 0 {
        let Some(next) = search.next_move() else {
            // It has tried everything, unless it had to stop before.
            return match search.left() {
                0 => Outcome::Undecided,
                _ => Outcome::Stuck(search.frontier),
            };
        };
        if next.to.layer == problem.layers() {
            let path = search.path.iter().flat_map(|frame| &frame.steps);
            return Outcome::Ordered(Some(path.chain(&next.steps).copied().collect()));
        }
        search.enter(next);
        search.effort += 1;
    }
    Outcome::Undecided
}

/// The state of a search.
struct Search<'a, M: Model> {
    problem: &'a Problem<M>,
    /// The configurations on the way to the current one.
    path: Vec<Frame<M::State>>,
    /// The ways to begin that are left.
    roots: Vec<Move<M::State>>,
    /// Dead ends, each as if it had spent only what makes it one.
    dead: Memory<M::State>,
    frontier: Frontier<M::State>,
    budget: usize,
    /// What was spent, beside the memory's comparisons.
    effort: usize,
}

/// A configuration on the way.
struct Frame<S> {
    at: Configuration<S>,
    /// What was placed to get here.
    steps: Vec<Step>,
    /// The ways on that are left: first without unanswered calls, then with them.
    moves: Vec<Move<S>>,
    detoured: bool,
    /// As far as the ways on were tried, each of them would be dead, or missing, as long as no less
    /// than this is spent here.
    because: Tally,
}

impl<M: Model> Search<'_, M> {
    /// How much of the budget is left.
    fn left(&self) -> usize {
        let spent = self.effort + self.dead.comparisons();
        self.budget.saturating_sub(spent)
    }

    /// The next way to try, going back as far as necessary. None if there is none, or the budget is
    /// spent.
    fn next_move(&mut self) -> Option<Move<M::State>> {
        while !self.path.is_empty() {
            let left = self.left();
            let frame = self.path.last_mut()?;
            if let Some(next) = frame.moves.pop() {
                return Some(next);
            }
            if frame.detoured {
                self.leave();
                continue;
            }
            let detours = self.problem.detours(&frame.at, Supply::Counted, left);
            let Some(Detours {
                moves,
                missing,
                effort,
            }) = detours
            else {
                self.effort = self.budget;
                return None;
            };
            self.effort += effort;
            frame.moves = moves;
            frame.detoured = true;
            for (class, count) in missing.iter() {
                frame.because.raise(class, count);
            }
        }
        self.roots.pop()
    }

    /// Goes on to a configuration, unless it is known to be dead. It cannot be on the path, because
    /// every move places a required call.
    fn enter(&mut self, Move { to, steps }: Move<M::State>) {
        if let Some(because) = self.dead.find(self.problem, &to) {
            self.blame(&because, &steps);
            return;
        }
        self.frontier.reach(&to);
        let moves = self.problem.moves(&to);
        let because = Tally::default();
        self.path.push(Frame {
            at: to,
            steps,
            moves,
            detoured: false,
            because,
        });
    }

    /// Goes back from a configuration that turned out to be dead.
    fn leave(&mut self) {
        if let Some(Frame {
            at, steps, because, ..
        }) = self.path.pop()
        {
            self.blame(&because, &steps);
            self.dead.learn(self.problem, &at, because);
        }
    }

    /// Notes that a move from the current configuration is dead as long as `because` is spent after
    /// it: before it, that is less by what the move itself spends.
    fn blame(&mut self, because: &Tally, steps: &[Step]) {
        if let Some(frame) = self.path.last_mut() {
            for (class, count) in because.iter() {
                let own = steps
                    .iter()
                    .filter(|&&step| step == Step::Optional(class))
                    .count();
                frame.because.raise(class, count.saturating_sub(own as u32));
            }
        }
    }
}
