//! The elements of a set, and what the reads so far have shown of them.

use std::collections::BTreeMap;

use crate::edn::Value;

/// One element. Reads are named by the index of their invocation.
#[derive(Clone, Debug)]
pub(super) struct Element<'h> {
    pub value: &'h Value,
    /// The completion that first proved its existence.
    pub known: Option<usize>,
    /// The last read that listed it.
    pub last_present: Option<usize>,
    /// The last read that did not.
    pub last_absent: Option<usize>,
    /// The highest number of copies in one read.
    pub copies_max: usize,
    /// The completion of the read that listed it most recently, and its number of copies there.
    listed_by: Option<usize>,
    copies: usize,
}

/// Every element whose add was invoked so far.
pub(super) struct Elements<'h> {
    elements: Vec<Element<'h>>,
    /// The places of small integers, which nearly all elements are: the generators count from 0.
    small: Vec<Option<u32>>,
    /// The places of all others.
    other: BTreeMap<&'h Value, u32>,
}

impl<'h> Elements<'h> {
    /// No elements yet, of a history of that length.
    pub fn new(history_len: usize) -> Self {
        Elements {
            elements: Vec::new(),
            small: vec![None; history_len],
            other: BTreeMap::new(),
        }
    }

    fn place(&self, value: &Value) -> Option<usize> {
        let small = match value {
            Value::Int(n) => usize::try_from(*n).ok().filter(|n| *n < self.small.len()),
            _ => None,
        };
        let place = match small {
            Some(n) => self.small[n],
            None => self.other.get(value).copied(),
        };
        place.map(|place| place as usize)
    }

    /// An add of this value begins.
    pub fn insert(&mut self, value: &'h Value) {
        if self.place(value).is_some() {
            return;
        }
        let place = self.elements.len() as u32;
        match value {
            Value::Int(n) if (0..self.small.len() as i128).contains(n) => {
                self.small[*n as usize] = Some(place);
            }
            _ => {
                self.other.insert(value, place);
            }
        }
        self.elements.push(Element {
            value,
            known: None,
            last_present: None,
            last_absent: None,
            copies_max: 0,
            listed_by: None,
            copies: 0,
        });
    }

    /// The add of this value completed.
    pub fn acknowledge(&mut self, value: &Value, completion: usize) {
        if let Some(place) = self.place(value) {
            self.elements[place].known.get_or_insert(completion);
        }
    }

    /// A read completed that listed these values. Values whose add has not begun are passed over.
    pub fn read(&mut self, listed: &[Value], invocation: usize, completion: usize) {
        for value in listed {
            let Some(place) = self.place(value) else {
                continue;
            };
            let element = &mut self.elements[place];
            element.known.get_or_insert(completion);
            if element.listed_by != Some(completion) {
                element.listed_by = Some(completion);
                element.copies = 0;
            }
            element.copies += 1;
            element.copies_max = element.copies_max.max(element.copies);
        }
        for element in &mut self.elements {
            let last = if element.listed_by == Some(completion) {
                &mut element.last_present
            } else {
                &mut element.last_absent
            };
            *last = (*last).max(Some(invocation));
        }
    }

    /// All elements, ascending by value.
    pub fn sorted(self) -> Vec<Element<'h>> {
        let mut elements = self.elements;
        elements.sort_by_key(|element| element.value);
        elements
    }
}
