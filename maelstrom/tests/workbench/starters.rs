//! The starter nodes pass the echo workload, in each language whose toolchain is installed.

use std::path::Path;
use std::process::{Command, Stdio};

/// A language: the name for `eddy new`, what has to be installed, how the node is built in its
/// directory, and the program.
const LANGUAGES: [(&str, &[&str], &str, &str); 5] = [
    ("python", &["python3"], "true", "node.py"),
    ("javascript", &["node"], "true", "node.js"),
    ("go", &["go"], "go build -o node node.go", "node"),
    (
        "java",
        &["javac", "java"],
        "javac Node.java && printf '#!/bin/sh\\nexec java -cp \"${0%%/*}\" Node\\n' > node && chmod +x node",
        "node",
    ),
    (
        "cpp",
        &["c++"],
        "c++ -std=c++17 -pthread -o node node.cpp",
        "node",
    ),
];

fn is_installed(program: &str) -> bool {
    let status = Command::new(program)
        .arg(if program == "go" {
            "version"
        } else {
            "--version"
        })
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

fn assert_runs(command: &mut Command) -> String {
    let output = command.output().expect("the program can be started");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "{command:?}:\n{text}");
    text
}

#[test]
fn starter_of_each_installed_language_passes_echo() {
    let place = tempfile::tempdir().unwrap();
    let eddy = Path::new(env!("CARGO_BIN_EXE_eddy"));
    for (language, tools, build, program) in LANGUAGES {
        if let Some(missing) = tools.iter().find(|tool| !is_installed(tool)) {
            eprintln!("skipped {language}: {missing} is not installed");
            continue;
        }
        let new = ["new", "--lang", language, language];
        assert_runs(Command::new(eddy).args(new).current_dir(place.path()));
        let directory = place.path().join(language);
        assert_runs(
            Command::new("sh")
                .args(["-c", build])
                .current_dir(&directory),
        );
        let program = format!("./{program}");
        let test = ["test", "-w", "echo", "--node-count", "1", "--rate", "20"];
        let text = assert_runs(
            Command::new(eddy)
                .args(test)
                .args(["--time-limit", "1", "--bin", &program])
                .current_dir(&directory),
        );
        assert!(
            text.contains("Everything looks good!"),
            "{language}: {text}"
        );
    }
}
