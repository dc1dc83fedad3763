//! The client of kafka: where it stands, and what it commits.

use super::*;

/// A client alone, with what it sends.
struct Alone(Box<dyn Client>);

impl Alone {
    fn new() -> Alone {
        Alone(Kafka.client(&settings(1, 1, 1.0)))
    }

    fn poll(&mut self) -> Json {
        match self.0.invoke(&poll()) {
            Step::Call(request) => request["offsets"].clone(),
            other => panic!("a poll calls, it does not {other:?}"),
        }
    }

    /// Answers a poll. The commit that follows, if one does.
    fn polled(&mut self, msgs: Json) -> Option<Json> {
        match self
            .0
            .reply(&poll(), &json!({ "type": "poll_ok", "msgs": msgs }))
        {
            Ok(Step::Call(request)) => Some(request),
            Ok(Step::Ok(_)) => None,
            other => panic!("unexpected: {other:?}"),
        }
    }

    fn assign(&mut self, keys: &[&str], committed: Json) {
        let assign = Invocation::new("assign", Value::vector(keys.iter().copied()));
        let request = self.0.invoke(&assign);
        assert!(matches!(request, Step::Call(body) if body["keys"] == json!(keys)));
        let reply = json!({ "type": "list_committed_offsets_ok", "offsets": committed });
        assert!(matches!(self.0.reply(&assign, &reply), Ok(Step::Ok(_))));
    }
}

fn poll() -> Invocation {
    Invocation::new("poll", crate::edn::parse("[[:poll]]").expect("valid EDN"))
}

#[test]
fn a_client_polls_nothing_before_its_first_assign() {
    assert_eq!(Alone::new().poll(), json!({}));
}

#[test]
fn a_poll_with_messages_commits_the_highest_offsets_and_one_without_does_not() {
    let mut client = Alone::new();
    client.assign(&["1", "2", "3"], json!({}));
    client.poll();
    let commit = client.polled(json!({ "1": [[4, 9], [7, 8]], "2": [], "3": [[0, 1]] }));
    assert_eq!(
        commit,
        Some(json!({ "type": "commit_offsets", "offsets": { "1": 7, "3": 0 } }))
    );
    let end = client
        .0
        .reply(&poll(), &json!({ "type": "commit_offsets_ok" }));
    let shown = "[[:poll {\"1\" [[4 9] [7 8]], \"2\" [], \"3\" [[0 1]]}]]";
    assert!(matches!(end, Ok(Step::Ok(value)) if value.to_string() == shown));
    assert_eq!(client.poll(), json!({ "1": 8, "2": 0, "3": 1 }));
    assert_eq!(client.polled(json!({ "2": [] })), None);
    // Positions never move back.
    client.poll();
    client.polled(json!({ "1": [[2, 7]] }));
    assert_eq!(client.poll()["1"], 8);
}

#[test]
fn positions_stay_advanced_when_the_commit_fails() {
    let mut client = Alone::new();
    client.assign(&["1"], json!({}));
    client.poll();
    assert!(client.polled(json!({ "1": [[0, 5]] })).is_some());
    // The commit meets an error; the next poll begins as if it had not.
    assert_eq!(client.poll(), json!({ "1": 1 }));
    assert_eq!(client.polled(json!({})), None);
}

#[test]
fn an_assign_keeps_known_positions_drops_other_keys_and_begins_new_ones_at_zero() {
    let mut client = Alone::new();
    client.assign(&["1", "2"], json!({ "1": 40 }));
    client.poll();
    client.polled(json!({ "1": [[0, 5]], "2": [[0, 5], [1, 6]] }));
    client.assign(&["2", "3"], json!({ "3": 40 }));
    assert_eq!(client.poll(), json!({ "2": 2, "3": 0 }));
}

#[test]
fn seeking_to_the_beginning_needs_no_call() {
    let mut client = Alone::new();
    client.assign(&["1"], json!({}));
    client.poll();
    client.polled(json!({ "1": [[0, 5]] }));
    let assign = Invocation::new("assign", Value::vector(["1"])).with("seek-to-beginning?", true);
    assert!(matches!(client.0.invoke(&assign), Step::Ok(_)));
    assert_eq!(client.poll(), json!({ "1": 0 }));
}
