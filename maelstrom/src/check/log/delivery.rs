//! Whether what was sent, and only that, was delivered: phantoms, aborted reads, lost writes, and
//! messages that no poll had returned at the end.

use std::time::Duration;

use super::anomaly::{Anomaly, ErrorType, Findings};
use super::order::VersionOrder;
use super::transcript::{Key, Message, StepId, Transcript};
use super::undecided::Undecided;
use crate::history::Kind;

/// Every polled message must have been sent by someone.
///
/// # Errors
///
/// The first poll for which that does not hold, and the message.
pub(super) fn require_writers(transcript: &Transcript) -> Result<(), Undecided> {
    for step in &transcript.steps {
        for (key, records) in step.polls() {
            let facts = &transcript.keys[*key];
            let phantom = records
                .iter()
                .find(|record| facts.messages[record.message].writer.is_none());
            if let Some(phantom) = phantom {
                return Err(Undecided::NoWriter {
                    op: step.completion.index,
                    key: facts.key.clone(),
                    offset: phantom.offset,
                    message: facts.messages[phantom.message].value.clone(),
                });
            }
        }
    }
    Ok(())
}

/// Finds polls of messages whose send failed, and of a transaction's own messages.
pub(super) fn find_dirty_reads(transcript: &Transcript, findings: &mut Findings) {
    for (reader, step) in transcript.steps.iter().enumerate() {
        for (key, records) in step.polls() {
            let messages = &transcript.keys[*key].messages;
            let key = *key;
            for record in records {
                let message = record.message;
                if step.kind == Kind::Ok && messages[message].failed {
                    let aborted = Anomaly::Dirty {
                        key,
                        message,
                        reader,
                    };
                    findings.add(ErrorType::G1a, aborted);
                }
            }
        }
        if let Some((key, message)) = own_message(transcript, reader) {
            let own = Anomaly::Dirty {
                key,
                message,
                reader,
            };
            findings.add(ErrorType::PrecommittedRead, own);
        }
    }
}

/// A message that an operation both sent and polled.
fn own_message(transcript: &Transcript, step: StepId) -> Option<(Key, Message)> {
    let step = &transcript.steps[step];
    step.sends().iter().find_map(|(key, sent)| {
        let (_, polled) = step.polls().iter().find(|(polled, _)| polled == key)?;
        let own = sent
            .iter()
            .find(|s| polled.iter().any(|p| p.message == s.message));
        own.map(|own| (*key, own.message))
    })
}

/// Finds messages that were never read although some reader got past them.
///
/// The highest index read bounds what must have been read. A message that was seen at several
/// indices counts with its first one as a bound, and with its last one as something to be read, so
/// that a duplicate alone makes nothing else look lost.
///
/// # Errors
///
/// If an ok poll lists a key of which no message was ever read.
pub(super) fn find_lost_writes(
    transcript: &Transcript,
    orders: &[VersionOrder],
    findings: &mut Findings,
) -> Result<(), Undecided> {
    for (key, (facts, order)) in transcript.keys.iter().zip(orders).enumerate() {
        let Some(polled) = facts.polled else {
            continue;
        };
        let read = facts.messages.iter().zip(&order.first);
        let max_read = read
            .filter(|(m, _)| m.read)
            .filter_map(|(_, first)| *first)
            .max();
        let Some(max_read) = max_read else {
            return Err(Undecided::NeverRead {
                op: transcript.steps[polled].completion.index,
                key: facts.key.clone(),
            });
        };
        let reader = order.seen[max_read]
            .iter()
            .find_map(|&message| facts.messages[message].first_reader);
        for (index, messages) in order.seen[..=max_read].iter().enumerate() {
            for &message in messages {
                let lost = order.last[message] == Some(index)
                    && !facts.messages[message].read
                    && facts.messages[message]
                        .writer
                        .is_some_and(|w| transcript.committed(w));
                if lost {
                    let lost = Anomaly::Lost {
                        key,
                        message,
                        index: order.first[message].unwrap_or(index),
                        max_read,
                        reader,
                    };
                    findings.add(ErrorType::LostWrite, lost);
                }
            }
        }
    }
    Ok(())
}

/// Acknowledged messages that no ok poll returned.
pub(super) struct Unseen {
    /// When the last ok send or poll completed.
    pub(super) time: Duration,
    /// Each key that has some, with the messages in their own order.
    pub(super) messages: Vec<(Key, Vec<Message>)>,
}

impl Unseen {
    /// How many there are in all.
    pub(super) fn count(&self) -> usize {
        self.messages
            .iter()
            .map(|(_, messages)| messages.len())
            .sum()
    }
}

/// What is unseen at the end of the run; `None` if nothing is.
pub(super) fn unseen(transcript: &Transcript) -> Option<Unseen> {
    let last = transcript
        .steps
        .iter()
        .rfind(|step| step.kind == Kind::Ok && step.is_transaction())?;
    let mut messages = Vec::new();
    for (key, facts) in transcript.keys.iter().enumerate() {
        let unseen = |m: &Message| facts.messages[*m].acknowledged && !facts.messages[*m].read;
        let mut of_key: Vec<Message> = (0..facts.messages.len()).filter(unseen).collect();
        of_key.sort_by_key(|&message| facts.messages[message].value);
        if !of_key.is_empty() {
            messages.push((key, of_key));
        }
    }
    (!messages.is_empty()).then_some(Unseen {
        time: last.completion.time,
        messages,
    })
}
