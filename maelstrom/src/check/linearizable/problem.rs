//! The calls on one object, arranged for the search.
//!
//! Required calls stand in the order of their returns. A search has to place call *k* before its
//! return, so *k* is also the *layer* that the search works on until it has placed it. Calls that
//! were never answered may take effect at any time after their invocation, or never; equal ones
//! are interchangeable, so a search only counts how many of each it has used.

use std::collections::BTreeMap;

use super::model::Model;

/// One operation on the object: what it did, and between which moments.
#[derive(Clone, Copy, Debug)]
pub struct Call<Op> {
    /// What it did.
    pub op: Op,
    /// The moment of its invocation. Moments only need an order: positions in a history will do.
    pub invoked: usize,
    /// The moment of its return, or `None` if it is not known whether it happened.
    pub returned: Option<usize>,
}

/// A call that was answered, and has to be placed.
#[derive(Debug)]
pub(super) struct Required<Op> {
    pub op: Op,
    pub invoked: usize,
    pub returned: usize,
    /// Its position among the calls that the problem was made of.
    pub call: usize,
}

/// Calls that were never answered and are equal to each other.
#[derive(Debug)]
pub(super) struct Optional<Op> {
    pub op: Op,
    /// When each was invoked, in order, and its position among the calls.
    pub members: Vec<(usize, usize)>,
    /// The class, if there is one, whose calls can stand in for these: they do the same in every
    /// state.
    pub substitute: Option<u32>,
    /// After this moment no call is left that could notice them.
    pub noticed_until: usize,
}

/// A call that an order places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A required call.
    Required(u32),
    /// One more of a class of unanswered ones.
    Optional(u32),
}

/// The calls of one object.
#[derive(Debug)]
pub(super) struct Problem<M: Model> {
    pub model: M,
    /// In the order of their returns; a layer is an index into these.
    pub required: Vec<Required<M::Op>>,
    pub optional: Vec<Optional<M::Op>>,
    /// The classes of unanswered calls that set each state, ascending.
    by_state: BTreeMap<M::State, Vec<u32>>,
    /// For each layer, the required calls from that layer on that were invoked before it returned:
    /// those that change the state.
    pub effects: Pending,
    /// The same, of those that do not.
    pub reads: Pending,
}

/// The calls that are pending at each layer, one layer after the other.
#[derive(Debug, Default)]
pub(super) struct Pending {
    calls: Vec<u32>,
    /// Where each layer ends in `calls`.
    ends: Vec<u32>,
}

impl Pending {
    /// The calls of a layer, ascending.
    pub fn of(&self, layer: u32) -> &[u32] {
        let layer = layer as usize;
        let start = layer.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.calls[start as usize..self.ends[layer] as usize]
    }

    /// Ends the layer to which calls were added last.
    fn end_layer(&mut self) {
        self.ends.push(self.calls.len() as u32);
    }
}

impl<M: Model> Problem<M> {
    /// Arranges `calls`. Those without consequences are left out: reads that fit every state, and
    /// unanswered calls whose effect no other call could notice.
    pub fn new(model: M, calls: &[Call<M::Op>]) -> Problem<M> {
        let mut required = Vec::new();
        let mut unanswered = Vec::new();
        for (
            call,
            &Call {
                op,
                invoked,
                returned,
            },
        ) in calls.iter().enumerate()
        {
            match returned {
                _ if model.needs(op).is_none() && model.sets(op).is_none() => {}
                Some(returned) => required.push(Required {
                    op,
                    invoked,
                    returned,
                    call,
                }),
                None if model.sets(op).is_some() => unanswered.push((op, invoked, call)),
                None => {}
            }
        }
        required.sort_by_key(|call| call.returned);
        let optional = noticeable(&model, &required, unanswered);
        let mut by_state: BTreeMap<M::State, Vec<u32>> = BTreeMap::new();
        for (number, class) in (0..).zip(&optional) {
            if let Some(state) = model.sets(class.op) {
                by_state.entry(state).or_default().push(number);
            }
        }
        let mut problem = Problem {
            model,
            required,
            optional,
            by_state,
            effects: Pending::default(),
            reads: Pending::default(),
        };
        problem.lay_out();
        problem
    }

    /// Fills in what is pending at each layer.
    fn lay_out(&mut self) {
        let mut by_invocation: Vec<u32> = (0..self.required.len() as u32).collect();
        by_invocation.sort_by_key(|&call| self.required[call as usize].invoked);
        let mut arriving = by_invocation.into_iter().peekable();
        let mut pending: Vec<u32> = Vec::new();
        for (layer, Required { returned, .. }) in self.required.iter().enumerate() {
            while let Some(call) =
                arriving.next_if(|&call| self.required[call as usize].invoked < *returned)
            {
                insert(&mut pending, call);
            }
            for &call in &pending {
                match self.model.sets(self.required[call as usize].op) {
                    Some(_) => self.effects.calls.push(call),
                    None => self.reads.calls.push(call),
                }
            }
            self.effects.end_layer();
            self.reads.end_layer();
            remove(&mut pending, layer as u32);
        }
    }

