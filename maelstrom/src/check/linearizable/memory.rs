//! The memory of a search: configurations that led nowhere. The search skips them, and all that are no
//! better.
//!
//! Take two configurations with the same layer, state and placed effects. The first is no better than
//! the second if it has placed only reads that the second has placed too, and has spent at least as much: every
//! continuation of the first is also one of the second.

use std::hash::Hash;

use super::configuration::Configuration;
use super::model::Model;
use super::problem::Problem;
use super::tally::Tally;

/// What of a configuration has to be equal, so that the rest can be compared: layer, state, and
/// effects placed.
type Place<S> = (u32, S, Box<[u32]>);

/// Configurations known.
#[allow(
    clippy::disallowed_types,
    reason = "only membership is asked, order is not"
)]
pub(super) struct Memory<S> {
    known: std::collections::HashMap<Place<S>, Vec<Known>>,
    comparisons: usize,
}

/// What two configurations at the same place differ in.
struct Known {
    reads: Box<[u32]>,
    spent: Tally,
}

impl<S> Default for Memory<S> {
    fn default() -> Memory<S> {
        Memory {
            known: Default::default(),
            comparisons: 0,
        }
    }
}

impl<S: Copy + Eq + Hash> Memory<S> {
    /// If a configuration is no better than a known one, that part of its spending which makes it
    /// so.
    pub fn find<M: Model<State = S>>(
        &mut self,
        problem: &Problem<M>,
        at: &Configuration<S>,
    ) -> Option<Tally> {
        let known = self.known.get(&place(at))?;
        for (compared, known) in (1..).zip(known) {
            if contains(&known.reads, &at.reads)
                && let Some(part) = part_as_dear(problem, &known.spent, &at.spent)
            {
                self.comparisons += compared;
                return Some(part);
            }
        }
        self.comparisons += known.len();
        None
    }

    /// Remembers a configuration as if it had spent only this, and forgets those that are no
    /// better.
    pub fn learn<M: Model<State = S>>(
        &mut self,
        problem: &Problem<M>,
        at: &Configuration<S>,
        spent: Tally,
    ) {
        let known = self.known.entry(place(at)).or_default();
        self.comparisons += known.len();
        known.retain(|known| {
            !contains(&at.reads, &known.reads)
                || part_as_dear(problem, &spent, &known.spent).is_none()
        });
        let reads = at.reads.as_slice().into();
        known.push(Known { reads, spent });
    }

    /// Whether a configuration was remembered just as it is, and has not been forgotten.
    pub fn holds(&self, at: &Configuration<S>) -> bool {
        let same = |known: &Known| *known.reads == *at.reads && known.spent == at.spent;
        let known = self.known.get(&place(at));
        known.is_some_and(|known| known.iter().any(same))
    }

    /// How many pairs of configurations have been compared: what the memory has cost.
    pub fn comparisons(&self) -> usize {
        self.comparisons
    }
}

fn place<S: Copy>(at: &Configuration<S>) -> Place<S> {
    (at.layer, at.state, at.effects.as_slice().into())
}

/// A part of `spent` that leaves no more possibilities than `other` does, if there is one: the same
/// calls, or in their stead calls that do the same in every state.
fn part_as_dear<M: Model>(problem: &Problem<M>, other: &Tally, spent: &Tally) -> Option<Tally> {
    // Most are refused here, before anything is allocated.
    for (class, count) in other.iter() {
        let short = count.saturating_sub(spent.of(class));
        if short > 0 && spent.of(problem.optional[class as usize].substitute?) < short {
            return None;
        }
    }
    let mut part = Tally::default();
    for (class, count) in other.iter() {
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
