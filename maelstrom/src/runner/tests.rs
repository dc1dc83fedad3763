//! Runs on nodes that are scripted line by line, in virtual time.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::*;
use crate::history::Kind;
use crate::host::RecentOutput;
use crate::seed::Seed;
use crate::workload::{AnyWorkload, Broadcast, Echo, Settings, UniqueIds};

/// Runs nodes that are functions: a line in, lines out, in no time.
struct ScriptedHost<F> {
    script: F,
    now: Duration,
    events: VecDeque<Event>,
    output: RecentOutput,
}

impl<F: FnMut(usize, &Json) -> Vec<String>> Host for ScriptedHost<F> {
    fn now(&self) -> Duration {
        self.now
    }

    fn start(&mut self, _: usize) -> Result<()> {
        Ok(())
    }

    fn deliver(&mut self, node: usize, line: Vec<u8>) {
        let message = serde_json::from_slice(&line).expect("a line is JSON");
        let lines = (self.script)(node, &message).into_iter();
        self.events
            .extend(lines.map(|line| match line.strip_prefix("EXIT ") {
                Some(report) => Event::Exited {
                    node,
                    report: report.to_owned(),
                },
                None => Event::Line { node, line },
            }));
    }

    fn wait(&mut self, until: Option<Duration>) -> Result<Event> {
        if let Some(event) = self.events.pop_front() {
            return Ok(event);
        }
        self.now = self.now.max(until.expect("something is due"));
        Ok(Event::TimeReached)
    }

    fn kill(&mut self, _: usize) -> Result<()> {
        Ok(())
    }

    fn pause(&mut self, _: usize) -> Result<()> {
        Ok(())
    }

    fn resume(&mut self, _: usize) -> Result<()> {
        Ok(())
    }

    fn recent_output(&self, _: usize) -> RecentOutput {
        self.output.clone()
    }
}

/// Performs a run of one second on scripted nodes.
fn perform(
    workload: AnyWorkload,
    nodes: usize,
    output: RecentOutput,
    script: impl FnMut(usize, &Json) -> Vec<String>,
) -> Outcome {
    let names = (0..nodes).map(|node| format!("n{node}")).collect();
    let settings = Settings {
        rate: 20.0,
        concurrency: nodes,
        time_limit: Duration::from_secs(1),
        ..Settings::new(&*workload, names)
    };
    let mut host = ScriptedHost {
        script,
        now: Duration::ZERO,
        events: VecDeque::new(),
        output,
    };
    let plan = Plan::new(workload, settings, Seed(1));
    run(plan, &mut host, &mut NoopObserver)
}

/// The answer to a request, with the fields that `change` adds or changes.
fn answer(message: &Json, change: Json) -> Json {
    let request = &message["body"];
    let mut body = json!({
        "type": format!("{}_ok", request["type"].as_str().expect("a type")),
        "in_reply_to": request["msg_id"],
    });
    for (name, value) in change.as_object().expect("fields") {
        match value {
            Json::Null => body.as_object_mut().expect("an object").remove(name),
            value => body
                .as_object_mut()
                .expect("an object")
                .insert(name.clone(), value.clone()),
        };
    }
    json!({ "src": message["dest"], "dest": message["src"], "body": body })
}

fn is_init(message: &Json) -> bool {
    message["body"]["type"] == "init"
}

/// The error of a run whose only node answers `init` so.
fn init_failure(output: RecentOutput, reply: impl Fn(&Json) -> Vec<String>) -> String {
    let outcome = perform(Arc::new(Echo), 1, output, |_, message| reply(message));
    format!("{:#}", outcome.failure.expect("the run breaks off"))
}

/// A run of echo on one node that answers its `n`th request with the lines of `replies`.
fn echo(replies: impl Fn(u64, &Json, Json) -> Vec<String>) -> Outcome {
    let requests = Cell::new(0);
    perform(Arc::new(Echo), 1, RecentOutput::default(), |_, message| {
        if is_init(message) {
            return vec![answer(message, json!({})).to_string()];
        }
        requests.set(requests.get() + 1);
        let good = answer(message, json!({ "echo": message["body"]["echo"] }));
        replies(requests.get(), message, good)
    })
}

/// The kinds of an outcome's warnings.
fn kinds(outcome: &Outcome) -> Vec<WarningKind> {
    outcome
        .warnings
        .iter()
        .map(|warning| warning.kind)
        .collect()
}

fn count(outcome: &Outcome, kind: Kind) -> usize {
    outcome
        .history
        .clients()
        .filter(|op| op.kind == kind)
        .count()
}

#[test]
fn unusable_answer_to_init_is_explained() {
    let none = RecentOutput::default;
    let wrong = |change: Json| {
        init_failure(none(), move |message| {
            vec![answer(message, change.clone()).to_string()]
        })
    };
    let string = wrong(json!({ "in_reply_to": "1" }));
    assert!(
        string.contains("`in_reply_to` is the string \"1\", expected the integer 1"),
        "{string}"
    );
    let float = wrong(json!({ "in_reply_to": 1.0 }));
    assert!(float.contains("the float 1.0"), "{float}");
    let missing = wrong(json!({ "in_reply_to": null }));
    assert!(missing.contains("without in_reply_to"), "{missing}");
    let elsewhere = init_failure(none(), |message| {
        if !is_init(message) {
            // The reply comes back to the node itself.
            return Vec::new();
        }
        let mut reply = answer(message, json!({}));
        reply["dest"] = "n0".into();
        vec![reply.to_string()]
    });
    assert!(
        elsewhere.contains("a message to n0, while c0 waits for the answer to init"),
        "{elsewhere}"
    );
    let null = init_failure(none(), |message| {
        let mut reply = answer(message, json!({}));
        reply["id"] = Json::Null;
        vec![reply.to_string()]
    });
    assert!(null.contains("\"id\" must be an integer"), "{null}");
}

