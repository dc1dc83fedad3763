//! The client threads, each with one operation at a time, and the rules by which errors become
//! outcomes.

use std::time::Duration;

use anyhow::Result;
use glomers::ErrorCode;

use super::calls::{Answer, Purpose};
use super::{Run, WarningKind, entry};
use crate::edn::Value;
use crate::generator::Invocation;
use crate::history::{Kind, Operation, Process};
use crate::host::Host;
use crate::net::EndpointId;
use crate::workload::{Client, Step};

/// The exception class that upstream reports for whatever goes wrong in a client.
const EXCEPTION_CLASS: &str = "clojure.lang.ExceptionInfo";

/// Stands for a code that is no integer, or one beyond 64 bits.
const UNKNOWN_CODE: i64 = -1;

/// A client thread.
pub(super) struct Worker {
    /// The node that it sends all its requests to.
    node: usize,
    connection: Option<Connection>,
    /// The operation in progress.
    invocation: Option<Invocation>,
    /// The index of its invocation in the history.
    pub(super) invoked_at: usize,
}

struct Connection {
    endpoint: EndpointId,
    client: Box<dyn Client>,
    last_msg_id: u64,
}

/// How an operation ended.
struct Completion {
    kind: Kind,
    value: Value,
    error: Option<Value>,
    exception: Option<Value>,
}

impl Worker {
    pub fn new(node: usize) -> Worker {
        Worker {
            node,
            connection: None,
            invocation: None,
            invoked_at: 0,
        }
    }
}

impl<H: Host> Run<'_, H> {
    /// Gives an operation to a free thread.
    pub(super) fn begin(
        &mut self,
        thread: usize,
        at: Duration,
        invocation: Invocation,
    ) -> Result<()> {
        self.threads.dispatch(Some(thread));
        self.record(Operation {
            time: at,
            value: invocation.value.clone(),
            extra: invocation.extra.clone(),
            ..entry(self.process(thread), Kind::Invoke, invocation.f.clone())
        });
        self.workers[thread].invoked_at = self.history.len() - 1;
        if self.workers[thread].connection.is_none() {
            let endpoint = self.open_client();
            let client = self.plan.workload.client(&self.plan.settings);
            self.workers[thread].connection = Some(Connection {
                endpoint,
                client,
                last_msg_id: 0,
            });
        }
        let connection = self.workers[thread]
            .connection
            .as_mut()
            .expect("just connected");
        let step = connection.client.invoke(&invocation);
        self.workers[thread].invocation = Some(invocation);
        self.take_step(thread, step)
    }

    /// Continues an operation whose call ended.
    pub(super) fn proceed(&mut self, thread: usize, answer: Answer) -> Result<()> {
        let rules = &self.rules;
        let worker = &mut self.workers[thread];
        let invocation = worker
            .invocation
            .as_ref()
            .expect("an answer belongs to an operation");
        let uncertain = if rules.idempotent.contains(&invocation.f) {
            Kind::Fail
        } else {
            Kind::Info
        };
        let completion = match answer {
            Answer::Reply(body) => {
                let connection = worker.connection.as_mut().expect("a caller is connected");
                match connection.client.reply(invocation, &body) {
                    Ok(step) => return self.take_step(thread, step),
                    Err(malformed) => {
                        let completion = Completion::exception(invocation, &malformed.0);
                        let node = EndpointId::of_node(worker.node);
                        let text = format!("a malformed reply: {malformed}");
                        self.warn_about(node, WarningKind::MalformedReply, &text);
                        completion
                    }
                }
            }
            Answer::Error(code, text) if !rules.handles_errors => {
                Completion::exception(invocation, &format!("error {code}: {text}"))
            }
            Answer::Timeout if !rules.handles_errors => {
                Completion::exception(invocation, "timed out waiting for a reply")
            }
            Answer::Error(code, text) => {
                let code = ErrorCode::from(code.as_i64().unwrap_or(UNKNOWN_CODE));
                let kind = if code.is_definite() {
                    Kind::Fail
                } else {
                    uncertain
                };
                let name = Value::keyword(error_name(code));
                let error = Value::Vector([name, text.into()].into());
                Completion::failure(invocation, kind, error)
            }
            Answer::Timeout => {
                Completion::failure(invocation, uncertain, Value::keyword("net-timeout"))
            }
        };
        self.complete(thread, completion);
        Ok(())
    }

    fn take_step(&mut self, thread: usize, step: Step) -> Result<()> {
        let worker = &mut self.workers[thread];
        let invocation = worker
            .invocation
            .as_ref()
            .expect("a step belongs to an operation");
        let completion = match step {
            Step::Call(body) => {
                let connection = worker.connection.as_mut().expect("a caller is connected");
                connection.last_msg_id += 1;
                let (endpoint, msg_id) = (connection.endpoint, connection.last_msg_id);
                let node = worker.node;
                let timeout = self.rules.timeout;
                self.call(
                    endpoint,
                    node,
                    body,
                    msg_id,
                    timeout,
                    Purpose::Operation(thread),
                );
                return Ok(());
            }
            Step::Ok(value) => Completion {
                kind: Kind::Ok,
                value,
                error: None,
                exception: None,
            },
            Step::Crash => Completion {
                kind: Kind::Info,
                value: invocation.value.clone(),
                error: None,
                exception: None,
            },
        };
        self.complete(thread, completion);
        Ok(())
    }

    fn complete(&mut self, thread: usize, completion: Completion) {
        let worker = &mut self.workers[thread];
        let invocation = worker.invocation.take().expect("an operation ends once");
        let crashed = completion.kind == Kind::Info;
        let gives_up = crashed && !self.rules.reusable;
        if gives_up && let Some(connection) = worker.connection.take() {
            self.net.unregister(connection.endpoint);
        }
        let operation = Operation {
            time: self.now(),
            value: completion.value,
            error: completion.error.map(Box::new),
            exception: completion.exception.map(Box::new),
            extra: invocation.extra,
            ..entry(self.process(thread), completion.kind, invocation.f)
        };
        self.threads.release(thread, crashed);
        self.record(operation);
    }

    fn process(&self, thread: usize) -> Process {
        Process::Client(self.threads.process(thread))
    }
}

