//! Properties over random histories of a log that is correct, or is wrong in one place.

use proptest::prelude::*;

use super::errors;

/// What a process does next: send to a key, or poll at most so many messages of it.
#[derive(Clone, Debug)]
enum Act {
    Send {
        process: usize,
        key: usize,
    },
    Poll {
        process: usize,
        key: usize,
        limit: usize,
    },
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        (0..3usize, 0..2usize).prop_map(|(process, key)| Act::Send { process, key }),
        (0..3usize, 0..2usize, 1..4usize).prop_map(|(process, key, limit)| Act::Poll {
            process,
            key,
            limit
        }),
    ];
    prop::collection::vec(act, 1..40)
}

/// Performs the acts one after the other on logs whose *n*th message is at offset `place(n)`; in the
/// end process 9 polls everything. The logs are correct if `place` ascends.
fn transcript(acts: &[Act], place: impl Fn(usize) -> usize) -> String {
    let mut lines = Vec::new();
    let mut logs = [0usize; 2];
    let mut positions = [[0usize; 2]; 3];
    let message = |at: usize| format!("[{} {}]", place(at), at + 1);
    for act in acts {
        match *act {
            Act::Send { process, key } => {
                let at = logs[key];
                logs[key] += 1;
                lines.push(format!(
                    "{process} ok send [[:send \"k{key}\" {}]]",
                    message(at)
                ));
            }
            Act::Poll {
                process,
                key,
                limit,
            } => {
                let from = positions[process][key];
                let to = logs[key].min(from + limit);
                positions[process][key] = to;
                lines.push(poll(process, key, (from..to).map(&message)));
            }
        }
    }
    for (key, &end) in logs.iter().enumerate() {
        lines.push(poll(9, key, (0..end).map(&message)));
    }
    lines.join("\n")
}

fn poll(process: usize, key: usize, messages: impl Iterator<Item = String>) -> String {
    let messages: Vec<String> = messages.collect();
    if messages.is_empty() {
        return format!("{process} ok poll [[:poll {{}}]]");
    }
    format!(
        "{process} ok poll [[:poll {{\"k{key}\" [{}]}}]]",
        messages.join(" ")
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn a_correct_log_is_valid_wherever_its_offsets_are(acts in acts(), gap in 1usize..1 << 40) {
        prop_assert_eq!(errors(&transcript(&acts, |n| n * gap + gap / 2)), "");
    }

    #[test]
    fn an_error_is_the_same_error_wherever_the_offsets_are(
        acts in acts(),
        gap in 1usize..1 << 40,
        swapped in 0usize..8,
    ) {
        // Two neighbours in each log have changed places.
        let swap = |n: usize| if n == swapped { n + 1 } else if n == swapped + 1 { n - 1 } else { n };
        let dense = errors(&transcript(&acts, swap));
        let sparse = errors(&transcript(&acts, |n| swap(n) * gap));
        prop_assert_eq!(dense, sparse);
    }

    #[test]
    fn a_send_is_never_missing_unnoticed(acts in acts(), dropped in any::<prop::sample::Index>()) {
        // Forget one of the sends: whatever is polled of it comes from nobody.
        let text = transcript(&acts, |n| n);
        let lines: Vec<&str> = text.lines().collect();
        let sends: Vec<usize> =
            (0..lines.len()).filter(|&at| lines[at].contains(":send")).collect();
        prop_assume!(!sends.is_empty());
        let at = sends[dropped.index(sends.len())];
        let without = [&lines[..at], &lines[at + 1..]].concat().join("\n");
        let verdict = crate::check::Analysis::verdict(&super::analysis(&without));
        prop_assert_eq!(verdict, crate::check::Verdict::Unknown);
    }
}
