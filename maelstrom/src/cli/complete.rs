//! `eddy completions` and `eddy man`: what packages install beside the program.

use std::io::{self, Write};

use anyhow::Result;
use clap::{Args, Command};
use clap_complete::Shell;

#[derive(Args)]
pub(super) struct CompletionsOptions {
    /// The shell
    shell: Shell,
}

/// Prints a script that completes the commands and options of `command`.
pub(super) fn completions(options: &CompletionsOptions, mut command: Command) -> Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut command, "eddy", &mut script);
    write(&script)
}

/// Prints a manual page that describes `command` and its subcommands.
pub(super) fn man(mut command: Command) -> Result<u8> {
    command.build();
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    for subcommand in command.get_subcommands().filter(|c| !c.is_hide_set()) {
        if subcommand.get_name() == "help" {
            continue;
        }
        let man = clap_mangen::Man::new(subcommand.clone());
        writeln!(
            page,
            ".SH \"EDDY {}\"",
            subcommand.get_name().to_uppercase()
        )?;
        man.render_description_section(&mut page)?;
        man.render_synopsis_section(&mut page)?;
        man.render_options_section(&mut page)?;
        man.render_extra_section(&mut page)?;
    }
    write(&page)
}

/// Writes to standard output, which may be closed.
fn write(text: &[u8]) -> Result<u8> {
    let _ = io::stdout().write_all(text);
    Ok(0)
}
