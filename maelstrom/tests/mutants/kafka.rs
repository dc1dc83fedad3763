//! Logs that are wrong, each in one way, and that the workload must reject for the right reason.

use std::collections::BTreeMap;

use eddy::check::kafka::ErrorType;
use eddy::check::{Verdict, Workload, WorkloadAnalysis};
use eddy::net::Latency;
use eddy::seed::Seed;
use eddy::simulation::{Load, Run, Simulation, ms, secs};
use glomers::prelude::*;

type Log = Vec<Value>;

/// What one mutant does instead of keeping logs properly.
trait Mutant: Default + 'static {
    /// Appends a message, and returns its offset.
    async fn send(&self, key: &str, msg: Value, cx: &Context) -> Result<usize> {
        Right.send(key, msg, cx).await
    }

    /// Messages from an offset on.
    async fn poll(&self, key: &str, from: usize, cx: &Context) -> Result<Vec<(usize, Value)>> {
        Right.poll(key, from, cx).await
    }
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Request {
    Send { key: String, msg: Value },
    Poll { offsets: BTreeMap<String, usize> },
    CommitOffsets {},
    ListCommittedOffsets {},
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Reply {
    SendOk {
        offset: usize,
    },
    PollOk {
        msgs: BTreeMap<String, Vec<(usize, Value)>>,
    },
    CommitOffsetsOk {},
    ListCommittedOffsetsOk {
        offsets: BTreeMap<String, usize>,
    },
}

#[derive(Default)]
struct Broker<M>(M);

impl<M: Mutant> Node for Broker<M> {
    type Request = Request;
    type Reply = Reply;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Reply> {
        Ok(match request {
            Request::Send { key, msg } => Reply::SendOk {
                offset: self.0.send(&key, msg, cx).await?,
            },
            Request::Poll { offsets } => {
                let mut msgs = BTreeMap::new();
                for (key, from) in offsets {
                    let found = self.0.poll(&key, from, cx).await?;
                    if !found.is_empty() {
                        msgs.insert(key, found);
                    }
                }
                Reply::PollOk { msgs }
            }
            Request::CommitOffsets {} => Reply::CommitOffsetsOk {},
            Request::ListCommittedOffsets {} => Reply::ListCommittedOffsetsOk {
                offsets: BTreeMap::new(),
            },
        })
    }
}

/// What the nodes have to live with.
#[derive(Clone, Copy)]
enum World {
    Calm,
    SlowStore,
}

fn run<M: Mutant>(world: World, seed: u64) -> Run {
    let nodes =
        |count| Simulation::new(Seed(seed)).nodes(count, |_: &Context| Broker::<M>::default());
    let load = Load::of(Workload::Kafka).concurrency(4).lasting(secs(10));
    match world {
        World::Calm => nodes(2).run(load.rate(500.0)),
        World::SlowStore => nodes(2)
            .latency(Latency::exponential(ms(100)))
            .run(load.rate(50.0)),
    }
}

/// What the workload makes of a run: its verdict, and which errors it saw.
fn judge<M: Mutant>(world: World, seed: u64) -> (Verdict, Vec<ErrorType>) {
    let run = run::<M>(world, seed);
    assert!(run.failure().is_none(), "{:?}", run.failure());
    let WorkloadAnalysis::Kafka(analysis) = run.results().workload() else {
        unreachable!("the workload is kafka");
    };
    let verdict = run.results().workload().as_dyn().verdict();
    (verdict, analysis.errors().keys().copied().collect())
}

/// A mutant is caught with this error on one of so many seeds.
fn assert_rejected<M: Mutant>(world: World, seeds: u64, error: ErrorType) {
    let mutant = std::any::type_name::<M>();
    let mut seen = Vec::new();
    for seed in 0..seeds {
        let (verdict, errors) = judge::<M>(world, seed);
        if verdict == Verdict::Invalid && errors.contains(&error) {
            eprintln!("{mutant} is caught on seed {seed}: {errors:?}");
            return;
        }
        seen.extend(errors);
    }
    panic!("{mutant} shows no {error:?} on {seeds} seeds, but {seen:?}");
}

/// Keeps each log under its key in lin-kv, where nothing can be lost; of what went wrong it says so.
#[derive(Default)]
struct Right;

impl Mutant for Right {
    async fn send(&self, key: &str, msg: Value, cx: &Context) -> Result<usize> {
        let append = |log: Option<Log>| {
            let mut log = log.unwrap_or_default();
            log.push(msg.clone());
            log
        };
        Ok(cx.lin_kv().update(key, append).await?.len() - 1)
    }

    async fn poll(&self, key: &str, from: usize, cx: &Context) -> Result<Vec<(usize, Value)>> {
        let log: Log = cx.lin_kv().read(key).await?.unwrap_or_default();
        Ok(log.into_iter().enumerate().skip(from).collect())
    }
}

#[test]
fn logs_that_are_right_are_accepted() {
    for seed in 0..5 {
        assert_eq!(judge::<Right>(World::Calm, seed).0, Verdict::Valid);
    }
}

/// Reads and writes as two steps, between which others do the same.
#[derive(Default)]
struct RepeatsOffsets;

impl Mutant for RepeatsOffsets {
    async fn send(&self, key: &str, msg: Value, cx: &Context) -> Result<usize> {
        let mut log: Log = cx.lin_kv().read(key).await?.unwrap_or_default();
        log.push(msg);
        cx.lin_kv().write(key, &log).await?;
        Ok(log.len() - 1)
    }
}

#[test]
fn who_gives_an_offset_twice_is_rejected() {
    assert_rejected::<RepeatsOffsets>(World::SlowStore, 5, ErrorType::InconsistentOffsets);
}

/// Acknowledges one message in a thousand, and stores a hole.
#[derive(Default)]
struct LosesOneInAThousand;

impl Mutant for LosesOneInAThousand {
    async fn send(&self, key: &str, msg: Value, cx: &Context) -> Result<usize> {
        let is_lost = cx.rng().random_ratio(1, 1000);
        let msg = if is_lost { Value::Null } else { msg };
        Right.send(key, msg, cx).await
    }

    async fn poll(&self, key: &str, from: usize, cx: &Context) -> Result<Vec<(usize, Value)>> {
        let mut found = Right.poll(key, from, cx).await?;
        found.retain(|(_, msg)| !msg.is_null());
        Ok(found)
    }
}

#[test]
fn who_loses_one_message_in_a_thousand_is_rejected() {
    assert_rejected::<LosesOneInAThousand>(World::Calm, 5, ErrorType::LostWrite);
}

/// Repeats a send that may have succeeded.
#[derive(Default)]
struct RepeatsSends;

impl Mutant for RepeatsSends {
    async fn send(&self, key: &str, msg: Value, cx: &Context) -> Result<usize> {
        let append = |log: Option<Log>| {
            let mut log = log.unwrap_or_default();
            log.push(msg.clone());
            log
        };
        let impatient = cx.lin_kv().within(ms(300));
        let send = async || impatient.update(key, append).await;
        Ok(cx.retry(Backoff::default(), send).await?.len() - 1)
    }
}

#[test]
fn who_repeats_what_it_is_not_sure_of_is_rejected() {
    assert_rejected::<RepeatsSends>(World::SlowStore, 5, ErrorType::Duplicate);
}

/// Says of a send that may have succeeded that it has failed.
#[derive(Default)]
struct DeniesSends;

impl Mutant for DeniesSends {
    async fn send(&self, key: &str, msg: Value, cx: &Context) -> Result<usize> {
        let impatient = tokio::time::timeout(ms(400), Right.send(key, msg, cx)).await;
        impatient.unwrap_or_else(|_| Err(Error::temporarily_unavailable("lin-kv is slow")))
    }
}

#[test]
fn who_denies_what_may_have_happened_is_rejected() {
    assert_rejected::<DeniesSends>(World::SlowStore, 5, ErrorType::G1a);
}

/// Changes what a poll returns, with a probability.
trait Distortion: Default + 'static {
    const ONE_IN: u32;

    fn distort(found: &mut Vec<(usize, Value)>);
}

