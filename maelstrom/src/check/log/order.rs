//! Version orders: what each key's log looks like, put together from everything that was seen.
//!
//! A log's *index* is an offset's rank among the offsets of that key at which a message was seen.
//! All comparisons are between indices, so that gaps between offsets mean nothing: offsets may be
//! timestamps.

use super::anomaly::{Anomaly, ErrorType, Findings};
use super::iteration::rank;
use super::transcript::{Key, Message, Transcript};
use super::undecided::Undecided;

/// The log of one key.
#[derive(Default)]
pub(super) struct VersionOrder {
    /// The offset at each index, ascending.
    pub(super) offsets: Vec<i64>,
    /// The messages seen at each index: one, if all is well.
    pub(super) seen: Vec<Vec<Message>>,
    /// The message that stands for each index.
    pub(super) chosen: Vec<Message>,
    /// For each message, the (last) index that it stands for.
    index_of: Vec<Option<usize>>,
    /// For each message, the first index at which it was seen.
    pub(super) first: Vec<Option<usize>>,
    /// For each message, the last index at which it was seen.
    pub(super) last: Vec<Option<usize>>,
}

impl VersionOrder {
    /// How many indices lie from one message to the other; `None` if the place of one of them is
    /// not known.
    pub(super) fn distance(&self, from: Option<Message>, to: Option<Message>) -> Option<i64> {
        let (from, to) = (self.index_of[from?]?, self.index_of[to?]?);
        Some(to as i64 - from as i64)
    }

    /// The indices between two messages.
    pub(super) fn between(&self, from: Message, to: Message) -> std::ops::Range<usize> {
        match (self.index_of[from], self.index_of[to]) {
            (Some(from), Some(to)) if from < to => from + 1..to,
            _ => 0..0,
        }
    }

    /// The offset at which a message is taken to stand.
    pub(super) fn offset_of(&self, message: Message) -> Option<i64> {
        self.index_of[message].map(|index| self.offsets[index])
    }

    fn new(mut seen_at: Vec<(i64, Message)>, ranks: &[u64]) -> VersionOrder {
        seen_at.sort_unstable();
        seen_at.dedup();
        let mut order = VersionOrder {
            index_of: vec![None; ranks.len()],
            first: vec![None; ranks.len()],
            last: vec![None; ranks.len()],
            ..VersionOrder::default()
        };
        for at_offset in seen_at.chunk_by(|a, b| a.0 == b.0) {
            let index = order.offsets.len();
            let messages: Vec<Message> = at_offset.iter().map(|(_, message)| *message).collect();
            for &message in &messages {
                order.first[message].get_or_insert(index);
                order.last[message] = Some(index);
            }
            // Upstream takes the first of a hash set.
            let chosen = messages.iter().copied().min_by_key(|&m| ranks[m]);
            let chosen = chosen.expect("an offset is listed because a message was seen there");
            order.index_of[chosen] = Some(index);
            order.offsets.push(at_offset[0].0);
            order.chosen.push(chosen);
            order.seen.push(messages);
        }
        order
    }
}

/// The version order of every key.
///
/// Sends count once they are known to have taken effect. Polls always count, however their
/// operation ended: what a poll returns must be in the log.
///
/// # Errors
///
/// If a message was seen at a negative offset.
pub(super) fn version_orders(transcript: &Transcript) -> Result<Vec<VersionOrder>, Undecided> {
    let mut seen_at: Vec<Vec<(i64, Message)>> = vec![Vec::new(); transcript.keys.len()];
    // Where each message was seen last: it is nearly always seen there again.
    let messages = transcript
        .keys
        .iter()
        .map(|key| vec![None; key.messages.len()]);
    let mut latest: Vec<Vec<Option<i64>>> = messages.collect();
    for (id, step) in transcript.steps.iter().enumerate() {
        let sends = if transcript.committed(id) {
            step.sends()
        } else {
            &[]
        };
        for (key, records) in sends.iter().chain(step.polls()) {
            for record in records {
                let Some(offset) = record.offset else {
                    continue;
                };
                if offset < 0 {
                    let key = transcript.key(*key).clone();
                    return Err(Undecided::NegativeOffset { key, offset });
                }
                if latest[*key][record.message].replace(offset) != Some(offset) {
                    seen_at[*key].push((offset, record.message));
                }
            }
        }
    }
    let orders = transcript.keys.iter().zip(seen_at).map(|(key, seen_at)| {
        let ranks: Vec<u64> = key.messages.iter().map(|m| rank(m.value)).collect();
        VersionOrder::new(seen_at, &ranks)
    });
    Ok(orders.collect())
}

/// Finds offsets that hold several messages, and messages that are at several offsets.
pub(super) fn find_conflicts(orders: &[VersionOrder], findings: &mut Findings) {
    for (key, order) in orders.iter().enumerate() {
        for (index, messages) in order.seen.iter().enumerate() {
            if messages.len() > 1 {
                let conflict = Anomaly::Conflict {
                    key,
                    index,
                    messages: messages.clone(),
                };
                findings.add(ErrorType::InconsistentOffsets, conflict);
            }
        }
        find_duplicates(key, order, findings);
    }
}

fn find_duplicates(key: Key, order: &VersionOrder, findings: &mut Findings) {
    let mut places: Vec<(Message, i64)> = Vec::new();
    for (offset, messages) in order.offsets.iter().zip(&order.seen) {
        let duplicated = messages
            .iter()
            .filter(|&&m| order.first[m] != order.last[m]);
        places.extend(duplicated.map(|&message| (message, *offset)));
    }
    // By message; within one the offsets are and stay ascending.
    places.sort_by_key(|(message, _)| *message);
    for places in places.chunk_by(|a, b| a.0 == b.0) {
        let duplicate = Anomaly::Duplicate {
            key,
            message: places[0].0,
            offsets: places.iter().map(|(_, offset)| *offset).collect(),
        };
        findings.add(ErrorType::Duplicate, duplicate);
    }
}
