//! What must hold at every moment, and what in the end.

use std::collections::BTreeMap;

use tokio::sync::oneshot;

use super::Weather;
use super::world::World;

impl World {
    /// What one broker takes for committed, all others do; and what a client was told is so.
    pub fn check(&mut self) {
        for (node, broker) in self.brokers.iter().enumerate() {
            let Some(broker) = broker else { continue };
            for (number, shard) in broker.shards.iter().enumerate() {
                let committed = &mut self.committed[number];
                let ours = shard.journal.entries(0..shard.journal.committed());
                let known = committed.len().min(ours.len());
                // All but the latest were compared when they were new.
                let begin = known.saturating_sub(50);
                assert_eq!(
                    ours[begin..known],
                    committed[begin..known],
                    "n{node} has another journal of shard {number}"
                );
                committed.extend_from_slice(&ours[known..]);
            }
        }
        let answers = &mut self.answers;
        self.sends.retain_mut(|(key, msg, receiver)| {
            let outcome = receiver.try_recv();
            if let Ok(offset) = outcome {
                let log = answers.entry(key.to_string()).or_default();
                assert_eq!(
                    log.insert(offset, *msg),
                    None,
                    "offset {offset} was given twice"
                );
            }
            outcome == Err(oneshot::error::TryRecvError::Empty)
        });
    }

    /// Everything is well for a while; then everybody must know everything.
    pub fn calm_down(&mut self) {
        self.weather = Weather::default();
        self.cuts.clear();
        self.reborn_at.fill(self.now);
        for _ in 0..10_000 {
            self.step(0.0);
        }
        for (node, broker) in self.brokers.iter().enumerate() {
            let broker = broker.as_ref().expect("everybody is alive");
            for (number, shard) in broker.shards.iter().enumerate() {
                let (len, committed) = (shard.journal.len(), &self.committed[number]);
                assert_eq!(len, committed.len(), "n{node}, shard {number}: {shard:?}");
                assert_eq!(shard.journal.committed(), len, "n{node}, shard {number}");
                assert!(shard.requests.is_empty(), "n{node}, shard {number}");
                assert!(broker.wake_at() > self.now);
            }
            for (key, log) in &self.answers {
                let from = BTreeMap::from([(key.as_str().into(), 0)]);
                let read = broker.poll(&from).remove(key.as_str()).unwrap_or_default();
                for (offset, msg) in log.range(..read.len() as u64) {
                    assert_eq!(read[*offset as usize], (*offset, (*msg).into()), "n{node}");
                }
            }
        }
        assert_eq!(
            self.sends.len(),
            0,
            "every send of a living node is answered"
        );
    }
}