/// Keeps logs properly, and reads them with a distortion.
#[derive(Default)]
struct Distorted<D>(D);

impl<D: Distortion> Mutant for Distorted<D> {
    async fn poll(&self, key: &str, from: usize, cx: &Context) -> Result<Vec<(usize, Value)>> {
        let mut found = Right.poll(key, from, cx).await?;
        if !found.is_empty() && cx.rng().random_ratio(1, D::ONE_IN) {
            D::distort(&mut found);
        }
        Ok(found)
    }
}

/// Leaves out the first message.
#[derive(Default)]
struct Skips;

impl Distortion for Skips {
    const ONE_IN: u32 = 50;

    fn distort(found: &mut Vec<(usize, Value)>) {
        found.remove(0);
    }
}

#[test]
fn who_skips_a_message_between_polls_is_rejected() {
    assert_rejected::<Distorted<Skips>>(World::Calm, 5, ErrorType::PollSkip);
}

/// Leaves out a message in the middle.
#[derive(Default)]
struct LeavesGaps;

impl Distortion for LeavesGaps {
    const ONE_IN: u32 = 50;

    fn distort(found: &mut Vec<(usize, Value)>) {
        if found.len() > 2 {
            found.remove(1);
        }
    }
}

#[test]
fn who_skips_a_message_within_a_poll_is_rejected() {
    assert_rejected::<Distorted<LeavesGaps>>(World::Calm, 5, ErrorType::IntPollSkip);
}

