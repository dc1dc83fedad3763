//! The search for an order of the calls that the model accepts.
//!
//! Depth first, with a memory of dead ends: the algorithm of Wing and Gong ("Testing and verifying
//! concurrent objects", 1993) as Lowe improved it ("Testing for linearizability", 2017). What is
//! added here concerns unanswered calls, which otherwise multiply the dead ends: a dead end is
//! remembered together with *why* it is one, that is how many unanswered calls of which kind had to
//! be used up for it. The same situation with other calls used up as well is then known to be dead
//! without a look; and if none had to be, it is dead for good.

use std::collections::BTreeSet;
use std::hash::Hash;

use super::configuration::{Configuration, Detours, Move, Step};
use super::model::Model;
use super::problem::Problem;
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
/// at no more than `budget` configurations.
pub(super) fn search<M: Model>(
    problem: &Problem<M>,
    from: impl IntoIterator<Item = M::State>,
    budget: usize,
) -> Outcome<M::State> {
    let mut search = Search {
        problem,
        path: Vec::new(),
        roots: from.into_iter().map(|state| problem.root(state)).collect(),
        dead: Known::default(),
        frontier: Frontier {
            layer: 0,
            states: BTreeSet::new(),
        },
    };
    for _ in 0..budget {
        let Some(next) = search.next_move() else {
            return Outcome::Stuck(search.frontier);
        };
        if next.to.layer == problem.layers() {
            let path = search.path.iter().flat_map(|frame| &frame.steps);
            return Outcome::Ordered(Some(path.chain(&next.steps).copied().collect()));
        }
        search.enter(next);
    }
    Outcome::Undecided
}

struct Search<'a, M: Model> {
    problem: &'a Problem<M>,
    /// The configurations on the way to the current one.
    path: Vec<Frame<M::State>>,
    /// The ways to begin that are left.
    roots: Vec<Move<M::State>>,
    dead: Known<M::State>,
    frontier: Frontier<M::State>,
}

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
    /// The next way to try, going back as far as necessary.
    fn next_move(&mut self) -> Option<Move<M::State>> {
        while let Some(frame) = self.path.last_mut() {
            if let Some(next) = frame.moves.pop() {
                return Some(next);
            }
            if frame.detoured {
                self.leave();
                continue;
            }
            let Detours { moves, missing } = self.problem.detours(&frame.at);
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
        if to.layer > self.frontier.layer {
            self.frontier = Frontier {
                layer: to.layer,
                states: BTreeSet::new(),
            };
        }
        if to.layer == self.frontier.layer {
            self.frontier.states.insert(to.state);
        }
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
            self.dead.learn(self.problem, at, because);
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

/// The configurations known to be dead, by layer, state and effects placed.
#[allow(
    clippy::disallowed_types,
    reason = "only membership is asked, order is not"
)]
pub(super) struct Known<S>(std::collections::HashMap<(u32, S, Box<[u32]>), Vec<DeadEnd>>);

/// A configuration is dead if it has placed no other reads than these and spent all of this.
struct DeadEnd {
    reads: Box<[u32]>,
    spent: Tally,
}

impl<S> Default for Known<S> {
    fn default() -> Known<S> {
        Known(Default::default())
    }
}

impl<S: Copy + Eq + Hash> Known<S> {
    /// If a configuration is dead, what of its spending is the reason.
    pub fn find<M: Model<State = S>>(
        &self,
        problem: &Problem<M>,
        at: &Configuration<S>,
    ) -> Option<Tally> {
        let known = self
            .0
            .get(&(at.layer, at.state, at.effects.as_slice().into()))?;
        known
            .iter()
            .filter(|dead| contains(&dead.reads, &at.reads))
            .find_map(|dead| as_dear(problem, &dead.spent, &at.spent))
    }

    /// Whether a configuration was remembered with all of its spending, and none was remembered
    /// since that makes it superfluous.
    pub fn holds(&self, at: &Configuration<S>) -> bool {
        let known = self
            .0
            .get(&(at.layer, at.state, at.effects.as_slice().into()));
        known.is_some_and(|known| {
            known
                .iter()
                .any(|k| *k.reads == *at.reads && k.spent == at.spent)
        })
    }

    /// Remembers a configuration that is dead because of some of its spending.
    pub fn learn<M: Model<State = S>>(
        &mut self,
        problem: &Problem<M>,
        at: Configuration<S>,
        because: Tally,
    ) {
        let known = self
            .0
            .entry((at.layer, at.state, at.effects.into()))
            .or_default();
        let (reads, spent): (Box<[u32]>, Tally) = (at.reads.into(), because);
        known.retain(|dead| {
            !contains(&reads, &dead.reads) || as_dear(problem, &spent, &dead.spent).is_none()
        });
        known.push(DeadEnd { reads, spent });
    }
}

/// A part of `spent` that leaves no more possibilities than `dead` does, if there is one: the same
/// calls, or in their stead calls that do the same in every state.
fn as_dear<M: Model>(problem: &Problem<M>, dead: &Tally, spent: &Tally) -> Option<Tally> {
    let mut part = Tally::default();
    for (class, count) in dead.iter() {
        let same = count.min(spent.of(class));
        part.add(class, same);
        if same < count {
            part.add(problem.optional[class as usize].substitute?, count - same);
        }
    }
    part.at_most(spent).then_some(part)
}

/// Whether all of the second sorted set is in the first.
fn contains(first: &[u32], second: &[u32]) -> bool {
    let mut first = first.iter();
    second
        .iter()
        .all(|item| first.find(|other| *other >= item) == Some(item))
}
