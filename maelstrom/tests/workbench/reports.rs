//! The pages of a run are well-formed, complete, and safe whatever text the nodes send.

mod browser;
mod links;
mod rig;

use std::fs;
use std::path::Path;
use std::time::Duration;

use eddy::check;
use eddy::edn::Value as Edn;
use eddy::history::{self, History, Kind, Operation, Process};
use eddy::internal::{self, RunSummary};
use eddy::workload::{self, Settings};
use rig::{Reports, count, gossip, parse, unpack};

#[test]
fn messages_page_holds_every_message_with_its_fate() {
    let run = gossip(20.0);
    let all = run.journal().all();
    let (sent, received) = (all.sent as usize, all.received as usize);
    assert!(sent > received, "no message was lost");
    let reports = Reports::of(&run);
    let data = reports.data("messages.html");
    let latencies = data["m"]["l"].as_array().unwrap();
    assert_eq!(latencies.len(), sent);
    let arrived = latencies
        .iter()
        .filter(|latency| latency.as_i64() >= Some(0));
    assert_eq!(arrived.count(), received);
    let bodies = unpack(&reports.read("messages.html"), "bodies");
    assert_eq!(bodies.split('\n').count(), sent);
    assert!(bodies.contains(r#"{"type":"broadcast""#));
    assert_eq!(data["endpoints"][0], "n0");
    let faults = data["faults"].as_array().unwrap();
    assert!(
        faults
            .iter()
            .any(|fault| fault["name"] == "kill" && fault["where"] != "")
    );
}

#[test]
fn text_of_nodes_never_becomes_markup() {
    let reports = Reports::of(&gossip(20.0));
    assert_eq!(reports.warnings, [""; 0]);
    for name in ["latency-raw.svg", "latency-quantiles.svg", "rate.svg"] {
        let text = reports.read(name);
        let svg = parse(&text);
        assert!(!svg.descendants().any(|node| node.has_tag_name("script")));
    }
    for name in ["index.html", "timeline.html", "messages.html"] {
        let text = reports.read(name);
        assert!(!text.contains("<script>alert"), "{name}");
    }
    assert!(reports.read("index.html").contains("&lt;script&gt;"));
}

#[test]
fn every_fault_is_shaded_in_every_plot_and_named_once() {
    let run = gossip(20.0);
    let starts = |f: &str| run.history().iter().filter(|op| op.f == f).count() / 2;
    let (partitions, kills) = (starts("start-partition"), starts("kill"));
    assert!(partitions > 1 && kills == 1);
    let reports = Reports::of(&run);
    for name in ["latency-raw.svg", "latency-quantiles.svg", "rate.svg"] {
        let text = reports.read(name);
        let svg = parse(&text);
        assert_eq!(count(&svg, "rect", "fault"), partitions + kills, "{name}");
        let rects = svg.descendants().filter(|node| node.has_tag_name("rect"));
        let partition = rects.filter(|rect| rect.attribute("fill") == Some("#E9DCA0"));
        assert_eq!(partition.count(), partitions + 1, "with the legend: {name}");
        let labels = svg.descendants().filter(|node| node.has_tag_name("text"));
        let named = labels
            .filter(|node| node.text() == Some("partition"))
            .count();
        assert_eq!(named, 1, "{name}");
    }
    let faults = reports.data("timeline.html")["faults"].clone();
    let faults = faults.as_array().unwrap();
    assert_eq!(faults.len(), partitions + kills);
}

#[test]
fn index_gives_the_reason_and_every_link_has_a_target() {
    let run = gossip(20.0);
    let reports = Reports::of(&run);
    let page = reports.read("index.html");
    let failed = run
        .history()
        .pairs()
        .find(|(_, end)| end.is_some_and(|op| op.kind == Kind::Fail));
    let place = failed.unwrap().0.index;
    assert!(page.contains(&format!("timeline.html#i{place}")), "{page}");
    let (links, operations) = (links::of(&page), links::operations(&reports));
    assert!(links.len() > 10, "{links:?}");
    assert!(!links.contains("messages.svg"));
    for link in links {
        links::check(&reports, &operations, &link);
    }
    assert!(reports.results.explanation().is_some() && page.contains("<h2>Why</h2>"));
    let perf = reports.results.attached("perf").unwrap();
    assert_eq!(
        perf.to_string(),
        "{:latency-graph {:valid? true}, :rate-graph {:valid? true}, :valid? true}"
    );
    let timeline = reports.results.attached("timeline").unwrap();
    assert_eq!(timeline.to_string(), "{:valid? true}");
}

#[test]
fn unwritable_report_is_a_warning_and_leaves_the_verdict() {
    let history = History::default();
    let mut results = check::check(
        &history,
        &workload::Echo,
        &Settings::of_history(&workload::Echo),
        None,
    );
    let verdict = results.verdict();
    let summary = RunSummary {
        workload: "echo",
        description: "",
        command: None,
        history: &history,
        journal: None,
        failure: None,
    };
    let nowhere = Path::new("/nonexistent/directory");
    let warnings = internal::write(nowhere, &summary, Some(&mut results));
    assert_eq!(warnings.len(), 6, "{warnings:?}");
    assert!(warnings[0].contains("latency-raw.svg"), "{warnings:?}");
    assert_eq!(results.verdict(), verdict);
    let perf = results.attached("perf").unwrap();
    assert!(perf.to_string().contains("latency-raw.svg"), "{perf}");
}

#[test]
fn broken_off_run_has_pages_with_the_reason() {
    let run = gossip(20.0);
    let directory = tempfile::tempdir().unwrap();
    let failure = anyhow::anyhow!("node <n0> crashed");
    let summary = RunSummary {
        workload: "broadcast",
        description: "",
        command: None,
        history: run.history(),
        journal: Some(run.journal()),
        failure: Some(&failure),
    };
    let warnings = internal::write(directory.path(), &summary, None);
    assert_eq!(warnings, [""; 0]);
    let page = fs::read_to_string(directory.path().join("index.html")).unwrap();
    assert!(
        page.contains("broke off") && page.contains("&gt; crashed"),
        "{page}"
    );
    assert!(!page.contains("results.edn"), "there are no results");
    assert!(directory.path().join("messages.html").is_file());
}

#[test]
fn each_key_has_its_history_and_each_anomaly_its_text() {
    let read = |text: &str| history::read_edn(text).unwrap();
    let keys = read(
        "{:process 0 :type :invoke :f :write :value [\"../x\" 1] :time 0}
         {:process 0 :type :ok :f :write :value [\"../x\" 1] :time 1}
         {:process 0 :type :invoke :f :read :value [7 nil] :time 2}
         {:process 0 :type :ok :f :read :value [7 3] :time 3}",
    );
    let reports = Reports::write(&keys, None, &workload::LinKv);
    assert_eq!(reports.warnings, [""; 0]);
    let history = reports.read("independent/7/history.edn");
    assert_eq!(history::read_edn(&history).unwrap().len(), 2);
    assert!(history.contains(":value 3"), "{history}");
    assert!(
        reports
            .read("independent/7/results.edn")
            .contains(":valid? false")
    );
    assert!(
        reports
            .read("independent/____x_/results.edn")
            .contains(":valid? true")
    );

    let txns = read(
        "{:process 0 :type :invoke :f :txn :value [[:append 1 1]] :time 0}
         {:process 0 :type :fail :f :txn :value [[:append 1 1]] :time 1}
         {:process 0 :type :invoke :f :txn :value [[:r 1 nil]] :time 2}
         {:process 0 :type :ok :f :txn :value [[:r 1 [1]]] :time 3}",
    );
    let reports = Reports::write(&txns, None, &workload::TxnListAppend);
    let text = reports.read("elle/G1a.txt");
    assert!(text.contains("found: 1"), "{text}");
}

/// Creates an operation of process `p` that takes `latency`.
fn pair(at: Duration, latency: Duration, p: u64, value: Edn) -> [Operation; 2] {
    [(Kind::Invoke, at), (Kind::Ok, at + latency)].map(|(kind, time)| Operation {
        index: 0,
        time,
        kind,
        process: Process::Client(p),
        f: "read".into(),
        value: value.clone(),
        error: None,
        exception: None,
        extra: Vec::new(),
    })
}

#[test]
fn pages_of_a_hundred_thousand_operations_are_bounded_and_complete() {
    let value: Edn = "long ".repeat(200).into();
    let operations = (0..100_000u64).flat_map(|i| {
        let latency = Duration::from_nanos(1_000_000 + i.wrapping_mul(7_919_317) % 900_000_000);
        pair(
            Duration::from_micros(200 * i),
            latency,
            i % 50,
            value.clone(),
        )
    });
    let reports = Reports::write(&History::new(operations), None, &workload::GSet);
    assert!(reports.size("latency-raw.svg") < 1_000_000);
    assert!(reports.size("latency-quantiles.svg") < 100_000);
    assert!(reports.size("rate.svg") < 100_000);
    assert!(reports.size("timeline.html") < 20_000_000);
    let timeline = reports.data("timeline.html");
    assert_eq!(timeline["ops"]["i"].as_array().unwrap().len(), 100_000);
}

#[test]
fn every_golden_history_can_be_drawn() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut drawn = 0;
    for folder in fs::read_dir(golden).unwrap() {
        let folder = folder.unwrap().path();
        let history = history::read_file(&folder.join("history.edn.gz")).unwrap();
        // The workload determines only the title here.
        let reports = Reports::write(&history, None, &workload::Echo);
        assert_eq!(reports.warnings, [""; 0], "{}", folder.display());
        for name in ["latency-raw.svg", "latency-quantiles.svg", "rate.svg"] {
            parse(&reports.read(name));
        }
        let timeline = reports.data("timeline.html");
        let operations = timeline["ops"]["i"].as_array().unwrap().len();
        assert_eq!(operations, history.pairs().count(), "{}", folder.display());
        drawn += 1;
    }
    assert!(drawn > 10);
}

#[test]
fn empty_history_can_be_drawn() {
    let reports = Reports::write(&History::default(), None, &workload::Kafka);
    assert_eq!(reports.warnings, [""; 0]);
    parse(&reports.read("latency-raw.svg"));
    parse(&reports.read("rate.svg"));
}
