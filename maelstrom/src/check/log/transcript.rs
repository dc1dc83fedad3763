//! What a history says about sends, polls and assignments, in a form that is quick to search.
//!
//! The one idea: keys, and the messages of each key, become small numbers. Every later question
//! ("who wrote it?", "was it ever read?", "where in the log is it?") is then an index into a
//! vector, and nothing depends on how large the offsets are.

use crate::edn::Value;
use crate::history::{Kind, Operation};

/// A key, as an index into [`Transcript::keys`].
pub(super) type Key = usize;
/// A message of one key, as an index into [`KeyFacts::messages`].
pub(super) type Message = usize;
/// An operation, as an index into [`Transcript::steps`].
pub(super) type StepId = usize;

/// A history's operations on logs, in the order of their completions.
#[derive(Default)]
pub(super) struct Transcript<'h> {
    pub(super) steps: Vec<Step<'h>>,
    pub(super) keys: Vec<KeyFacts<'h>>,
    /// Whether clients did anything at all, be it of other functions than these.
    pub(super) has_operations: bool,
}

/// One client operation that concerns logs, from invocation to completion.
pub(super) struct Step<'h> {
    /// The completion's invocation; the completion itself if the history has none.
    pub(super) invocation: &'h Operation,
    /// How it ended; the invocation itself if the history breaks off before.
    pub(super) completion: &'h Operation,
    /// `Ok`, `Fail` or `Info`; the last also for what never completed.
    pub(super) kind: Kind,
    pub(super) action: Action,
}

/// What an operation did.
pub(super) enum Action {
    /// The process polls these keys from now on, and no others.
    Assign(Vec<Key>),
    /// Sends, polls, or (in a transaction) both.
    Transact {
        sends: Vec<(Key, Vec<Record>)>,
        polls: Vec<(Key, Vec<Record>)>,
    },
}

/// A message and where it is, as one operation saw it.
#[derive(Clone, Copy)]
pub(super) struct Record {
    /// Unknown for sends that were not acknowledged.
    pub(super) offset: Option<i64>,
    pub(super) message: Message,
}

/// What the whole history says about a key.
pub(super) struct KeyFacts<'h> {
    pub(super) key: &'h Value,
    pub(super) messages: Vec<MessageFacts<'h>>,
    /// The first ok poll that lists the key, be it with messages or without.
    pub(super) polled: Option<StepId>,
}

/// What the whole history says about a message.
pub(super) struct MessageFacts<'h> {
    pub(super) value: &'h Value,
    /// The (last) operation that sent it.
    pub(super) writer: Option<StepId>,
    /// Some send of it failed.
    pub(super) failed: bool,
    /// Some send of it was acknowledged.
    pub(super) acknowledged: bool,
    /// Some ok poll returned it.
    pub(super) read: bool,
    /// The first operation that polled it.
    pub(super) first_reader: Option<StepId>,
}

impl<'h> Transcript<'h> {
    /// Fills in what follows from the steps.
    pub(super) fn gather_facts(&mut self) {
        for (id, step) in self.steps.iter().enumerate() {
            let Action::Transact { sends, polls } = &step.action else {
                continue;
            };
            for (key, records) in sends {
                for record in records {
                    let facts = &mut self.keys[*key].messages[record.message];
                    facts.writer = Some(id);
                    facts.failed |= step.kind == Kind::Fail;
                    facts.acknowledged |= step.kind == Kind::Ok;
                }
            }
            for (key, records) in polls {
                let key = &mut self.keys[*key];
                if step.kind == Kind::Ok {
                    key.polled.get_or_insert(id);
                }
                for record in records {
                    let facts = &mut key.messages[record.message];
                    facts.read |= step.kind == Kind::Ok;
                    facts.first_reader.get_or_insert(id);
                }
            }
        }
    }

    /// The value of a key.
    pub(super) fn key(&self, key: Key) -> &'h Value {
        self.keys[key].key
    }

    /// The value of a message.
    pub(super) fn message(&self, key: Key, message: Message) -> &'h Value {
        self.keys[key].messages[message].value
    }

    /// Whether an operation's sends took effect: it was acknowledged, or its outcome is
    /// unknown but one of them was read.
    pub(super) fn committed(&self, step: StepId) -> bool {
        let step = &self.steps[step];
        match step.kind {
            Kind::Ok => true,
            Kind::Info => step.sends().iter().any(|(key, records)| {
                let messages = &self.keys[*key].messages;
                records.iter().any(|record| messages[record.message].read)
            }),
            Kind::Invoke | Kind::Fail => false,
        }
    }
}

impl Step<'_> {
    /// What it sent, by key.
    pub(super) fn sends(&self) -> &[(Key, Vec<Record>)] {
        match &self.action {
            Action::Transact { sends, .. } => sends,
            Action::Assign(_) => &[],
        }
    }

    /// What it polled, by key, in the order of the reply.
    pub(super) fn polls(&self) -> &[(Key, Vec<Record>)] {
        match &self.action {
            Action::Transact { polls, .. } => polls,
            Action::Assign(_) => &[],
        }
    }

    /// Whether it sends or polls, which makes it a node of the dependency graph.
    pub(super) fn is_transaction(&self) -> bool {
        matches!(self.action, Action::Transact { .. })
    }

    /// Whether it certainly took effect before `other` began.
    pub(super) fn precedes(&self, other: &Step) -> bool {
        self.kind == Kind::Ok && self.completion.index < other.invocation.index
    }
}
