//! Each anomaly in the smallest history that shows it, beside a near-twin without it.

use super::*;
use crate::check::tests::history;
use crate::workload::LeaderElection;

/// A cluster of three nodes; thread i asks node i.
fn check(text: &str) -> LeaderElectionAnalysis {
    check_with(text, false)
}

fn check_with(text: &str, allow_split_brain: bool) -> LeaderElectionAnalysis {
    let nodes = ["n0", "n1", "n2"].map(str::to_owned).to_vec();
    let mut settings = Settings::new(&LeaderElection, nodes);
    settings.options.set("allow-split-brain", allow_split_brain);
    super::check(&history(text), &settings)
}

/// Questions and answers, one a line: `NODE LEADER TERM`, each answered before the next is asked.
fn dialogue(lines: &[&str]) -> String {
    lines.iter().map(|line| exchange(line, "")).collect()
}

fn exchange(line: &str, extra: &str) -> String {
    let [node, leader, term] = line.split(' ').collect::<Vec<_>>()[..] else {
        panic!("an exchange is NODE LEADER TERM, not {line}");
    };
    let process = &node[1..];
    format!(
        "{process} invoke leader \"{node}\" {extra}\n\
         {process} ok leader {{:node \"{node}\" :leader \"{leader}\" :term {term}}} {extra}\n"
    )
}

fn finals(lines: &[&str]) -> String {
    lines
        .iter()
        .map(|line| exchange(line, ":final? true"))
        .collect()
}

fn anomalies(analysis: &LeaderElectionAnalysis) -> Vec<&str> {
    let findings = analysis.findings.iter();
    findings.map(|finding| &*finding.anomaly).collect()
}

#[test]
fn tenures_that_overlap_are_split_brain_and_tenures_that_follow_are_not() {
    let overlapping = dialogue(&["n0 n0 1", "n1 n1 2", "n0 n0 1", "n1 n1 2"]);
    let analysis = check(&overlapping);
    assert_eq!(anomalies(&analysis), ["split-brain"]);
    // n0 from entry 1 to entry 4, n1 from entry 3 to entry 6: 10 ms, from 3 to 4.
    assert_eq!(analysis.split_brain(), Duration::from_millis(10));
    assert_eq!(analysis.findings[0].operations, [1, 5, 3, 7]);

    let following = dialogue(&["n0 n0 1", "n0 n0 1", "n1 n1 2", "n1 n1 2"]);
    let analysis = check(&following);
    assert_eq!(analysis.verdict(), Verdict::Valid, "{analysis:?}");
    assert_eq!(analysis.split_brain(), Duration::ZERO);
}

#[test]
fn overlap_that_is_only_possible_is_no_split_brain() {
    // The second claim of n0 was invoked before n1's first claim was completed.
    let text = "0 invoke leader \"n0\"\n\
                0 ok leader {:node \"n0\" :leader \"n0\" :term 1}\n\
                0 invoke leader \"n0\"\n\
                1 invoke leader \"n1\"\n\
                1 ok leader {:node \"n1\" :leader \"n1\" :term 2}\n\
                0 ok leader {:node \"n0\" :leader \"n0\" :term 1}";
    assert_eq!(check(text).verdict(), Verdict::Valid);
}

#[test]
fn split_brain_that_is_allowed_is_a_figure() {
    let overlapping = dialogue(&["n0 n0 1", "n1 n1 2", "n0 n0 1", "n1 n1 2"]);
    let analysis = check_with(&overlapping, true);
    assert_eq!(analysis.verdict(), Verdict::Valid);
    assert_eq!(analysis.figures()[0], Figure::new("split-brain-ms", 10.0));
}

#[test]
fn one_term_has_one_leader() {
    let two = dialogue(&["n0 n0 1", "n2 n1 1"]);
    assert_eq!(anomalies(&check(&two)), ["two-leaders-in-a-term"]);
    let one = dialogue(&["n0 n0 1", "n2 n1 2"]);
    assert_eq!(check(&one).verdict(), Verdict::Valid);
}

#[test]
fn term_of_a_node_never_falls() {
    let back = dialogue(&["n0 n1 2", "n0 n0 1"]);
    assert_eq!(anomalies(&check(&back)), ["term-went-back"]);
    // Another node may still be behind.
    let behind = dialogue(&["n0 n1 2", "n2 n0 1"]);
    assert_eq!(check(&behind).verdict(), Verdict::Valid);
}

#[test]
fn concurrent_answers_of_a_node_may_have_their_terms_in_any_order() {
    // Processes 0 and 3 both ask n0.
    let text = "0 invoke leader \"n0\"\n\
                3 invoke leader \"n0\"\n\
                0 ok leader {:node \"n0\" :leader \"n1\" :term 2}\n\
                3 ok leader {:node \"n0\" :leader \"n2\" :term 1}";
    assert_eq!(check(text).verdict(), Verdict::Valid);
}