impl Completion {
    fn failure(invocation: &Invocation, kind: Kind, error: Value) -> Completion {
        Completion {
            kind,
            value: invocation.value.clone(),
            error: Some(error),
            exception: None,
        }
    }

    /// An outcome that is not known.
    fn exception(invocation: &Invocation, text: &str) -> Completion {
        let cause = Value::map([
            ("type", Value::Symbol(EXCEPTION_CLASS.into())),
            ("message", Value::from(text)),
        ]);
        let exception = Value::map([("via", Value::Vector([cause].into()))]);
        Completion {
            kind: Kind::Info,
            value: invocation.value.clone(),
            error: Some(Value::from(format!("indeterminate: {text}"))),
            exception: Some(exception),
        }
    }
}

/// Returns the name of an error code in a history, such as `key-does-not-exist`.
fn error_name(code: ErrorCode) -> String {
    if let ErrorCode::Other(_) = code {
        return "unknown".to_owned();
    }
    let mut name = String::new();
    for c in format!("{code:?}").chars() {
        if c.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_codes_have_the_names_of_upstream() {
        let names = [
            (0, "timeout"),
            (1, "node-not-found"),
            (10, "not-supported"),
            (11, "temporarily-unavailable"),
            (12, "malformed-request"),
            (13, "crash"),
            (14, "abort"),
            (20, "key-does-not-exist"),
            (21, "key-already-exists"),
            (22, "precondition-failed"),
            (30, "txn-conflict"),
            (UNKNOWN_CODE, "unknown"),
            (31, "unknown"),
        ];
        for (code, name) in names {
            assert_eq!(error_name(code.into()), name);
        }
    }
}