/// Returns messages in the wrong order.
#[derive(Default)]
struct Reverses;

impl Distortion for Reverses {
    const ONE_IN: u32 = 50;

    fn distort(found: &mut Vec<(usize, Value)>) {
        found.reverse();
    }
}

#[test]
fn who_reverses_a_poll_is_rejected() {
    assert_rejected::<Distorted<Reverses>>(World::Calm, 5, ErrorType::IntNonmonotonicPoll);
}

/// Never shows the newest message.
#[derive(Default)]
struct HidesTheNewest;

impl Distortion for HidesTheNewest {
    const ONE_IN: u32 = 1;

    fn distort(found: &mut Vec<(usize, Value)>) {
        found.pop();
    }
}

#[test]
fn who_never_shows_the_newest_message_is_rejected() {
    assert_rejected::<Distorted<HidesTheNewest>>(World::Calm, 5, ErrorType::Unseen);
}

/// Shows messages again that a client has seen.
#[derive(Default)]
struct GoesBack;

impl Mutant for GoesBack {
    async fn poll(&self, key: &str, from: usize, cx: &Context) -> Result<Vec<(usize, Value)>> {
        let back = usize::from(cx.rng().random_ratio(1, 50));
        Right.poll(key, from.saturating_sub(back), cx).await
    }
}

#[test]
fn who_shows_messages_again_is_rejected() {
    assert_rejected::<GoesBack>(World::Calm, 5, ErrorType::NonmonotonicPoll);
}

/// Guesses what will be sent next, rightly, and shows it before it is sent.
#[derive(Default)]
struct ForeseesMessages;

impl Mutant for ForeseesMessages {
    async fn poll(&self, key: &str, from: usize, cx: &Context) -> Result<Vec<(usize, Value)>> {
        let mut found = Right.poll(key, from, cx).await?;
        let guess = found
            .last()
            .and_then(|(offset, msg)| Some((offset + 1, msg.as_u64()? + 1)));
        if let Some((offset, msg)) = guess
            && msg <= 16
            && cx.rng().random_ratio(1, 20)
        {
            found.push((offset, msg.into()));
        }
        Ok(found)
    }
}

#[test]
fn who_shows_a_message_before_it_is_sent_is_rejected() {
    assert_rejected::<ForeseesMessages>(World::Calm, 5, ErrorType::G1cRealtime);
}
