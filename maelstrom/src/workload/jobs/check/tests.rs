//! Each anomaly in the smallest history that shows it, beside a near-twin without it.

use super::*;
use crate::check::tests::history;
use crate::workload::Jobs;

/// Judges a history of three nodes with one slot each, in which a unit takes 5 ms. Entries are 10 ms
/// apart unless they have a `:time`, in nanoseconds.
fn judge(text: &str) -> JobsAnalysis {
    let mut settings = Settings::new(&Jobs, ["n0", "n1", "n2"].map(str::to_owned).to_vec());
    settings.options.set("capacities", "1");
    check(&history(text), &settings)
}

fn anomalies(text: &str) -> Vec<String> {
    let findings = judge(text).findings;
    findings.into_iter().map(|found| found.anomaly).collect()
}

fn assert_fine(text: &str) {
    let analysis = judge(text);
    assert_eq!(analysis.verdict, Verdict::Valid, "{analysis:#?}");
}

/// A job that arrives and is answered at these milliseconds.
fn job(process: u32, id: &str, units: u32, worker: &str, from: u32, to: u32) -> String {
    let fields = format!(":job \"{id}\" :units {units} :node \"n0\"");
    format!(
        "{process} invoke job {{{fields}}} :time {from}000000\n\
         {process} ok job {{{fields} :worker \"{worker}\"}} :time {to}000000\n"
    )
}

/// The account of a node at the end.
fn account(node: &str, jobs: &str) -> String {
    let process = &node[1..];
    format!(
        "{process} invoke executed {{:node \"{node}\"}} :final? true :time 60000000000\n\
         {process} ok executed {{:node \"{node}\" :jobs [{jobs}]}} :final? true :time 60000000000\n"
    )
}

#[test]
fn acknowledged_job_must_have_been_executed() {
    let run = job(0, "j1", 2, "n1", 0, 12);
    assert_fine(&(run.clone() + &account("n1", "[\"j1\" 1]")));
    assert_eq!(anomalies(&(run.clone() + &account("n1", ""))), ["lost"]);
    // A worker that did not give its account is not accused.
    assert_fine(&(run.clone() + &account("n2", "")));
    // A killed worker has forgotten.
    let kill = "nemesis info kill :one :time 20000000\n\
                nemesis info kill {\"n1\" :killed} :time 20000000\n";
    assert_fine(&(run + kill + &account("n1", "")));
}

#[test]
fn named_worker_must_be_the_one_that_ran_the_job() {
    let run = job(0, "j1", 2, "n1", 0, 12);
    let accounts = account("n1", "") + &account("n2", "[\"j1\" 1]");
    assert_eq!(anomalies(&(run + &accounts)), ["wrong-worker"]);
}

#[test]
fn job_takes_its_time() {
    let accounts = account("n1", "[\"j1\" 1]");
    assert_fine(&(job(0, "j1", 4, "n1", 0, 20) + &accounts));
    assert_eq!(
        anomalies(&(job(0, "j1", 4, "n1", 0, 12) + &accounts)),
        ["too-fast"]
    );
}

#[test]
fn worker_with_one_slot_runs_one_job_at_a_time() {
    let both = |first_end, second_end| {
        let [a, b] = [
            job(0, "j1", 20, "n1", 0, first_end),
            job(1, "j2", 20, "n1", 0, second_end),
        ];
        a + &b + &account("n1", "[\"j1\" 1] [\"j2\" 1]")
    };
    assert_fine(&both(100, 200));
    assert_eq!(anomalies(&both(110, 120)), ["too-fast"]);
}

#[test]
fn more_work_than_fits_into_an_interval_is_too_fast() {
    // Ten jobs of 100 ms in 500 ms, of which none is certain to overlap another.
    let jobs = |end| -> String {
        (0..10)
            .map(|i| job(i, &format!("j{i}"), 20, "n1", 1, end))
            .collect()
    };
    let ids: Vec<String> = (0..10).map(|i| format!("[\"j{i}\" 1]")).collect();
    let accounts = account("n1", &ids.join(" "));
    assert_eq!(anomalies(&(jobs(499) + &accounts)), ["too-fast"]);
    assert_fine(&(jobs(1001) + &accounts));
}

