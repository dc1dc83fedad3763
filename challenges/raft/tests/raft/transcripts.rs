//! Raft as transcripts: each file in `transcripts/` is a scenario to be read beside the paper.
//!
//! `REWRITE=1 cargo test -p raft transcripts` replaces the transcripts by the present
//! behaviour. Review the difference before committing it.

use std::fmt::Write;
use std::time::Duration;

use crate::cluster::{Cluster, InFlight, Invariants, Op, describe, describe_record};
use datadriven::{TestCase, walk};
use raft::{Appended, Config, Entry, Record, Rpc};

/// A scenario: a cluster, its cut links, and the transcript of the current directive.
struct Scenario {
    cluster: Cluster,
    invariants: Invariants,
    /// Cut links, as receiver and sender.
    cut: Vec<(usize, usize)>,
    transcript: String,
}

impl Scenario {
    fn new(size: usize, first_voters: usize, message_bytes_max: usize) -> Self {
        let config = Config {
            message_bytes_max,
            ..Config::default()
        };
        Self {
            cluster: Cluster::new(size, first_voters, config, 0),
            invariants: Invariants::default(),
            cut: Vec::new(),
            transcript: String::new(),
        }
    }

    fn note(&mut self, text: &str) {
        writeln!(self.transcript, "{text}").expect("writing to a string cannot fail");
    }

    /// Performs a server's output and writes it into the transcript.
    fn put_out(&mut self, i: usize) {
        let name = self.cluster.names[i].clone();
        let before = self.cluster.network.len();
        let output = self.cluster.put_out(i);
        for record in &output.records {
            self.note(&format!("{name} {}", describe_record(record)));
        }
        if let Some(snapshot) = &output.snapshot {
            self.note(&format!("{name} restores {}", snapshot.data));
        }
        if let Some(entry) = output.committed.last() {
            self.note(&format!("{name} commits {}:{}", entry.index, entry.term));
        }
        for (id, index) in &output.reads {
            self.note(&format!("{name} serves read {id} from {index} on"));
        }
        if self.cluster.servers[i].raft.is_some() && self.cluster.raft(i).is_leader() {
            let term = self.cluster.raft(i).current_term();
            if self.invariants.is_new_term(term) {
                self.note(&format!("{name} leads term {term}"));
            }
        }
        let sent = self.cluster.network[before..].to_vec();
        for message in &sent {
            self.note_message(message);
        }
        self.invariants.check(&self.cluster, i, &output);
    }

    fn note_message(&mut self, message: &InFlight) {
        let (from, to) = (
            &self.cluster.names[message.from],
            &self.cluster.names[message.to],
        );
        let text = format!("  {from} → {to}: {}", describe(&message.packet));
        self.note(&text);
    }

    fn is_cut(&self, message: &InFlight) -> bool {
        self.cut.contains(&(message.to, message.from))
            || self.cluster.servers[message.to].raft.is_none()
    }

    /// Delivers messages in order until there are none left. Messages on cut links are lost.
    fn settle(&mut self) {
        for _ in 0..10_000 {
            if self.cluster.network.is_empty() {
                return;
            }
            let message = self.cluster.network.remove(0);
            if self.is_cut(&message) {
                continue;
            }
            let to = message.to;
            self.cluster.deliver(message);
            self.react(to);
        }
        panic!("the cluster does not settle");
    }

    /// Delivers or drops the messages in transit, restricted to a receiver and a sender if they are
    /// given. With `deliver` and `keep`, copies stay in transit.
    fn take(&mut self, args: &[(String, Vec<String>)], deliver: bool) {
        let named = |end: &str| {
            let arg = args.iter().find(|(name, _)| name == end);
            arg.map(|(_, names)| self.cluster.number(&names[0]))
        };
        let (to, from) = (named("to"), named("from"));
        let network = std::mem::take(&mut self.cluster.network);
        let chosen = |message: &InFlight| {
            to.is_none_or(|to| to == message.to) && from.is_none_or(|from| from == message.from)
        };
        let (chosen, others): (Vec<_>, Vec<_>) = network.into_iter().partition(chosen);
        self.cluster.network = others;
        if args.iter().any(|(name, _)| name == "keep") {
            self.cluster.network.extend(chosen.iter().cloned());
        }
        for message in chosen {
            if deliver && !self.is_cut(&message) {
                let to = message.to;
                self.cluster.deliver(message);
                self.react(to);
            }
        }
    }

