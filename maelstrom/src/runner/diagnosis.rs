//! Why a run cannot go on: what a node did instead of what was expected of it.

use std::fmt::Write;

use anyhow::{Result, anyhow, bail};

use super::Run;
use super::calls::Answer;
use super::nodes::excerpt;
use crate::edn::json_text;
use crate::host::{Host, RecentOutput};
use crate::workload::Fields;

/// The number of last lines of a stream that are shown.
const LINES_SHOWN: usize = 8;

impl<H: Host> Run<'_, H> {
    /// Fails unless a node answered `init` well. As upstream, only the reply's type counts.
    pub(super) fn check_init(&self, node: usize, answer: Answer) -> Result<()> {
        match answer {
            Answer::Reply(body) if body["type"] == "init_ok" => Ok(()),
            answer => Err(self.refusal(node, "init", "init_ok", answer)),
        }
    }

    /// Fails unless a node answered the workload's set-up request well. As upstream, other fields
    /// than those of every reply are forbidden.
    pub(super) fn check_set_up(&self, node: usize, reply_type: &str, answer: Answer) -> Result<()> {
        let request = reply_type.trim_end_matches("_ok");
        match answer {
            Answer::Reply(body) if body["type"] == reply_type => {
                let fields = Fields::of(&body, reply_type).and_then(Fields::end);
                if let Err(problem) = fields {
                    let name = &self.plan.settings.nodes[node];
                    bail!("The answer of node {name} to {request} is malformed: {problem}");
                }
                Ok(())
            }
            answer => Err(self.refusal(node, request, reply_type, answer)),
        }
    }

    fn refusal(
        &self,
        node: usize,
        request: &str,
        reply_type: &str,
        answer: Answer,
    ) -> anyhow::Error {
        let name = &self.plan.settings.nodes[node];
        match answer {
            Answer::Reply(body) => anyhow!(
                "Node {name} answered {request} with {}: expected a reply of type {reply_type}",
                json_text(&body)
            ),
            Answer::Error(code, text) => {
                anyhow!("Node {name} refused {request} with error {code}: {text}")
            }
            Answer::Timeout => anyhow!(
                "Node {name} did not answer {request} in time: expected a line on its stdout with \
                 \"type\":\"{reply_type}\" and the request's msg_id as \"in_reply_to\".{}",
                self.symptoms(node)
            ),
        }
    }

    /// Describes what a silent node did, one finding a line.
    fn symptoms(&self, node: usize) -> String {
        let name = &self.plan.settings.nodes[node];
        let RecentOutput {
            stdout,
            unfinished,
            stderr,
        } = self.host.recent_output(node);
        let mut text = String::new();
        for problem in &self.problems[node] {
            write!(text, "\n{name} wrote {problem}").expect(INFALLIBLE);
        }
        if !unfinished.is_empty() {
            write!(
                text,
                "\n{name} wrote {} bytes without a line break: does it flush, does it end its \
                 lines?\n  {}",
                unfinished.len(),
                excerpt(&unfinished)
            )
            .expect(INFALLIBLE);
        } else if stdout.is_empty() && self.problems[node].is_empty() {
            write!(
                text,
                "\n{name} wrote nothing to stdout: does it read its stdin, and flush its stdout \
                 after each line?"
            )
            .expect(INFALLIBLE);
        }
        if !stderr.is_empty() {
            text += "\nIts last lines on stderr:";
            for line in &stderr[stderr.len().saturating_sub(LINES_SHOWN)..] {
                write!(text, "\n  {}", excerpt(line)).expect(INFALLIBLE);
            }
        }
        text
    }

    /// Returns the error of a run whose node ended by itself.
    pub(super) fn node_ended(&self, node: usize, report: &str) -> anyhow::Error {
        match &self.last_delivered[node] {
            None => anyhow!("{report}\nIt had received no message."),
            Some(message) => {
                let src = self.net.name(message.src);
                let body = excerpt(&message.body);
                anyhow!("{report}\nThe last message that it received, from {src}:\n  {body}")
            }
        }
    }
}

const INFALLIBLE: &str = "writing to a string cannot fail";