#[test]
fn silence_is_explained_by_what_the_node_wrote() {
    let output = RecentOutput {
        unfinished: "{\"src\":\"n0\"".to_owned(),
        stderr: vec!["ready".to_owned()],
        ..RecentOutput::default()
    };
    let failure = init_failure(output, |_| Vec::new());
    for part in [
        "n0 wrote 11 bytes without a line break: does it flush",
        "Its last lines on stderr:\n  ready",
    ] {
        assert!(failure.contains(part), "{failure}");
    }
    let failure = init_failure(RecentOutput::default(), |_| Vec::new());
    assert!(failure.contains("n0 wrote nothing to stdout"), "{failure}");
}

#[test]
fn node_that_ends_is_shown_with_the_last_message_it_received() {
    let failure = init_failure(RecentOutput::default(), |_| {
        vec!["EXIT It ended.".to_owned()]
    });
    assert!(
        failure.starts_with("It ended.\nThe last message that it received, from c0:\n")
            && failure.contains("\"type\":\"init\""),
        "{failure}"
    );
}

#[test]
fn set_up_reply_with_a_further_field_is_refused() {
    let outcome = perform(
        Arc::new(Broadcast),
        1,
        RecentOutput::default(),
        |_, message| {
            let change = match is_init(message) {
                true => json!({}),
                false => json!({ "topology": {} }),
            };
            vec![answer(message, change).to_string()]
        },
    );
    let failure = format!("{:#}", outcome.failure.expect("the run breaks off"));
    assert!(failure.contains("unexpected field topology"), "{failure}");
}

#[test]
fn late_duplicate_and_stray_replies_are_counted() {
    let outcome = echo(|msg_id, message, good| {
        let stray = answer(message, json!({ "in_reply_to": null }));
        match msg_id {
            2 => vec![good.to_string(), good.to_string()],
            4 => vec![stray.to_string(), good.to_string()],
            _ => vec![good.to_string()],
        }
    });
    assert!(outcome.failure.is_none());
    assert_eq!(count(&outcome, Kind::Ok), outcome.operations());
    assert_eq!(
        kinds(&outcome),
        [WarningKind::NoReply, WarningKind::DuplicateReply]
    );
    assert_eq!(outcome.protocol_violations(), 0);
}

#[test]
fn only_the_first_message_of_a_line_counts() {
    let outcome = echo(|msg_id, _, good| match msg_id {
        1 => vec![format!("{good}{good}")],
        2 => vec![format!("{good} // done")],
        3 => vec!["listening".to_owned(), good.to_string()],
        _ => vec![good.to_string()],
    });
    assert_eq!(count(&outcome, Kind::Ok), outcome.operations());
    assert_eq!(
        kinds(&outcome),
        [WarningKind::MalformedLine, WarningKind::TextAfterMessage]
    );
    assert_eq!(
        (outcome.protocol_violations(), outcome.fatal_upstream()),
        (3, 1)
    );
}

#[test]
fn error_without_an_integer_code_is_unknown_and_keeps_its_text() {
    let outcome = echo(|msg_id, message, good| {
        let change = match msg_id {
            1 => json!({ "type": "error", "code": "11", "text": "busy" }),
            2 => json!({ "type": "error", "code": 11, "text": { "a": [1] } }),
            _ => return vec![good.to_string()],
        };
        vec![answer(message, change).to_string()]
    });
    let errors: Vec<String> = outcome
        .history
        .clients()
        .filter_map(|op| op.error.as_ref().map(ToString::to_string))
        .collect();
    assert!(
        errors[0].contains("code must be an integer, not \\\"11\\\""),
        "{errors:?}"
    );
    assert!(errors[1].contains(r#"{\"a\":[1]}"#), "{errors:?}");
    assert_eq!(kinds(&outcome), [WarningKind::MalformedReply]);
}

#[test]
fn integers_of_any_size_keep_their_digits() {
    let mut ids = (1_u64..).map(|n| format!("1208925819614629174706176{n}"));
    let outcome = perform(
        Arc::new(UniqueIds),
        1,
        RecentOutput::default(),
        |_, message| {
            if is_init(message) {
                return vec![answer(message, json!({})).to_string()];
            }
            let reply = answer(message, json!({ "id": 0, "msg_id": 9 })).to_string();
            let id = ids.next().expect("ids do not end");
            let reply = reply.replace("\"id\":0", &format!("\"id\":{id}"));
            vec![reply.replace("\"msg_id\":9", &format!("\"msg_id\":{id}"))]
        },
    );
    assert!(outcome.warnings.is_empty(), "{:?}", outcome.warnings);
    let values: Vec<String> = outcome
        .history
        .clients()
        .filter(|op| op.kind == Kind::Ok)
        .map(|op| op.value.to_string())
        .collect();
    assert!(!values.is_empty());
    for (n, value) in (1..).zip(&values) {
        assert_eq!(*value, format!("1208925819614629174706176{n}N"));
    }
}