    /// Puts out what a message has caused; only prompt messages while a write is in progress.
    fn react(&mut self, i: usize) {
        if self.cluster.servers[i].writing.is_none() {
            return self.put_out(i);
        }
        let before = self.cluster.network.len();
        self.cluster.send_promptly(i);
        let prompt = self.cluster.network[before..].to_vec();
        for message in &prompt {
            self.note_message(message);
        }
    }

    /// Restarts a server with a log of entries of these terms.
    fn write_log(&mut self, i: usize, current_term: u64, terms: &[u64]) {
        let voted_for = None;
        let mut disk = vec![Record::Term {
            current_term,
            voted_for,
        }];
        disk.extend((1..).zip(terms).map(|(index, &term)| {
            let command = Some(Op(format!("x{index}")));
            Record::Entry(Entry {
                index,
                term,
                command,
                voters: None,
            })
        }));
        self.cluster.servers[i].disk = disk;
        self.cluster.start(i);
    }

    fn propose(&mut self, i: usize, commands: Vec<String>) {
        for command in commands {
            let op = Op(command);
            if let Err(e) = self.cluster.raft(i).propose(op.clone()) {
                let name = self.cluster.names[i].clone();
                self.note(&format!("{name} returns {e:?}"));
                self.cluster.raft(i).forward(vec![op]);
            }
        }
    }

    fn show(&mut self, i: usize) {
        let name = self.cluster.names[i].clone();
        let state = self.cluster.servers[i].state.join(" ");
        let Some(raft) = &self.cluster.servers[i].raft else {
            return self.note(&format!("{name} is down"));
        };
        let log = &raft.persistent().log;
        let terms: Vec<String> = log.entries().iter().map(|e| e.term.to_string()).collect();
        let included = match log.last_included_index() {
            0 => String::new(),
            index => format!("[snapshot up to {index}] "),
        };
        let text = format!("{raft:?}; log {included}{}; state {state}", terms.join(" "));
        self.note(&text);
    }

    /// Delivers all messages to a server, whose write of the result then takes long.
    fn deliver_slowly(&mut self, to: usize) {
        for message in std::mem::take(&mut self.cluster.network) {
            if message.to == to {
                self.cluster.deliver(message);
                self.cluster.begin_write(to);
            } else {
                self.cluster.network.push(message);
            }
        }
    }

    fn wait(&mut self, i: usize, time: Duration) {
        if self.cluster.servers[i].writing.is_some() {
            // A driver does not call `tick` during a write.
            self.cluster.servers[i].now += time;
        } else {
            self.cluster.pass(i, time);
        }
        self.react(i);
    }

    fn read(&mut self, i: usize, ids: Vec<String>) {
        for id in ids {
            let id = id.parse().expect("a number");
            self.invariants.ask(id);
            if let Err(e) = self.cluster.raft(i).read(id) {
                let name = self.cluster.names[i].clone();
                self.note(&format!("{name} returns {e:?}"));
            }
        }
        self.put_out(i);
    }

    /// Changes the configuration at a server, by the servers named.
    fn change_voters(&mut self, i: usize, directive: &str, values: &[String]) {
        for value in values {
            let id = value.as_str().into();
            let raft = self.cluster.raft(i);
            let outcome = match directive {
                "add-learner" => raft.add_learner(&id),
                "add-voter" => raft.add_voter(&id).map(drop),
                _ => raft.remove_voter(&id).map(drop),
            };
            if let Err(e) = outcome {
                let name = self.cluster.names[i].clone();
                self.note(&format!("{name} returns {e:?}"));
            }
        }
        self.put_out(i);
    }

    fn compact(&mut self, i: usize) {
        self.cluster.compact(i);
        let name = self.cluster.names[i].clone();
        let included = self.cluster.raft(i).persistent().log.last_included_index();
        self.note(&format!(
            "{name} replaces its log up to {included} by a snapshot"
        ));
        self.put_out(i);
    }

