//! Ends the nodes when this process is killed.
//!
//! Nodes run in process groups of their own, so a SIGKILL of this process (by the kernel when
//! memory runs out, say) does not reach them. A small shell script kills them: it reads the list of
//! groups from a pipe, and when the pipe closes, which happens at any end of this process, it kills
//! those that are left.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};

use rustix::process::Pid;

/// Reads `+ GROUP` and `- GROUP`, and at the end of its input kills the groups that were not
/// removed.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
groups=' '
while read -r change group; do
    case $change in
        +) groups="$groups$group " ;;
        -) groups="${groups%% $group *} ${groups#* $group }" ;;
    esac
done
for group in $groups; do kill -s KILL -- "-$group"; done
"#;

/// The running script.
pub(super) struct Guard {
    child: Child,
    /// The pipe to the script; `None` once it is closed.
    changes: Option<ChildStdin>,
}

impl Guard {
    /// Starts the script. Returns `None`, and does not guard nodes, if there is no shell.
    pub(super) fn start() -> Option<Guard> {
        let mut child = Command::new(super::command::SHELL)
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/")
            .process_group(0)
            .spawn()
            .ok()?;
        let changes = child.stdin.take();
        Some(Guard { child, changes })
    }

    /// Adds a process group.
    pub(super) fn add(&mut self, group: Pid) {
        self.write_change('+', group);
    }

    /// Removes a process group that has ended, since its number may be reused.
    pub(super) fn remove(&mut self, group: Pid) {
        self.write_change('-', group);
    }

    fn write_change(&mut self, change: char, group: Pid) {
        if let Some(changes) = &mut self.changes {
            // Without the script nodes are not guarded, but the run works.
            let _ = writeln!(changes, "{change} {}", group.as_raw_nonzero());
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.changes = None;
        let _ = self.child.wait();
    }
}
