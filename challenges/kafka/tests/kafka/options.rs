//! The options of the binary.

use std::process::{Command, Output};

fn kafka(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kafka"));
    command.args(args).output().expect("the binary starts")
}

#[test]
fn valid_options_are_accepted_in_both_forms() {
    // Without input the node exits at once.
    for args in [&[][..], &["--replicas", "1", "--budget-ms=4"]] {
        let output = kafka(args);
        assert!(output.status.success(), "{args:?}: {output:?}");
    }
}

#[test]
fn invalid_options_are_named_and_exit_with_2() {
    for args in [
        &["--replica", "1"][..],
        &["--replicas", "0"],
        &["--replicas", "-1"],
        &["--replicas"],
        &["--budget-ms", "x"],
        &["--budget-ms", "501"],
    ] {
        let output = kafka(args);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {error}");
        assert!(error.contains(args[0]), "{args:?}: {error}");
    }
}