    fn isolate(&mut self, i: usize) {
        let others = (0..self.cluster.names.len()).filter(|other| *other != i);
        self.cut(i, others.collect());
    }

    /// Cuts the links between a server and others.
    fn cut(&mut self, i: usize, others: Vec<usize>) {
        for other in others {
            self.cut.extend([(i, other), (other, i)]);
        }
    }

    /// Performs a directive of the whole cluster. The others are performed for each server named.
    fn run(&mut self, case: &mut TestCase) -> String {
        self.transcript.clear();
        let mut args: Vec<(String, Vec<String>)> = case.args.drain().collect();
        args.sort();
        match case.directive.as_str() {
            "settle" => self.settle(),
            "deliver" => self.take(&args, true),
            "lose" => self.take(&args, false),
            "deliver-slowly" => {
                let to = args
                    .first()
                    .map(|(_, names)| self.cluster.number(&names[0]));
                self.deliver_slowly(to.expect("the receiver is given"));
            }
            "heal" => self.cut.clear(),
            "show" => (0..self.cluster.names.len()).for_each(|i| self.show(i)),
            directive => {
                for (name, values) in args {
                    let i = self.cluster.number(&name);
                    self.run_on(i, directive, values);
                }
            }
        }
        if self.transcript.is_empty() {
            self.note("ok");
        }
        self.transcript.clone()
    }

    /// Performs a directive on one server.
    fn run_on(&mut self, i: usize, directive: &str, values: Vec<String>) {
        let numbers = || values.iter().map(|value| value.parse().expect("a number"));
        match directive {
            "log" => {
                let mut terms: Vec<u64> = numbers().collect();
                let current = terms.pop().expect("the current term comes last");
                self.write_log(i, current, &terms);
            }
            "timeout" => {
                self.cluster.pass_to_deadline(i);
                self.put_out(i);
            }
            "wait" => {
                let ms = numbers().next().expect("milliseconds are given");
                self.wait(i, Duration::from_millis(ms));
            }
            "propose" => {
                self.propose(i, values);
                self.put_out(i);
            }
            "propose-slowly" => {
                self.propose(i, values);
                self.cluster.begin_write(i);
            }
            "finish-write" => self.put_out(i),
            "read" => self.read(i, values),
            "crash" => self.cluster.crash(i, false),
            "start" => {
                self.cluster.start(i);
                self.put_out(i);
            }
            "compact" => self.compact(i),
            "add-learner" | "add-voter" | "remove-voter" => {
                self.change_voters(i, directive, &values);
            }
            "isolate" => self.isolate(i),
            "cut" => {
                let others = values.iter().map(|name| self.cluster.number(name));
                let others: Vec<usize> = others.collect();
                self.cut(i, others);
            }
            other => panic!("there is no directive {other}"),
        }
    }
}

#[test]
fn transcripts_match_behaviour() {
    walk("tests/transcripts", |file| {
        let mut scenario = None;
        file.run(|case| -> String {
            if case.directive == "cluster" {
                let mut number = |name: &str, default: usize| {
                    let value = case.args.remove(name);
                    value.map_or(default, |value| value[0].parse().expect("a number"))
                };
                let (size, bytes) = (number("servers", 3), number("message_bytes", 65_536));
                let first_voters = number("voters", size);
                scenario = Some(Scenario::new(size, first_voters, bytes));
                return "ok\n".to_owned();
            }
            let scenario = scenario.as_mut().expect("a scenario begins with a cluster");
            scenario.run(case)
        });
    });
}

#[test]
fn message_survives_serialisation() {
    let outcome = Appended::Conflict {
        prev_log_index: 5,
        term: Some(4),
        index: 3,
    };
    let packet = raft::Packet {
        term: 6,
        rpc: Rpc::<Op>::AppendEntriesReply { outcome, round: 0 },
    };
    let json = serde_json::to_string(&packet).expect("messages can be serialised");
    let back: raft::Packet<Op> = serde_json::from_str(&json).expect("messages can be deserialised");
    assert_eq!(back, packet);
}
