//! The program that runs as a node, and explanations of why it cannot run.

use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The maximum length of a script's first line that is searched, in bytes. Kernels read less.
const MAX_FIRST_LINE: u64 = 4096;

/// The shell that runs scripts without a `#!` line, as `execvp` does.
pub(super) const SHELL: &str = "/bin/sh";

/// The program that runs as a node, with its arguments.
#[derive(Clone, Debug)]
pub struct Command {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
}

impl Command {
    /// Returns the command that runs `program`, a path relative to the working directory.
    ///
    /// # Errors
    ///
    /// There is no such file, or it cannot be executed.
    pub fn new(program: &Path, arguments: Vec<String>) -> Result<Command> {
        let shown = program.display();
        let program = program.canonicalize().with_context(|| {
            format!("cannot run {shown}: expected the path of a program (--bin)")
        })?;
        if program.is_dir() {
            bail!("cannot run {shown}: it is a directory, expected a program (--bin)");
        }
        if rustix::fs::access(&program, rustix::fs::Access::EXEC_OK).is_err() {
            bail!("cannot run {shown}: it is not executable (try: chmod +x {shown})");
        }
        Ok(Command { program, arguments })
    }

    /// Explains why the program, which exists, could not be started.
    pub(super) fn explain(&self, error: std::io::Error) -> anyhow::Error {
        let shown = self.program.display();
        let interpreter = interpreter(&self.program);
        match interpreter {
            // The program exists, so its interpreter was not found.
            Some(interpreter) if error.kind() == ErrorKind::NotFound => {
                let hint = if interpreter.ends_with('\r') {
                    " (the script has Windows line ends: convert them to Unix ones)"
                } else {
                    ""
                };
                anyhow::anyhow!(
                    "cannot run {shown}: its first line names the interpreter {interpreter:?}, \
                     which does not exist{hint}"
                )
            }
            _ => anyhow::Error::new(error).context(format!("cannot run {shown}")),
        }
    }

    /// Returns whether the program is text without a `#!` line, which the kernel refuses to run and
    /// a shell may run.
    pub(super) fn lacks_shebang(&self) -> bool {
        let Ok(mut file) = std::fs::File::open(&self.program) else {
            return false;
        };
        let mut start = [0; 256];
        let count = file.read(&mut start).unwrap_or(0);
        let start = &start[..count];
        !start.starts_with(b"#!") && !start.contains(&0)
    }
}

/// Returns the interpreter that a script's `#!` line names, up to its arguments.
fn interpreter(program: &Path) -> Option<String> {
    let file = std::fs::File::open(program).ok()?;
    let mut line = Vec::new();
    BufReader::new(file.take(MAX_FIRST_LINE))
        .read_until(b'\n', &mut line)
        .ok()?;
    let line = String::from_utf8_lossy(line.strip_prefix(b"#!")?).into_owned();
    let line = line.trim_end_matches('\n').trim_start_matches([' ', '\t']);
    let end = line.find([' ', '\t']).unwrap_or(line.len());
    Some(line[..end].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpreter_is_read_from_the_first_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("script");
        for (text, expected) in [
            ("#!/bin/sh\necho", Some("/bin/sh")),
            ("#! /usr/bin/env python3\n", Some("/usr/bin/env")),
            ("#!/bin/sh\r\necho", Some("/bin/sh\r")),
            ("echo\n", None),
            ("", None),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(interpreter(&path).as_deref(), expected, "{text:?}");
        }
    }
}
