//! A crate outside this workspace, with a workload of its own, builds and passes its tests.

use std::path::Path;
use std::process::Command;

#[test]
fn example_crate_with_its_own_workload_passes_its_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = Command::new(env!("CARGO"))
        .args([
            "test",
            "--offline",
            "--locked",
            "--quiet",
            "--manifest-path",
        ])
        .arg(root.join("examples/bank/Cargo.toml"))
        .arg("--target-dir")
        .arg(root.join("target"))
        .output()
        .expect("cargo can be started");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    if text.contains("you may need to remove the --offline flag")
        || text.contains("failed to download")
    {
        eprintln!("skipped: the crates of the example are not there, and the network is not used");
        return;
    }
    assert!(output.status.success(), "{text}");
    assert!(text.contains("2 passed"), "{text}");
}
