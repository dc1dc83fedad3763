//! `eddy new`: a starter node in a language of choice.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use super::EXIT_USAGE;
use super::console::print;

#[derive(Args)]
pub(super) struct NewOptions {
    /// The language
    #[arg(long, value_enum)]
    lang: Language,

    /// The directory to create
    directory: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Language {
    Python,
    Javascript,
    Go,
    Java,
    Cpp,
}

/// A starter node.
struct Starter {
    file: &'static str,
    text: &'static str,
    /// The command that builds the node in its directory; `None` for interpreted languages.
    build: Option<&'static str>,
    /// The path of the program for `--bin`, relative to the directory.
    run: &'static str,
}

impl Language {
    fn starter(self) -> Starter {
        match self {
            Language::Python => Starter {
                file: "node.py",
                text: include_str!("../../starters/python/node.py"),
                build: None,
                run: "node.py",
            },
            Language::Javascript => Starter {
                file: "node.js",
                text: include_str!("../../starters/javascript/node.js"),
                build: None,
                run: "node.js",
            },
            Language::Go => Starter {
                file: "node.go",
                text: include_str!("../../starters/go/node.go"),
                build: Some("go build -o node node.go"),
                run: "node",
            },
            Language::Java => Starter {
                file: "Node.java",
                text: include_str!("../../starters/java/Node.java"),
                build: Some(
                    "javac Node.java && printf '#!/bin/sh\\nexec java -cp \"${0%%/*}\" Node\\n' > node && chmod +x node",
                ),
                run: "node",
            },
            Language::Cpp => Starter {
                file: "node.cpp",
                text: include_str!("../../starters/cpp/node.cpp"),
                build: Some("c++ -std=c++17 -O2 -pthread -o node node.cpp"),
                run: "node",
            },
        }
    }
}

pub(super) fn run(options: &NewOptions) -> Result<u8> {
    let directory = &options.directory;
    if directory.exists() {
        eprintln!("eddy: {} exists already", directory.display());
        return Ok(EXIT_USAGE);
    }
    let starter = options.lang.starter();
    fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
    let file = directory.join(starter.file);
    fs::write(&file, starter.text).with_context(|| file.display().to_string())?;
    make_executable(&file)?;
    print(&format!("wrote {}\n\nNext:", file.display()));
    print(&format!("  cd {}", directory.display()));
    if let Some(build) = starter.build {
        print(&format!("  {build}"));
    }
    print(&format!(
        "  eddy test -w echo --bin ./{} --node-count 1 --time-limit 5\n  eddy workloads        # the other \
         workloads",
        starter.run
    ));
    Ok(0)
}

fn make_executable(file: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let permissions = fs::Permissions::from_mode(0o755);
    fs::set_permissions(file, permissions).with_context(|| file.display().to_string())
}
