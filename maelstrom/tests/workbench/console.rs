//! Tests of the command line around a run: what a run leaves when it is killed, interrupted or out
//! of disk space, and the commands for runs of the past.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value as Json;

use crate::processes::{Eddy, Finished};

/// The arguments of a run that lasts until a signal ends it.
const ENDLESS: &str = "test -w broadcast --bin NODE --node-count 1 --time-limit 600 --rate 200";

/// Starts an endless run, waits until the store holds some operations, and sends a signal to Eddy.
fn end_with(eddy: &Eddy, signal: &str) -> Finished {
    let child = eddy
        .command(ENDLESS)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("eddy runs");
    let history = eddy.path("store/current/history.edn");
    // The test hangs if nothing is written while the run goes on.
    while lines(&history) < 60 {
        std::thread::sleep(Duration::from_millis(20));
    }
    let list = eddy.run("list");
    list.expect(
        0,
        &["still running", "broadcast, 1 node, 1 client, 200 op/s"],
    );
    let pid = child.id().to_string();
    let sent = Command::new("kill").args([signal, &pid]).status();
    assert!(sent.expect("kill runs").success(), "the signal was sent");
    Finished::from(child.wait_with_output().expect("eddy ends"))
}

fn lines(path: &Path) -> usize {
    let text = std::fs::read(path).unwrap_or_default();
    text.iter().filter(|&&byte| byte == b'\n').count()
}

