//! The elements of a set, and what the reads have shown of them.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::edn::Value;

/// One element. Reads are named by the index of their invocation.
#[derive(Clone, Debug)]
pub(super) struct Element<'h> {
    pub value: &'h Value,
    /// The invocation of its first add.
    added: usize,
    /// The completion that first proved its existence.
    pub known: Option<usize>,
    /// The last read that listed it.
    pub last_present: Option<usize>,
    /// The last read that did not.
    pub last_absent: Option<usize>,
    /// The highest number of copies in one read.
    pub copies_max: usize,
    /// The completion of the read that listed it and was looked at last, and its number of copies there.
    listed_by: Option<usize>,
    copies: usize,
}

impl Element<'_> {
    /// Notes a completion that proves the existence of the element.
    fn prove(&mut self, completion: usize) {
        self.known = Some(self.known.map_or(completion, |known| known.min(completion)));
    }
}

/// A read that completed.
pub(super) struct Read<'h> {
    /// The values that it listed.
    pub listed: &'h [Value],
    /// The index of its invocation.
    pub invocation: usize,
    /// The index of its completion.
    pub completion: usize,
}

/// Every element whose add was invoked, in the order of these invocations.
pub(super) struct Elements<'h> {
    elements: Vec<Element<'h>>,
    /// The places of small integers, which nearly all elements are: the generators count from 0.
    small: Vec<Option<u32>>,
    /// The places of all others.
    other: BTreeMap<&'h Value, u32>,
}

impl<'h> Elements<'h> {
    /// Creates an empty set for a history of that length.
    pub fn new(history_len: usize) -> Self {
        Elements {
            elements: Vec::new(),
            small: vec![None; history_len],
            other: BTreeMap::new(),
        }
    }

    fn place(&self, value: &Value) -> Option<usize> {
        let small = match value {
            Value::Int(n) => usize::try_from(n.get())
                .ok()
                .filter(|n| *n < self.small.len()),
            _ => None,
        };
        let place = match small {
            Some(n) => self.small[n],
            None => self.other.get(value).copied(),
        };
        place.map(|place| place as usize)
    }

    /// Takes note of the invocation of an add. Invocations must come in their order.
    pub fn insert(&mut self, value: &'h Value, invocation: usize) {
        if self.place(value).is_some() {
            return;
        }
        let place = self.elements.len() as u32;
        match value {
            Value::Int(n) if (0..self.small.len() as i128).contains(&n.get()) => {
                self.small[n.get() as usize] = Some(place);
            }
            _ => {
                self.other.insert(value, place);
            }
        }
        self.elements.push(Element {
            value,
            added: invocation,
            known: None,
            last_present: None,
            last_absent: None,
            copies_max: 0,
            listed_by: None,
            copies: 0,
        });
    }

    /// Takes note that the add of this value completed.
    pub fn acknowledge(&mut self, value: &Value, completion: usize) {
        if let Some(place) = self.place(value) {
            self.elements[place].prove(completion);
        }
    }

    /// Fills in what the reads show, once all adds are known.
    ///
    /// Reads are looked at from the last invocation to the first. So the first one found that misses an
    /// element is the last that does, and the element needs no further look. Until then each look at it
    /// is due to a read that lists it. Therefore the time is proportional to the length of all reads,
    /// also where many reads list few elements.
    pub fn follow(&mut self, mut reads: Vec<Read<'h>>) {
        reads.sort_unstable_by_key(|read| Reverse(read.invocation));
        let mut never_missed = Remaining::all(self.elements.len());
        for read in &reads {
            self.list(read);
            // A read says nothing about elements whose add began after it.
            let end = self
                .elements
                .partition_point(|element| element.added < read.completion);
            never_missed.retain_before(end, |place| {
                let element = &mut self.elements[place];
                let is_listed = element.listed_by == Some(read.completion);
                if !is_listed {
                    element.last_absent = Some(read.invocation);
                }
                is_listed
            });
        }
    }

    /// Takes note of the elements that a read lists. Values whose add has not begun are passed over.
    fn list(&mut self, read: &Read<'_>) {
        for value in read.listed {
            let Some(place) = self.place(value) else {
                continue;
            };
            let element = &mut self.elements[place];
            if element.added > read.completion {
                continue;
            }
            element.prove(read.completion);
            element.last_present.get_or_insert(read.invocation);
            if element.listed_by != Some(read.completion) {
                element.listed_by = Some(read.completion);
                element.copies = 0;
            }
            element.copies += 1;
            element.copies_max = element.copies_max.max(element.copies);
        }
    }

    /// Returns all elements, ascending by value.
    pub fn sorted(self) -> Vec<Element<'h>> {
        let mut elements = self.elements;
        elements.sort_by_key(|element| element.value);
        elements
    }
}

/// A set of places from which places are only removed: a linked list in ascending order.
struct Remaining {
    /// The first place, and then for each place the next one.
    next: Vec<u32>,
}

impl Remaining {
    /// Creates the set of the places `0 .. count`.
    fn all(count: usize) -> Remaining {
        Remaining {
            next: (0..=count as u32).collect(),
        }
    }

    /// Removes the places before `end` that `keep` refuses.
    fn retain_before(&mut self, end: usize, mut keep: impl FnMut(usize) -> bool) {
        let mut link = 0;
        while (self.next[link] as usize) < end {
            let place = self.next[link] as usize;
            match keep(place) {
                true => link = place + 1,
                false => self.next[link] = self.next[place + 1],
            }
        }
    }
}
