//! The protocol pages show what clients really send, and replies that they really accept.

use std::collections::BTreeSet;

use super::*;

/// The examples of a page: each request with its reply.
fn examples(page: &str) -> Vec<(Json, Json)> {
    let rows = page.lines().filter(|line| line.starts_with("| `{"));
    rows.map(|row| {
        let parts: Vec<&str> = row.split('`').collect();
        let json = |text: &str| {
            serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
        };
        (json(parts[1]), json(parts[3]))
    })
    .collect()
}

fn fields(body: &Json) -> BTreeSet<&String> {
    body.as_object()
        .expect("a body is an object")
        .keys()
        .collect()
}

#[test]
fn every_page_shows_the_requests_that_clients_send_and_replies_that_they_accept() {
    for workload in built_in() {
        let name = workload.name();
        let examples = examples(workload.protocol());
        assert!(!examples.is_empty(), "{name} shows no example");
        let mut sent = BTreeSet::new();
        let settings = Settings {
            rate: 300.0,
            ..settings(4, 8, 300.0)
        };
        let set_up = Settings {
            options: Options::defaults(&workload.options()),
            ..settings.clone()
        };
        if let Some(set_up) = workload.set_up(&set_up, "n0") {
            let example = examples
                .iter()
                .find(|(request, _)| request["type"] == set_up.request["type"]);
            let (request, reply) = example.unwrap_or_else(|| panic!("{name} shows no set-up"));
            assert_eq!(fields(request), fields(&set_up.request), "{name}");
            assert_eq!(reply["type"], *set_up.reply_type, "{name}");
            sent.insert(set_up.request["type"].to_string());
        }
        // Clients get the replies of the page; what they cannot accept ends an operation as `info`.
        let history = run(&*workload, settings, 20, |_, request| {
            let kind = &request["type"];
            let example = examples
                .iter()
                .find(|(example, _)| example["type"] == *kind);
            let (example, reply) = example.unwrap_or_else(|| panic!("{name} shows no {kind}"));
            assert_eq!(fields(example), fields(request), "{name}");
            sent.insert(kind.to_string());
            let mut reply = reply.clone();
            reply["in_reply_to"] = 1.into();
            Some(reply)
        });
        let refused = history
            .clients()
            .find(|op| op.kind == Kind::Info && op.f != "crash");
        assert!(refused.is_none(), "{name}: {refused:?}");
        let shown: BTreeSet<String> = examples
            .iter()
            .map(|(request, _)| request["type"].to_string())
            .collect();
        assert_eq!(
            shown, sent,
            "{name}: the page shows other requests than clients send"
        );
    }
}

#[test]
fn every_page_names_its_workload_and_lists_anomalies() {
    for workload in built_in() {
        let (name, page) = (workload.name(), workload.protocol());
        assert!(page.starts_with(&format!("# {name}\n")), "{name}");
        assert!(page.contains("| anomaly | meaning |"), "{name}");
    }
}
