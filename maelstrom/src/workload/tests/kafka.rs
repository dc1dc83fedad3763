//! Kafka, against logs in memory.

use std::collections::BTreeSet;

use super::*;

/// A perfect node: one log per key, offsets from 0.
#[derive(Default)]
struct Logs {
    logs: BTreeMap<String, Vec<Json>>,
    committed: BTreeMap<String, Json>,
    /// Requests seen, by type.
    calls: BTreeMap<String, usize>,
    /// The last message of each key is kept back.
    withholds_last: bool,
}

impl Logs {
    fn answer(&mut self, request: &Json) -> Json {
        let kind = request["type"].as_str().expect("a type");
        *self.calls.entry(kind.to_owned()).or_default() += 1;
        let mut reply = json!({ "type": format!("{kind}_ok"), "in_reply_to": 1 });
        match kind {
            "send" => {
                let log = self.logs.entry(text(&request["key"])).or_default();
                log.push(request["msg"].clone());
                reply["offset"] = json!(log.len() - 1);
            }
            "poll" => {
                let offsets = request["offsets"].as_object().expect("offsets");
                let logs = offsets.iter().filter_map(|(key, from)| {
                    let log = self.read(key, from.as_u64().expect("an offset") as usize);
                    (!log.is_empty()).then(|| (key.clone(), Json::Array(log)))
                });
                reply["msgs"] = Json::Object(logs.collect());
            }
            "commit_offsets" => {
                for (key, offset) in request["offsets"].as_object().expect("offsets") {
                    self.committed.insert(key.clone(), offset.clone());
                }
            }
            _ => {
                let keys = request["keys"].as_array().expect("keys").iter().map(text);
                let found =
                    keys.filter_map(|key| Some((key.clone(), self.committed.get(&key)?.clone())));
                reply["offsets"] = Json::Object(found.collect());
            }
        }
        reply
    }

    fn read(&self, key: &str, from: usize) -> Vec<Json> {
        let log = self.logs.get(key).map_or(&[][..], Vec::as_slice);
        let end = log.len() - usize::from(self.withholds_last && !log.is_empty());
        (from..end)
            .map(|offset| json!([offset, log[offset]]))
            .collect()
    }
}

fn text(value: &Json) -> String {
    value.as_str().expect("a string").to_owned()
}

fn keys(assign: &Operation) -> Vec<String> {
    let keys = assign.value.as_seq().expect("a list").iter();
    keys.map(|key| key.as_str().expect("keys are strings").to_owned())
        .collect()
}

fn extra<'a>(op: &'a Operation, name: &str) -> Option<&'a Value> {
    op.extra
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value)
}

/// The main phase, of so many seconds, and the final phase.
fn split(history: &History, seconds: u64) -> (Vec<&Operation>, Vec<&Operation>) {
    let end = Duration::from_secs(seconds + 5);
    invocations(history).partition(|op| op.time < end)
}

fn perfect(settings: Settings, seconds: u64) -> (History, Logs) {
    let mut logs = Logs::default();
    let history = run(&Kafka, settings, seconds, |_, request| {
        Some(logs.answer(request))
    });
    (history, logs)
}

fn count(ops: &[&Operation], f: &str) -> usize {
    ops.iter().filter(|op| op.f == f).count()
}

#[test]
fn one_operation_of_64_is_an_assign_and_the_others_are_half_sends_half_polls() {
    let (history, _) = perfect(settings(1, 8, 1000.0), 40);
    let (main, _) = split(&history, 40);
    let (sends, polls, assigns) = (
        count(&main, "send"),
        count(&main, "poll"),
        count(&main, "assign"),
    );
    assert_fraction(assigns, main.len() - count(&main, "crash"), 1.0 / 64.0);
    // A write to a used-up key is drawn again: with 16 writes a key, 17 attempts of 33 are reads.
    assert_fraction(polls, sends + polls, 17.0 / 33.0);
}

#[test]
fn one_assign_of_three_includes_the_keys_that_nobody_has_polled() {
    let (history, _) = perfect(settings(1, 4, 500.0), 100);
    let (main, _) = split(&history, 100);
    let assigns: Vec<_> = main.iter().filter(|op| op.f == "assign").collect();
    let mut catching_up = 0;
    for assign in &assigns {
        let Some(unseen) = extra(assign, "unseen") else {
            assert_eq!(keys(assign).len(), 1);
            continue;
        };
        catching_up += 1;
        let assigned: BTreeSet<_> = keys(assign).into_iter().collect();
        assert_eq!(assigned.len(), keys(assign).len(), "no key twice");
        let unseen = unseen.as_map().expect("a map");
        assert!(unseen.keys().all(|key| assigned.contains(&key.to_string())));
        assert!(assigned.len() - unseen.len() <= 1);
        for offsets in unseen.values() {
            let offset = |name| {
                offsets
                    .get(name)
                    .and_then(Value::as_int)
                    .expect("an offset")
            };
            assert!(offset("polled") < offset("sent"), "{offsets}");
        }
    }
    assert_fraction(catching_up, assigns.len(), 1.0 / 3.0);
}

