//! The table of mutants in the README, which this test writes from the runs and checks.

use std::fmt::Write;

use expect_test::expect_file;

use crate::specimens::Specimens;

const BEGIN: &str = "<!-- The table of mutants is written by `UPDATE_EXPECT=1 cargo test -p eddy --test mutants`. -->\n";
const END: &str = "<!-- End of the table of mutants. -->";

const ALL: [&Specimens; 13] = [
    &crate::echo::SPECIMENS,
    &crate::unique_ids::SPECIMENS,
    &crate::broadcast::SPECIMENS,
    &crate::g_set::SPECIMENS,
    &crate::g_counter::SPECIMENS,
    &crate::pn_counter::SPECIMENS,
    &crate::kafka::SPECIMENS,
    &crate::lin_kv::SPECIMENS,
    &crate::txn_list_append::SPECIMENS,
    &crate::txn_rw_register::SPECIMENS,
    &crate::leader_election::SPECIMENS,
    &crate::jobs::SPECIMENS,
    &crate::orders::SPECIMENS,
];

fn table() -> String {
    let mut table = String::from(
        "| workload | nodes that … | under these faults | show | seeds needed | events of the smallest run |\n|---|---|---|---|---|---|\n",
    );
    // Run in parallel, since shrinking takes the most time.
    let lengths = std::thread::scope(|scope| {
        let threads = ALL.map(|specimens| scope.spawn(|| specimens.story_lengths()));
        threads.map(|thread| thread.join().expect("shrinking does not panic"))
    });
    for (specimens, lengths) in ALL.iter().zip(lengths) {
        let workload = specimens.workload.name();
        let file = workload.replace('-', "_");
        let mut first = format!("[{workload}](tests/mutants/{file}.rs)");
        let outcomes = specimens.seeds_needed().iter().zip(lengths);
        for (mutant, (needed, length)) in specimens.mutants.iter().zip(outcomes) {
            let length = length.map_or("–".to_owned(), |length| length.to_string());
            let needed = needed.as_ref().map_or("never".to_owned(), u64::to_string);
            writeln!(
                table,
                "| {} | {} | {} | {} | {needed} | {length} |",
                std::mem::take(&mut first),
                mutant.flaw,
                mutant.world,
                mutant.anomaly,
            )
            .expect("strings can be written to");
        }
    }
    table
}

#[test]
fn readme_lists_every_mutant_with_its_anomaly() {
    let readme = include_str!("../../README.md");
    let (before, rest) = readme.split_once(BEGIN).expect("the table has a beginning");
    let (_, after) = rest.split_once(END).expect("the table has an end");
    let table = table();
    expect_file!["../../README.md"].assert_eq(&format!("{before}{BEGIN}\n{table}\n{END}{after}"));
}
