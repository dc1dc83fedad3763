//! What a run leaves to look at is well-formed, complete up to its limits, and safe whatever the
//! nodes say.

mod rig;

use std::fs;
use std::path::Path;
use std::time::Duration;

use eddy::check;
use eddy::edn::Value as Edn;
use eddy::history::{self, History, Kind, Operation, Process};
use eddy::net::EventKind;
use eddy::report::{self, EVENTS_MAX, RunSummary};
use eddy::workload::{self, Settings};
use rig::{Reports, count, gossip, parse};

#[test]
fn every_message_that_was_received_has_one_arrow_and_initialisation_has_none() {
    let run = gossip(20.0);
    let events = run.journal().events();
    let is_init = |body: &str| body.contains(r#""type":"init"#);
    let shown: Vec<_> = events
        .iter()
        .filter(|event| !is_init(&event.message.body))
        .collect();
    let received = shown
        .iter()
        .filter(|event| event.kind == EventKind::Receive);
    let received = received.count();
    let sent = shown.len() - received;
    assert!(shown.len() < EVENTS_MAX && shown.len() < events.len());
    assert!(sent > received, "no message was lost");

    let reports = Reports::of(&run);
    let text = reports.read("messages.svg");
    let svg = parse(&text);
    assert_eq!(count(&svg, "path", "arrow"), received);
    assert_eq!(count(&svg, "path", "tip"), received);
    assert_eq!(count(&svg, "path", "stump"), sent - received);
    let errors = shown
        .iter()
        .filter(|event| event.message.body.contains(r#""type":"error""#));
    let errors = errors
        .filter(|event| event.kind == EventKind::Receive)
        .count();
    assert!(errors > 0);
    assert_eq!(count(&svg, "g", "error"), errors);
    let height: f64 = svg
        .root_element()
        .attribute("height")
        .unwrap()
        .parse()
        .unwrap();
    assert!(height > 20.0 * shown.len() as f64);
    assert!(!text.contains("not shown"), "everything is shown");
    assert!(text.contains("#FF1E90") && text.contains("#81BFFC"));
}

#[test]
fn a_diagram_of_messages_ends_with_a_notice_after_ten_thousand_events() {
    let run = gossip(600.0);
    let journal = run.journal();
    let total = (journal.all().sent + journal.all().received) as usize;
    let init = journal.events().iter();
    let init = init
        .filter(|event| event.message.body.contains(r#""type":"init"#))
        .count();
    let hidden = total - init - EVENTS_MAX;
    let text = Reports::of(&run).read("messages.svg");
    let svg = parse(&text);
    let notice = svg
        .descendants()
        .find(|node| node.attribute("class") == Some("notice"));
    let notice = notice.and_then(|node| node.text()).unwrap();
    assert_eq!(notice, format!("{hidden} additional events not shown"));
    assert!(count(&svg, "path", "arrow") < EVENTS_MAX);
}

#[test]
fn whatever_nodes_say_stays_text() {
    let reports = Reports::of(&gossip(20.0));
    assert_eq!(reports.warnings, [""; 0]);
    for name in [
        "messages.svg",
        "latency-raw.svg",
        "latency-quantiles.svg",
        "rate.svg",
    ] {
        let text = reports.read(name);
        let svg = parse(&text);
        assert!(!svg.descendants().any(|node| node.has_tag_name("script")));
    }
    for name in ["index.html", "timeline.html"] {
        let text = reports.read(name);
        assert!(!text.contains("<script>"), "{name}");
        assert!(text.contains("&lt;script&gt;"), "{name}");
    }
    let text = reports.read("messages.svg");
    let labels = parse(&text);
    let labels = labels
        .descendants()
        .filter(|node| node.has_tag_name("text"));
    let longest = labels
        .filter_map(|node| Some(node.text()?.chars().count()))
        .max();
    assert_eq!(longest, Some(48));
}

#[test]
fn faults_are_shaded_wherever_time_runs_and_named_once() {
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
    assert!(reports.read("timeline.html").contains("background:#E9A4A0"));
}

#[test]
fn the_index_tells_why_and_leads_to_what_failed() {
    let run = gossip(20.0);
    let reports = Reports::of(&run);
    let page = reports.read("index.html");
    let failed = run
        .history()
        .pairs()
        .find(|(_, end)| end.is_some_and(|op| op.kind == Kind::Fail));
    let place = failed.unwrap().0.index;
    assert!(page.contains(&format!("timeline.html#i{place}")), "{page}");
    assert!(
        reports
            .read("timeline.html")
            .contains(&format!("id=\"i{place}\""))
    );
    for link in [
        "messages.svg",
        "timeline.html",
        "results.edn",
        "latency-raw.svg",
    ] {
        assert!(page.contains(&format!("=\"{link}\"")), "{link}");
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
fn a_report_that_cannot_be_written_is_a_warning_and_costs_no_verdict() {
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
    let warnings = report::write(nowhere, &summary, Some(&mut results));
    assert_eq!(warnings.len(), 5, "{warnings:?}");
    assert!(warnings[0].contains("latency-raw.svg"), "{warnings:?}");
    assert_eq!(results.verdict(), verdict);
    let perf = results.attached("perf").unwrap();
    assert!(perf.to_string().contains("latency-raw.svg"), "{perf}");
}

#[test]
fn a_run_that_broke_off_is_drawn_with_the_reason() {
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
    let warnings = report::write(directory.path(), &summary, None);
    assert_eq!(warnings, [""; 0]);
    let page = fs::read_to_string(directory.path().join("index.html")).unwrap();
    assert!(page.contains("broke off") && page.contains("node &lt;n0&gt; crashed"));
    assert!(!page.contains("results.edn"), "there are no results");
    assert!(directory.path().join("messages.svg").is_file());
}

#[test]
fn keys_have_histories_and_results_of_their_own_and_anomalies_a_text() {
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

/// An operation of process `p` that takes `latency`.
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
fn reports_of_a_hundred_thousand_operations_are_bounded() {
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
    let timeline = reports.read("timeline.html");
    assert_eq!(timeline.matches("<a id=\"i").count(), 10_000);
    assert!(timeline.contains("90000 additional operations not shown"));
}

#[test]
fn every_recorded_history_can_be_drawn() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut drawn = 0;
    for folder in fs::read_dir(golden).unwrap() {
        let folder = folder.unwrap().path();
        let history = history::read_file(&folder.join("history.edn.gz")).unwrap();
        // The workload decides nothing here but the title.
        let reports = Reports::write(&history, None, &workload::Echo);
        assert_eq!(reports.warnings, [""; 0], "{}", folder.display());
        for name in ["latency-raw.svg", "latency-quantiles.svg", "rate.svg"] {
            parse(&reports.read(name));
        }
        let cells = reports.read("timeline.html").matches("<a id=\"i").count();
        assert_eq!(cells, history.pairs().count(), "{}", folder.display());
        drawn += 1;
    }
    assert!(drawn > 10);
}

#[test]
fn an_empty_history_can_be_drawn() {
    let reports = Reports::write(&History::default(), None, &workload::Kafka);
    assert_eq!(reports.warnings, [""; 0]);
    parse(&reports.read("latency-raw.svg"));
    parse(&reports.read("rate.svg"));
}