#[test]
fn job_runs_once_unless_a_fault_hit_its_worker() {
    let run = job(0, "j1", 2, "n1", 0, 12);
    let accounts = account("n1", "[\"j1\" 1]") + &account("n2", "[\"j1\" 1]");
    assert_eq!(anomalies(&(run.clone() + &accounts)), ["repeated"]);
    assert_eq!(
        anomalies(&(run.clone() + &account("n1", "[\"j1\" 2]"))),
        ["repeated"]
    );
    let pause = |node: &str| {
        format!(
            "nemesis info pause :one :time 1000000\n\
             nemesis info pause {{\"{node}\" :paused}} :time 1000000\n"
        )
    };
    assert_fine(&(pause("n2") + &run + &accounts));
    let cut = "nemesis info start-partition :one-way :time 1000000\n\
               nemesis info start-partition [:isolated {\"n0\" #{\"n2\"}}] :time 1000000\n";
    assert_fine(&(cut.to_owned() + &run + &accounts));
    assert_eq!(anomalies(&(pause("n0") + &run + &accounts)), ["repeated"]);
    // Of two overlapping partitions one ends; the other may be the one that hit the worker.
    let healed = "nemesis info stop-partition nil :time 2000000\n\
                  nemesis info stop-partition :network-healed :time 2000000\n";
    let run = job(0, "j1", 2, "n1", 10, 22);
    assert_fine(&(cut.repeat(2) + healed + &run + &accounts));
    let both_ended = cut.repeat(2) + &healed.repeat(2);
    assert_eq!(anomalies(&(both_ended + &run + &accounts)), ["repeated"]);
    // A delayed message may arrive after the end of the fault.
    let delays = "nemesis info start-delays 0.1 :time 0\n\
                  nemesis info start-delays :done :time 0\n\
                  nemesis info stop-delays nil :time 5000000\n\
                  nemesis info stop-delays :done :time 5000000\n";
    assert_fine(&(delays.to_owned() + &run + &accounts));
    let late = job(0, "j1", 2, "n1", 2_010, 2_022);
    let found = anomalies(&(delays.to_owned() + &late + &accounts));
    assert_eq!(found, ["repeated"]);
}

#[test]
fn refused_job_does_not_run() {
    let refused = "0 invoke job {:job \"j1\" :units 2 :node \"n0\"}\n\
                   0 fail job {:job \"j1\" :units 2 :node \"n0\"} :error [:temporarily-unavailable \"\"]\n";
    let other = job(0, "j2", 2, "n1", 30, 42);
    let accounts = |jobs| account("n1", jobs);
    assert_fine(&(refused.to_owned() + &other + &accounts("[\"j2\" 1]")));
    let found = anomalies(&(refused.to_owned() + &other + &accounts("[\"j1\" 1] [\"j2\" 1]")));
    assert_eq!(found, ["refused-but-run"]);
}

#[test]
fn node_that_gives_no_account_is_a_finding() {
    let silent = "1 invoke executed {:node \"n1\"} :final? true\n\
                  1 fail executed {:node \"n1\"} :final? true :error :net-timeout\n";
    let run = job(0, "j1", 2, "n1", 0, 12);
    assert_eq!(anomalies(&(run + silent)), ["no-final-answer"]);
}

#[test]
fn slowdown_is_measured_at_the_speed_that_the_worker_had() {
    let run = job(0, "j1", 4, "n1", 0, 40) + &account("n1", "[\"j1\" 1]");
    assert_eq!(judge(&run).slowdown(0.5), Some(2.0));
    let slow = "nemesis info slow :one :time 0\nnemesis info slow {\"n1\" 5} :time 0\n";
    let run = job(0, "j1", 4, "n1", 0, 200) + &account("n1", "[\"j1\" 1]");
    assert_eq!(judge(&(slow.to_owned() + &run)).slowdown(0.5), Some(2.0));
}

#[test]
fn job_that_began_slowly_and_ended_after_the_recovery_is_measured_at_the_slow_speed() {
    let slow = "nemesis info slow :one :time 0\nnemesis info slow {\"n1\" 5} :time 0\n";
    let recovery = "nemesis info recover-speed :all :time 150000000\n\
                    nemesis info recover-speed {\"n1\" 1} :time 150000000\n";
    let accounts = account("n1", "[\"j1\" 1]");
    // It holds its slot for 100 ms, from 100 to 200 ms.
    let run = slow.to_owned() + &job(0, "j1", 4, "n1", 0, 200) + recovery + &accounts;
    assert_eq!(judge(&run).slowdown(0.5), Some(2.0));
    // Too late to have begun before the recovery.
    let run = slow.to_owned() + &job(0, "j1", 4, "n1", 0, 260) + recovery + &accounts;
    assert_eq!(judge(&run).slowdown(0.5), Some(13.0));
}

#[test]
fn job_without_an_answer_has_waited_until_the_end_of_the_run() {
    let lost = "0 invoke job {:job \"j1\" :units 2 :node \"n0\"} :time 0\n\
                0 info job {:job \"j1\" :units 2 :node \"n0\"} :time 1000000\n";
    let other = job(1, "j2", 2, "n1", 400, 410) + &account("n1", "[\"j2\" 1]");
    let analysis = judge(&(lost.to_owned() + &other));
    assert_eq!(analysis.unanswered(), 1);
    assert_eq!(analysis.slowdowns, [1.0, 41.0]);
}
