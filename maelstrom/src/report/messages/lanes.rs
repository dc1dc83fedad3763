//! The vertical lines of the diagram of messages.

use std::collections::BTreeMap;

use super::WIDTH;
use super::phrase::Phrase;
use crate::net::{EndpointId, Event, Journal};
use crate::service;

/// Where the first lane may begin; times stand left of it.
pub(super) const LEFT: f64 = 64.0;
const RIGHT: f64 = WIDTH - 16.0;

/// Among more lanes than this, those of clients stand closer, since less happens between them.
const CROWD: usize = 24;

/// The line of one endpoint.
pub(super) struct Lane<'a> {
    /// The endpoint's name.
    pub name: &'a str,
    /// Its place.
    pub x: f64,
    /// Whether it is a node under test.
    pub is_node: bool,
    endpoint: EndpointId,
}

/// The lines of all endpoints that say or hear something.
pub(super) struct Lanes<'a> {
    /// From left to right.
    lanes: Vec<Lane<'a>>,
    places: BTreeMap<EndpointId, f64>,
    spacing_min: f64,
}

impl<'a> Lanes<'a> {
    /// Names are sorted by their letters and then by their number; services come last.
    pub fn of(journal: &'a Journal, events: &[(&Event, &Phrase)]) -> Lanes<'a> {
        let services = service::NAMES;
        let mut endpoints: Vec<EndpointId> = events
            .iter()
            .flat_map(|(event, _)| [event.message.src, event.message.dest])
            .collect();
        endpoints.sort_unstable();
        endpoints.dedup();
        let rank = |name: &'a str| (services.contains(&name), sort_key(name));
        endpoints.sort_by_cached_key(|endpoint| rank(journal.name(*endpoint)));

        let crowded = endpoints.len() > CROWD;
        let width = |endpoint: &EndpointId| match journal.name(*endpoint).starts_with('c') {
            true if crowded => 0.5,
            _ => 1.0,
        };
        let total: f64 = endpoints.iter().map(width).sum();
        let unit = (RIGHT - LEFT) / total.max(1.0);
        let mut edge = LEFT;
        let mut lane = |endpoint: EndpointId| {
            let name = journal.name(endpoint);
            let width = width(&endpoint) * unit;
            edge += width;
            Lane {
                name,
                x: edge - width / 2.0,
                is_node: !services.contains(&name) && !name.starts_with('c'),
                endpoint,
            }
        };
        let lanes: Vec<Lane<'a>> = endpoints.into_iter().map(&mut lane).collect();
        Lanes {
            places: lanes.iter().map(|lane| (lane.endpoint, lane.x)).collect(),
            lanes,
            spacing_min: if crowded { unit / 2.0 } else { unit },
        }
    }

    /// The lanes from left to right.
    pub fn iter(&self) -> impl Iterator<Item = &Lane<'a>> + use<'_, 'a> {
        self.lanes.iter()
    }

    /// The place of an endpoint of one of the events.
    pub fn x(&self, endpoint: EndpointId) -> f64 {
        self.places[&endpoint]
    }

    /// The least distance between neighbours.
    pub fn spacing_min(&self) -> f64 {
        self.spacing_min
    }
}

/// `n10` is after `n9`, and after every `m`.
fn sort_key(name: &str) -> (&str, Option<u64>, &str) {
    let letters = name.trim_end_matches(|c: char| c.is_ascii_digit());
    (letters, name[letters.len()..].parse().ok(), name)
}

#[cfg(test)]
mod tests {
    use super::sort_key;

    #[test]
    fn names_are_sorted_by_letters_and_then_by_number() {
        let mut names = ["n10", "n9", "c2", "m11", "n", "99999999999999999999"];
        names.sort_by_key(|name| sort_key(name));
        assert_eq!(
            names,
            ["99999999999999999999", "c2", "m11", "n", "n9", "n10"]
        );
    }
}