#[test]
fn final_answers_must_agree() {
    let agree = finals(&["n0 n1 1", "n1 n1 1", "n2 n1 1"]);
    assert_eq!(check(&agree).verdict(), Verdict::Valid);
    let differ = finals(&["n0 n1 1", "n1 n1 1", "n2 n2 2"]);
    assert_eq!(anomalies(&check(&differ)), ["no-agreement"]);
    // All name n1, but n1 was not asked: it has to claim to lead.
    let silent = finals(&["n0 n1 1", "n2 n1 1"])
        + "1 invoke leader \"n1\" :final? true\n\
           1 fail leader \"n1\" :final? true :error [:temporarily-unavailable \"none\"]\n";
    let analysis = check(&silent);
    assert_eq!(anomalies(&analysis), ["no-agreement"]);
    assert!(
        analysis
            .explanation()
            .unwrap()
            .contains("n1 named no leader")
    );
}

#[test]
fn node_that_all_name_must_claim_to_lead() {
    let denied = finals(&["n0 n1 1", "n2 n1 1", "n1 n2 1"]);
    let found = check(&denied);
    assert!(anomalies(&found).contains(&"no-agreement"), "{found:?}");
}

#[test]
fn malformed_reply_is_a_finding_that_shows_it() {
    let text = "0 invoke leader \"n0\"\n\
                0 info leader \"n0\" :error \"indeterminate: field term is missing in {}\" \
                :exception {:via [{:type clojure.lang.ExceptionInfo}]}";
    let analysis = check(text);
    assert_eq!(anomalies(&analysis), ["malformed-reply"]);
    assert!(
        analysis
            .explanation()
            .unwrap()
            .contains("field term is missing")
    );
}

#[test]
fn history_without_answers_is_undecided() {
    let text = "0 invoke leader \"n0\"\n0 fail leader \"n0\" :error :net-timeout";
    assert_eq!(check(text).verdict(), Verdict::Unknown);
}

#[test]
fn failover_is_measured_from_the_kill_of_the_leader_to_the_next_claim() {
    let kill = "nemesis info kill {\"n0\" :killed}\n";
    let text = dialogue(&["n0 n0 1"]) + kill + &dialogue(&["n2 n0 1", "n1 n1 2"]);
    assert_eq!(check(&text).failovers(), [Duration::from_millis(40)]);
    // The kill of another node is no failover.
    let other = "nemesis info kill {\"n2\" :killed}\n";
    let text = dialogue(&["n0 n0 1"]) + other + &dialogue(&["n1 n0 1", "n1 n1 2"]);
    assert_eq!(check(&text).failovers(), []);
}

#[test]
fn leader_that_survives_a_fault_is_no_failover() {
    let pause = "nemesis info pause {\"n0\" :paused}\n";
    let resume = "nemesis info resume {\"n0\" :resumed}\n";
    let elected = dialogue(&["n1 n1 2"]);
    let survived = dialogue(&["n0 n0 1"]) + pause + resume + &dialogue(&["n0 n0 1"]) + &elected;
    assert_eq!(check(&survived).failovers(), []);
    let replaced = dialogue(&["n0 n0 1"]) + pause + resume + &elected;
    assert_eq!(check(&replaced).failovers().len(), 1);
}

#[test]
fn claim_in_the_final_phase_ends_no_failover() {
    let kill = "nemesis info kill {\"n0\" :killed}\n";
    let text = dialogue(&["n0 n0 1"]) + kill + &finals(&["n0 n1 2", "n1 n1 2", "n2 n1 2"]);
    let analysis = check(&text);
    assert_eq!(analysis.verdict(), Verdict::Valid);
    assert_eq!(analysis.failovers(), []);
}

#[test]
fn failover_counts_once_from_the_first_of_several_faults() {
    let pause = "nemesis info pause {\"n0\" :paused}\n";
    let kill = "nemesis info kill {\"n0\" :killed}\n";
    let text = dialogue(&["n0 n0 1"]) + pause + kill + &dialogue(&["n1 n1 2"]);
    assert_eq!(check(&text).failovers(), [Duration::from_millis(30)]);
}

#[test]
fn leader_that_cannot_hear_a_majority_is_cut_off() {
    let cut =
        "nemesis info start-partition [:isolated {\"n0\" #{\"n1\" \"n2\"} \"n1\" #{\"n0\"}}]\n";
    let text = dialogue(&["n0 n0 1"]) + cut + &dialogue(&["n1 n1 2"]);
    assert_eq!(check(&text).failovers(), [Duration::from_millis(20)]);
}

#[test]
fn time_between_tenures_is_leaderless() {
    // Questions at 0, 20, 40 and 60 ms; n0 leads from 10 to 20 ms, n1 from 50 to 60 ms.
    let text = dialogue(&["n0 n0 1", "n0 n0 1", "n1 n1 2", "n1 n1 2"]);
    assert_eq!(check(&text).leaderless(), Duration::from_millis(40));
}
