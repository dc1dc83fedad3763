//! The command that performs a run again.

use super::options::TestPlan;
use crate::check::Availability;
use crate::net::Distribution;
use crate::seed::Seed;

/// Returns the command line of a single run of `plan` from `seed`, for a shell. Options with their
/// default are left out.
pub(super) fn command_line(plan: &TestPlan, seed: Seed) -> String {
    let TestPlan {
        options, settings, ..
    } = plan;
    let mut words = vec!["eddy".to_owned(), "test".to_owned()];
    let mut add = |name: &str, value: Option<String>| {
        words.extend(
            value
                .into_iter()
                .flat_map(|value| [name.to_owned(), quoted(&value)]),
        );
    };
    // Returns the value, unless it is the default.
    fn unless<T: PartialEq + ToString>(default: T, value: T) -> Option<String> {
        (value != default).then(|| value.to_string())
    }

    add("-w", Some(plan.workload.name().to_owned()));
    add("--bin", Some(options.bin.display().to_string()));
    let count = settings.nodes.len();
    if !are_numbered(&settings.nodes, 1) || count != 5 {
        match are_numbered(&settings.nodes, 0) {
            true => add("--node-count", Some(count.to_string())),
            false => add("--nodes", Some(settings.nodes.join(","))),
        }
    }
    let concurrency = plan.workload.default_concurrency(count);
    add("--concurrency", unless(concurrency, settings.concurrency));
    add("--time-limit", unless(60, options.time_limit));
    add("--rate", unless(5.0, options.rate));
    add("--latency", unless(0, options.latency));
    add(
        "--latency-dist",
        unless(Distribution::Constant, options.latency_dist),
    );
    let faults = options.nemesis.as_ref().map(|faults| faults.0.join(","));
    add("--nemesis", faults.filter(|faults| !faults.is_empty()));
    let interval = options.nemesis_interval.as_secs_f64();
    add(
        "--lww-kv",
        unless("upstream".to_owned(), options.lww_kv.clone()),
    );
    add("--nemesis-interval", unless(10.0, interval));
    add(
        "--availability",
        options.availability.map(|availability| match availability {
            Availability::Total => "total".to_owned(),
            Availability::Fraction(fraction) => fraction.to_string(),
        }),
    );
    for spec in plan.workload.options() {
        let value = settings.options.text(&spec.name);
        if value != spec.default {
            add(&format!("--{}", spec.name), Some(value.to_owned()));
        }
    }
    add("--seed", Some(seed.to_string()));
    if !options.node_args.is_empty() {
        words.push("--".to_owned());
        words.extend(options.node_args.iter().map(|argument| quoted(argument)));
    }
    words.join(" ")
}

/// Whether the nodes are named `n<first>`, `n<first + 1>`, ….
fn are_numbered(nodes: &[String], first: usize) -> bool {
    let mut numbered = nodes.iter().enumerate();
    numbered.all(|(i, node)| *node == format!("n{}", first + i))
}

/// Returns a word quoted for a shell, where that is needed.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./,:=+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Workbench;
    use crate::cli::workload_args::parse_test;

    /// Returns the plan of a command line such as `test -w echo`.
    fn plan<'a>(words: impl IntoIterator<Item = &'a str>) -> TestPlan {
        let bench = Workbench::new();
        let arguments = words.into_iter().skip(1).map(Into::into);
        let options = parse_test(arguments, &bench.workloads).unwrap();
        options.plan(&bench).unwrap()
    }

    #[test]
    fn printed_command_performs_the_same_run() {
        for line in [
            "test -w echo --bin ./echo",
            "test -w broadcast --bin b --node-count 25 --time-limit 20 --rate 100 --latency 100",
            "test --bin b -w echo --nodes a,b --concurrency 4n --latency 5 --latency-dist uniform",
            "test --bin b -w echo --nemesis partition,kill --nemesis-interval 1/2 --availability 1/2",
            "test --bin b -w echo --nemesis partition,kill --nemesis-interval 0.5 --availability total",
            "test --bin b -w txn-list-append --key-count 3 --max-txn-length 2 --max-writes-per-key 9",
            "test --bin b -w broadcast --topology tree4",
            "test --bin b -w echo --rate 2.5 -- --profile swift",
        ] {
            let line = line.replace("--availability 1/2", "--availability 0.5");
            let given = plan(line.split(' '));
            let command = command_line(&given, Seed(7));
            let again = plan(command.split(' ').skip(1));
            assert_eq!(again.options.seed, Some(7), "{command}");
            let facts = |plan: &TestPlan| {
                let options = &plan.options;
                let (faults, interval) = (options.nemesis.clone(), options.nemesis_interval);
                let faults = faults.unwrap_or_default();
                let (args, bin) = (options.node_args.clone(), options.bin.clone());
                format!(
                    "{:?} {:?} {faults:?} {interval:?} {args:?} {bin:?}",
                    plan.settings, plan.latency
                )
            };
            assert_eq!(facts(&again), facts(&given), "{command}");
        }
    }

    #[test]
    fn words_with_special_characters_are_quoted() {
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("./node"), "./node");
        let mut plan = plan("test --bin b -w txn-list-append".split(' '));
        plan.settings.options.set("consistency-models", "a , b");
        let command = command_line(&plan, Seed(1));
        assert!(
            command.contains("--consistency-models 'a , b'"),
            "{command}"
        );
    }
}
