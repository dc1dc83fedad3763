use super::*;
use crate::check;
use crate::check::tests::history;
use crate::seed::Seed;
use crate::workload::{GSet, Settings};

/// Creates the directory of a run of g-set with this history, with or without results.
fn run(place: &std::path::Path, text: &str, rate: f64, is_judged: bool) -> RunDirectory {
    let nodes = vec!["n0".to_owned()];
    let settings = Settings {
        rate,
        ..Settings::new(&GSet, nodes)
    };
    let mut directory = RunDirectory::at(place).unwrap();
    let record = RunRecord::new("g-set", &settings, Seed(7));
    directory.begin(&record).unwrap();
    let history = history(text);
    assert_eq!(directory.write_history(&history), [""; 0]);
    if is_judged {
        let results = check::check(&history, &GSet, &settings, None);
        let unwritten = directory.write_results(&results, &results.to_json());
        assert_eq!(unwritten, [""; 0]);
    }
    directory
}

#[test]
fn different_options_figures_latencies_and_verdicts_are_compared() {
    let place = tempfile::tempdir().unwrap();
    let good = "0 invoke add 1\n0 ok add 1\n0 invoke read nil\n0 ok read [1]";
    let bad = "0 invoke add 1\n0 ok add 1\n0 invoke read nil\n1 invoke add 2\n1 fail add 2\n0 ok read [1]";
    let a = run(&place.path().join("a"), good, 5.0, true);
    let b = run(&place.path().join("b"), bad, 10.0, true);
    let comparison = Comparison::of([&a, &b]).unwrap();
    let rows: Vec<&ComparedRow> = comparison.sections.iter().flat_map(|s| &s.rows).collect();
    let find = |name: &str| *rows.iter().find(|row| row.name == name).unwrap();
    let values = |name: &str| find(name).values.clone();
    assert_eq!(values("verdict"), ["valid", "valid"]);
    assert_eq!(values("rate"), ["5", "10"]);
    assert!(
        rows.iter().all(|row| row.name != "concurrency"),
        "only differences are shown"
    );
    assert_eq!(values("ok-fraction"), ["1", "0.667"]);
    assert_eq!(find("ok-fraction").change, "-33.3 %");
    assert_eq!(values("read max"), ["10", "30"]);
    assert_eq!(find("read max").change, "× 3");

    let text = comparison.to_text();
    assert!(text.contains("\noptions that differ\n  rate"), "{text}");
    assert!(comparison.to_page().contains("<td>0.667</td>"));
    assert_eq!(comparison.to_json()["options that differ"][0]["a"], "5");
}

#[test]
fn run_without_results_is_compared_as_far_as_possible() {
    let place = tempfile::tempdir().unwrap();
    let text = "0 invoke add 1\n0 ok add 1";
    let a = run(&place.path().join("a"), text, 5.0, false);
    let b = run(&place.path().join("b"), text, 5.0, false);
    b.write_failure("Node n0 exited").unwrap();
    let comparison = Comparison::of([&a, &b]).unwrap();
    let verdict = &comparison.sections[0].rows[4];
    assert_eq!(verdict.values, ["still running", "BROKE OFF"]);
    assert!(comparison.sections[1].rows.is_empty());
    assert!(comparison.to_text().contains("  none\n"));
}

#[test]
fn long_cells_keep_the_end_of_a_path_and_the_beginning_of_a_sentence() {
    let path = "x".repeat(100) + "/latest";
    assert!(short(&path).ends_with("/latest") && short(&path).starts_with('…'));
    let sentence = "21 values are missing ".repeat(9);
    assert!(short(&sentence).starts_with("21 values") && short(&sentence).ends_with('…'));
    assert_eq!(short("a\nb"), "a");
}