#[test]
fn a_displaced_operation_is_not_lost() {
    let (history, _) = perfect(settings(1, 4, 500.0), 60);
    let (main, _) = split(&history, 60);
    let mut last = BTreeMap::<String, i64>::new();
    for op in main.iter().filter(|op| op.f == "send") {
        let step = op
            .value
            .as_seq()
            .and_then(|steps| steps[0].as_seq())
            .expect("a step");
        let key = step[1].as_str().expect("a key").to_owned();
        let message = step[2].as_int().expect("an integer");
        let previous = last.insert(key, message).unwrap_or(0);
        assert_eq!(message, previous + 1, "messages are 1, 2, 3, … per key");
    }
}

#[test]
fn clients_crash_every_30_seconds_each_beginning_at_once() {
    let (history, _) = perfect(settings(1, 20, 100.0), 300);
    let (main, _) = split(&history, 300);
    let crashes: Vec<_> = main.iter().filter(|op| op.f == "crash").collect();
    // Gaps are uniform in [0, 3 s).
    assert!(
        (170..230).contains(&crashes.len()),
        "{} crashes",
        crashes.len()
    );
    assert!(crashes[0].time < Duration::from_secs(1));
    assert!(
        crashes
            .windows(2)
            .all(|two| two[1].time - two[0].time < Duration::from_millis(3200))
    );
    assert!(crashes.iter().all(|op| op.value.is_nil()));
}

#[test]
fn everything_together_keeps_to_the_rate() {
    let (history, _) = perfect(settings(1, 20, 100.0), 100);
    let (main, _) = split(&history, 100);
    assert!(
        (9_500..10_500).contains(&main.len()),
        "{} operations",
        main.len()
    );
}

#[test]
fn in_the_end_every_thread_crashes_and_reads_all_keys_from_the_beginning() {
    let (history, logs) = perfect(settings(1, 4, 200.0), 10);
    let (_, finale) = split(&history, 10);
    for thread in 0..4 {
        let own = finale.iter().filter(|op| of_thread(op, 4) == thread);
        let own: Vec<_> = own.collect();
        assert_eq!(
            own.iter().map(|op| op.f.as_ref()).collect::<Vec<_>>(),
            ["crash", "assign", "poll"]
        );
        let mut expected: Vec<u64> = logs
            .logs
            .keys()
            .map(|key| key.parse().expect("a number"))
            .collect();
        expected.sort_unstable();
        let assigned: Vec<u64> = keys(own[1])
            .iter()
            .map(|key| key.parse().expect("a number"))
            .collect();
        assert_eq!(assigned, expected);
        assert_eq!(
            extra(own[1], "seek-to-beginning?"),
            Some(&Value::Bool(true))
        );
        assert_eq!(extra(own[2], "poll-ms"), Some(&1000.into()));
        let polled = history.completion(own[2]).expect("polls end");
        let polled = polled
            .value
            .as_seq()
            .and_then(|steps| steps[0].as_seq())
            .expect("a step");
        let messages = polled[1].as_map().expect("a map").values();
        let messages: usize = messages
            .map(|log| log.as_seq().expect("a list").len())
            .sum();
        assert_eq!(messages, logs.logs.values().map(Vec::len).sum::<usize>());
    }
}

#[test]
fn who_cannot_catch_up_polls_every_fifth_of_a_second_until_the_phase_is_cut_off() {
    let mut logs = Logs {
        withholds_last: true,
        ..Logs::default()
    };
    let answer = |_: usize, request: &Json| Some(logs.answer(request));
    let history = run(&Kafka, settings(1, 4, 200.0), 10, answer);
    let (_, finale) = split(&history, 10);
    assert_eq!((count(&finale, "crash"), count(&finale, "assign")), (4, 4));
    let polls = count(&finale, "poll");
    assert!(
        (150..250).contains(&polls),
        "{polls} polls of 4 threads in 10 s"
    );
    let last = finale.last().expect("polls").time;
    assert!(
        last < Duration::from_secs(31) && last > Duration::from_secs(29),
        "{last:?}"
    );
}

#[test]
fn there_is_no_final_phase_where_no_offsets_are_known() {
    let refuse = |_: usize, _: &Json| Some(json!({ "type": "error", "code": 11, "text": "no" }));
    let history = run(&Kafka, settings(1, 4, 200.0), 5, refuse);
    assert!(split(&history, 5).1.is_empty());
}

#[test]
fn a_poll_with_data_costs_two_calls_and_one_without_a_single_one() {
    let (history, logs) = perfect(settings(1, 2, 100.0), 20);
    let with_data = history.iter().filter(|op| {
        op.f == "poll" && op.kind == Kind::Ok && op.value.to_string() != "[[:poll {}]]"
    });
    assert_eq!(logs.calls["commit_offsets"], with_data.count());
    assert_eq!(logs.calls["poll"], functions(&history)["poll"]);
}