    /// The number of layers: a search that gets this far has placed everything.
    pub fn layers(&self) -> u32 {
        self.required.len() as u32
    }

    /// The classes of unanswered calls that set a state, ascending.
    pub fn leading_to(&self, state: M::State) -> &[u32] {
        self.by_state.get(&state).map_or(&[], Vec::as_slice)
    }

    /// The states that unanswered calls set.
    pub fn optional_states(&self) -> impl ExactSizeIterator<Item = M::State> {
        self.by_state.keys().copied()
    }

    /// The required call of this index.
    pub fn op(&self, call: u32) -> M::Op {
        self.required[call as usize].op
    }

    /// How many unanswered calls of a class were invoked before the layer's call returned; zero
    /// once no call is left that could notice them.
    pub fn available(&self, class: u32, layer: u32) -> u32 {
        let Optional {
            members,
            noticed_until,
            ..
        } = &self.optional[class as usize];
        let returned = self.required[layer as usize].returned;
        if *noticed_until < returned {
            return 0;
        }
        members.partition_point(|(invoked, _)| *invoked < returned) as u32
    }

    /// The calls that the steps place, in order.
    pub fn calls_of(&self, steps: &[Step]) -> Vec<usize> {
        let mut used = vec![0; self.optional.len()];
        let call = |step: &Step| match *step {
            Step::Required(call) => self.required[call as usize].call,
            Step::Optional(class) => {
                // Equal calls are used in the order of their invocations.
                let nth = &mut used[class as usize];
                *nth += 1;
                self.optional[class as usize].members[*nth - 1].1
            }
        };
        steps.iter().map(call).collect()
    }
}

/// Groups unanswered calls by operation, without those that can make no difference: those that set
/// a state which no later call needs, be it an answered call or an unanswered one that itself makes
/// a difference.
fn noticeable<M: Model>(
    model: &M,
    required: &[Required<M::Op>],
    unanswered: Vec<(M::Op, usize, usize)>,
) -> Vec<Optional<M::Op>> {
    let mut last_need = BTreeMap::new();
    for call in required {
        // In the order of returns, so that the last one stays.
        if let Some(state) = model.needs(call.op) {
            last_need.insert(state, call.returned);
        }
    }
    let noticed_until = |last_need: &BTreeMap<M::State, usize>, op| {
        let state = model.sets(op)?;
        last_need.get(&state).copied()
    };
    loop {
        let mut settled = true;
        for &(op, invoked, _) in &unanswered {
            let Some(until) = noticed_until(&last_need, op).filter(|&until| invoked < until) else {
                continue;
            };
            if let Some(needed) = model.needs(op)
                && last_need.get(&needed).is_none_or(|&last| last < until)
            {
                last_need.insert(needed, until);
                settled = false;
            }
        }
        if settled {
            break;
        }
    }
    let mut classes: BTreeMap<M::Op, Optional<M::Op>> = BTreeMap::new();
    for (op, invoked, call) in unanswered {
        if let Some(noticed_until) = noticed_until(&last_need, op).filter(|&until| invoked < until)
        {
            let new = || Optional {
                op,
                members: vec![],
                substitute: None,
                noticed_until,
            };
            classes
                .entry(op)
                .or_insert_with(new)
                .members
                .push((invoked, call));
        }
    }
    let mut classes: Vec<_> = classes.into_values().collect();
    let unconditional: BTreeMap<M::State, u32> = (0..)
        .zip(&classes)
        .filter(|(_, class)| model.needs(class.op).is_none())
        .filter_map(|(i, class)| Some((model.sets(class.op)?, i)))
        .collect();
    for class in &mut classes {
        class.members.sort_unstable();
        if let (Some(_), Some(sets)) = (model.needs(class.op), model.sets(class.op)) {
            class.substitute = unconditional.get(&sets).copied();
        }
    }
    classes
}

/// Adds to a sorted set.
pub(super) fn insert(set: &mut Vec<u32>, item: u32) {
    if let Err(at) = set.binary_search(&item) {
        set.insert(at, item);
    }
}

/// Removes from a sorted set; whether it was there.
pub(super) fn remove(set: &mut Vec<u32>, item: u32) -> bool {
    let found = set.binary_search(&item);
    if let Ok(at) = found {
        set.remove(at);
    }
    found.is_ok()
}
