//! What the page of a run shows of its logs: how far readers were behind.

use std::collections::BTreeMap;
use std::time::Duration;

use super::lag::Lags;
use crate::chart::{Chart, Series};
use crate::edn::Value;
use crate::history::{History, Kind};

/// Draws the lag of polls, and the messages that no poll had returned yet.
pub(super) fn draw(history: &History, lags: &Lags) -> Vec<Chart> {
    let seconds = |(time, lag): &(Duration, Duration)| (*time, lag.as_secs_f64());
    let lines = |title: &str, unit: &str, points, stepped| Chart::Lines {
        title: title.to_owned(),
        unit: unit.to_owned(),
        series: vec![Series {
            name: "all keys".to_owned(),
            points,
            stepped,
        }],
        marks: Vec::new(),
    };
    let lag = lags.by_poll.iter().map(seconds).collect();
    vec![
        lines(
            "Realtime lag: how old the oldest message is that a poll should have brought",
            "s",
            lag,
            false,
        ),
        lines(
            "Acknowledged messages that no poll has returned yet",
            "messages",
            unseen(history),
            true,
        ),
    ]
}

/// Returns the number of messages that are acknowledged and not yet polled, whenever it changes.
fn unseen(history: &History) -> Vec<(Duration, f64)> {
    // For each message by key and offset, the times of its acknowledgement and of its first poll.
    let mut messages: BTreeMap<(&Value, &Value), [Option<Duration>; 2]> = BTreeMap::new();
    for op in history.clients().filter(|op| op.kind == Kind::Ok) {
        for part in op.value.as_seq().unwrap_or_default() {
            match part.as_seq() {
                Some([name, key, sent]) if name.as_keyword() == Some("send") => {
                    if let Some([offset, _]) = sent.as_seq() {
                        messages.entry((key, offset)).or_default()[0].get_or_insert(op.time);
                    }
                }
                Some([name, polled]) if name.as_keyword() == Some("poll") => {
                    for (key, pairs) in polled.as_map().into_iter().flatten() {
                        for pair in pairs.as_seq().unwrap_or_default() {
                            if let Some([offset, _]) = pair.as_seq() {
                                let times = messages.entry((key, offset)).or_default();
                                times[1].get_or_insert(op.time);
                            }
                        }
                    }
                }
                _ => {}
            }
        }
    }
    let mut changes: BTreeMap<Duration, f64> = BTreeMap::new();
    for [acknowledged, polled] in messages.into_values() {
        // A message that was polled before its acknowledgement is never unseen.
        if let Some(from) = acknowledged
            && polled.is_none_or(|to| to > from)
        {
            *changes.entry(from).or_default() += 1.0;
            if let Some(to) = polled {
                *changes.entry(to).or_default() -= 1.0;
            }
        }
    }
    let mut count = 0.0;
    let points = changes.into_iter().map(|(time, change)| {
        count += change;
        (time, count)
    });
    points.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::history;

    #[test]
    fn message_is_unseen_from_its_acknowledgement_to_its_first_poll() {
        let history = history(
            "0 invoke send [[:send \"k\" 5]]
             0 ok send [[:send \"k\" [0 5]]]
             0 invoke send [[:send \"k\" 6]]
             0 ok send [[:send \"k\" [1 6]]]
             1 invoke poll [[:poll]]
             1 ok poll [[:poll {\"k\" [[0 5]]}]]
             2 invoke poll [[:poll]]
             2 ok poll [[:poll {\"k\" [[0 5]]}]]",
        );
        let counts: Vec<f64> = unseen(&history)
            .into_iter()
            .map(|(_, count)| count)
            .collect();
        assert_eq!(counts, [1.0, 2.0, 1.0]);
    }
}
