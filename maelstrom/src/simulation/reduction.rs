//! Which part of a run is kept when it is shrunk.
//!
//! A run makes numbered decisions: its operations, the starts of its faults, and
//! the messages that a fault loses, duplicates, delays or cuts off. A [`Reduction`] keeps some of each,
//! and bounds the number of nodes and clients and the time. With the seed it determines the run.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::decisions::Kept;

/// What is left of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reduction {
    /// Which run of the scenario is reduced, from 0; the others stay as they are.
    pub(super) run: u64,
    /// The greatest number of nodes.
    pub(super) nodes: Option<usize>,
    /// The greatest number of client threads.
    pub(super) clients: Option<usize>,
    /// The longest main phase.
    pub(super) time_limit: Option<Duration>,
    /// The operations.
    pub(super) operations: Kept,
    /// The starts of faults.
    pub(super) faults: Kept,
    /// The messages that are affected by faults of the network.
    pub(super) messages: Kept,
}

impl fmt::Display for Reduction {
    /// `0,n3,c2,t1500,o3.7-9,f,m12`: run 0 with 3 nodes, 2 clients, 1.5 s, operations 3 and 7 to 9, no
    /// fault, and one affected message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.run)?;
        let time_limit_ms = self.time_limit.map(|limit| limit.as_millis() as usize);
        for (name, bound) in [('n', self.nodes), ('c', self.clients), ('t', time_limit_ms)] {
            if let Some(bound) = bound {
                write!(f, ",{name}{bound}")?;
            }
        }
        for (name, kept) in [
            ('o', &self.operations),
            ('f', &self.faults),
            ('m', &self.messages),
        ] {
            if let Kept::Only(indices) = kept {
                write!(f, ",{name}{}", ranges(indices))?;
            }
        }
        Ok(())
    }
}

impl FromStr for Reduction {
    type Err = String;

    fn from_str(text: &str) -> Result<Reduction, String> {
        let wrong = || format!("expected a token such as 0,n3,c2,t1500,o3.7-9,f,m12, not {text:?}");
        let mut parts = text.split(',');
        let run = parts.next().unwrap_or_default();
        let mut reduction = Reduction {
            run: run.parse().map_err(|_| wrong())?,
            ..Reduction::default()
        };
        for part in parts {
            let (name, value) = part.split_at_checked(1).ok_or_else(wrong)?;
            let bound = || value.parse::<u64>().map_err(|_| wrong());
            let kept = || indices(value).map(Kept::Only).ok_or_else(wrong);
            match name {
                "n" => reduction.nodes = Some(bound()? as usize),
                "c" => reduction.clients = Some(bound()? as usize),
                "t" => reduction.time_limit = Some(Duration::from_millis(bound()?)),
                "o" => reduction.operations = kept()?,
                "f" => reduction.faults = kept()?,
                "m" => reduction.messages = kept()?,
                _ => return Err(wrong()),
            }
        }
        Ok(reduction)
    }
}

/// Writes indices as `3.7-9`.
fn ranges(indices: &BTreeSet<u64>) -> String {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for &index in indices {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == index => *last = index,
            _ => ranges.push((index, index)),
        }
    }
    let ranges = ranges.iter().map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    });
    ranges.collect::<Vec<_>>().join(".")
}

/// Reads what [`ranges`] writes; `None` if it is malformed.
fn indices(text: &str) -> Option<BTreeSet<u64>> {
    let mut indices = BTreeSet::new();
    for range in text.split('.').filter(|range| !range.is_empty()) {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        indices.extend(first.parse::<u64>().ok()?..=last.parse::<u64>().ok()?);
    }
    Some(indices)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_is_read_as_it_was_written() {
        let reduction = Reduction {
            run: 1,
            nodes: Some(3),
            clients: None,
            time_limit: Some(Duration::from_millis(1500)),
            operations: Kept::Only([3, 7, 8, 9].into()),
            faults: Kept::Only(BTreeSet::new()),
            messages: Kept::All,
        };
        assert_eq!(reduction.to_string(), "1,n3,t1500,o3.7-9,f");
        assert_eq!(reduction.to_string().parse(), Ok(reduction));
        assert_eq!("0".parse(), Ok(Reduction::default()));
    }

    #[test]
    fn malformed_tokens_are_refused() {
        for text in ["", "x", "0,", "0,n", "0,q3", "0,o3.x", "0,nß"] {
            let refused = text.parse::<Reduction>();
            assert!(refused.is_err_and(|problem| problem.contains("expected a token")));
        }
    }
}