fn json(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

#[test]
fn killed_eddy_leaves_a_run_that_can_be_judged() {
    let eddy = Eddy::new();
    assert_eq!(end_with(&eddy, "-KILL").code, None);
    eddy.run("list").expect(0, &["DIED"]);
    // Later reads showed what the node acknowledged, or there were none.
    let analysis = eddy.run("analyze store/current --json");
    assert!(matches!(analysis.code, Some(0 | 2)), "{}", analysis.text);
    let results = json(&analysis.text);
    assert!(results["stats"]["count"].as_u64() >= Some(25), "{results}");
    assert_eq!(results["options"]["nodes"], serde_json::json!(["n0"]));
    let warned = eddy.run("analyze store/current").text;
    assert!(warned.contains("warning: the program that performed the run ended without results"));
}

#[test]
fn interrupted_run_prints_the_verdict_on_what_was_seen_and_its_page() {
    let eddy = Eddy::new();
    let run = end_with(&eddy, "-INT");
    run.expect(
        255,
        &[
            "INTERRUPTED after ",
            "the verdict is about what was seen until then",
            "page:   store/broadcast/",
        ],
    );
    assert_eq!(eddy.results()["interrupted"], true);
    eddy.run("list").expect(0, &["interrupted"]);
}

#[test]
fn full_disk_costs_files_but_not_the_verdict() {
    let eddy = Eddy::new();
    let run = eddy.command("test -w echo --bin NODE --node-count 1 --time-limit 1 --rate 100 -q");
    // Limit files to 2 KiB. The signal stays ignored in Eddy, so writes fail instead.
    let script = "trap '' XFSZ; ulimit -f 4; exec \"$0\" \"$@\"";
    let output = Command::new("/bin/sh")
        .args(["-c", script])
        .arg(run.get_program())
        .args(run.get_args())
        .current_dir(eddy.path("."))
        .output()
        .expect("a shell runs");
    Finished::from(output).expect(
        0,
        &[
            "warning: not written: store/echo/",
            "File too large",
            "looks good",
        ],
    );
}

#[test]
fn earlier_runs_are_analyzed_compared_and_listed() {
    let eddy = Eddy::new();
    let echo = "test -w echo --bin NODE --node-count 2 --time-limit 1 --seed 7 --quiet";
    eddy.run(&format!("{echo} --rate 20 --junit a.xml"))
        .expect(0, &["seed 7: echo, 2 nodes, 2 clients"]);
    let a = eddy.path("store/latest").canonicalize().expect("a run");
    eddy.run(&format!("{echo} --rate 40 --junit b.xml -- extra"))
        .expect(1, &["INVALID", "next:   eddy workloads echo"]);
    let junit = |name: &str| std::fs::read_to_string(eddy.path(name)).expect("JUnit is written");
    assert!(junit("a.xml").contains("name=\"seed 7\""));
    assert!(junit("b.xml").contains("<failure message=\"Invalid\">"));

    results_are_whole(&eddy);
    let a = a.display();
    eddy.run(&format!("analyze {a}"))
        .expect(0, &["VALID", "2 nodes"]);
    eddy.run(&format!("analyze {a}/history.jsonl"))
        .expect(0, &["VALID"]);
    eddy.run(&format!("analyze {a} -w kafka"))
        .expect(254, &["is a run of echo, not of kafka"]);
    eddy.run(&format!("analyze {a}/history.txt"))
        .expect(254, &["pass the run's directory", "history.jsonl"]);
    let loose = format!("{a}/../loose.edn");
    std::fs::copy(format!("{a}/history.edn"), &loose).expect("a history is copied");
    eddy.run(&format!("analyze {loose}"))
        .expect(254, &["name it with -w, one of broadcast, echo"]);
    eddy.run("analyze store").expect(254, &["no test.json"]);

    let comparison = eddy.run(&format!("compare {a} store/latest --html compare.html"));
    comparison.expect(0, &["valid", "INVALID", "rate", "20", "40", "ok-fraction"]);
    assert!(
        !comparison.text.contains("concurrency"),
        "only differences are shown"
    );
    assert!(eddy.path("compare.html").is_file());
    eddy.run("compare store/latest nowhere")
        .expect(254, &["nowhere is not a directory"]);
    let list = eddy.run("list --number 1");
    list.expect(0, &["INVALID", "and 1 older runs"]);
}

/// Checks `results.json` of the run that answered with an unknown field.
fn results_are_whole(eddy: &Eddy) {
    let results = eddy.results();
    assert_eq!(results["verdict"], "invalid");
    assert_eq!(results["seed"], 7);
    assert_eq!(results["options"]["rate"], 40.0);
    let text = results["explanation"]["text"].as_str().expect("a text");
    assert!(text.contains("no echo ended ok"), "{text}");
    let warning = &results["warnings"][0];
    assert_eq!(warning["kind"], "malformed-reply");
    let first = warning["first"].as_str().expect("a text");
    assert!(first.contains("unexpected field surprise"), "{first}");
    assert_eq!(results["figures"]["ok-fraction"], 0.0);
    assert_eq!(results["latencies"]["unit"], "ms");
    let page = results["page"].as_str().expect("a path");
    assert!(eddy.path(page).is_file());
    let command = results["command"].as_str().expect("a command");
    assert!(
        command.ends_with("--rate 40 --seed 7 -- extra"),
        "{command}"
    );
}

#[test]
fn suite_of_a_user_runs_with_its_targets() {
    let eddy = Eddy::new();
    let node = eddy
        .command("NODE")
        .get_args()
        .next()
        .map(|node| node.to_owned());
    let node = node.expect("a path").into_string().expect("UTF-8");
    let suite = |name: &str, max: f64| {
        format!(
            "[[suite]]\nname = \"{name}\"\nbin = \"{node}\"\nargs = [\"nothing\"]\n\
             options = \"-w echo --node-count 1 --time-limit 1\"\nours = {{ ok = 1.0, max = {max} }}\n"
        )
    };
    let text = suite("mine-met", 1e6) + &suite("mine-missed", 0.0);
    std::fs::write(eddy.path("mine.toml"), text).expect("a file is written");
    let run = eddy.run("suite --file mine.toml mine --json out.json --junit out.xml");
    run.expect(1, &["mine-met", "mine-missed", "NOT MET"]);
    let rows = std::fs::read_to_string(eddy.path("out.json")).expect("JSON is written");
    let rows = json(&rows);
    assert_eq!([&rows[0]["met"], &rows[1]["met"]], [true, false]);
    let junit = std::fs::read_to_string(eddy.path("out.xml")).expect("JUnit is written");
    assert!(junit.contains("tests=\"2\" failures=\"1\""), "{junit}");
    assert!(junit.contains("max ms is "), "{junit}");

    eddy.run("suite --file mine.toml others")
        .expect(254, &["there are all, mine-met, mine-missed"]);
    eddy.run("suite --file nowhere.toml")
        .expect(254, &["nowhere.toml"]);
    eddy.run("suite")
        .expect(254, &["name a suite; there are all, echo"]);
}

#[test]
fn help_lists_workloads_and_shows_examples() {
    let eddy = Eddy::new();
    eddy.run("test --help").expect(
        0,
        &[
            "broadcast, echo, g-counter",
            "Examples:",
            "--nemesis partition,kill",
        ],
    );
    eddy.run("suite --help")
        .expect(0, &["Examples:", "--file my-suites.toml"]);
    eddy.run("--version").expect(0, &["eddy 0."]);
    for shell in ["bash", "zsh", "fish"] {
        eddy.run(&format!("completions {shell}"))
            .expect(0, &["nemesis", "key-count"]);
    }
    let page = eddy.run("man");
    page.expect(0, &[".TH eddy 1", "EDDY COMPARE", "consistency"]);
    assert!(!page.text.contains("EDDY NODE"), "it is hidden");
}

#[test]
fn missing_store_is_explained() {
    let eddy = Eddy::new();
    for command in ["serve", "list"] {
        eddy.run(command)
            .expect(254, &["there is no store at store", "`eddy test` creates"]);
    }
}

#[test]
fn nodes_of_the_demonstration_run_from_eddy_itself() {
    let eddy = Eddy::new();
    let mut command = eddy.command("node fixed-broadcast");
    let mut node = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("eddy runs");
    let init = r#"{"src":"c0","dest":"n0","body":{"type":"init","msg_id":1,"node_id":"n0","node_ids":["n0"]}}"#;
    let mut stdin = node.stdin.take().expect("a pipe");
    std::io::Write::write_all(&mut stdin, format!("{init}\n").as_bytes()).expect("the node reads");
    drop(stdin);
    let output = node.wait_with_output().expect("the node ends");
    Finished::from(output).expect(0, &["init_ok"]);
}
