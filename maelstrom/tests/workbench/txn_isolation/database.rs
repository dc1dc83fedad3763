//! A small database with a selectable isolation level.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use eddy::edn::Value;
use eddy::history::{History, Kind, Operation, Process};

/// The isolation level of a database.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Isolation {
    /// Each transaction takes place at one moment.
    Serial,
    /// Like `Serial`, but read-only transactions see the state of some transactions ago.
    Stale,
    /// Each transaction reads the state at its start, and commits if no other has written its keys
    /// since.
    Snapshot,
    /// Each read sees the values committed at that time; writes take effect at the end.
    ReadCommitted,
    /// Each step takes effect at once and is visible to all.
    Nothing,
}

/// The type of the values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Data {
    Lists,
    Registers,
}

/// A step: reads or writes one of the keys in use.
pub type Step = (bool, u64);

/// All writes to each key, in order, each with the number of its commit. A register holds the last
/// one.
#[derive(Default)]
struct State {
    keys: BTreeMap<u64, Vec<(u64, u64)>>,
    commits: u64,
}

impl State {
    fn write(&mut self, key: u64, value: u64) {
        self.keys
            .entry(key)
            .or_default()
            .push((self.commits, value));
    }

    /// Returns the elements of a key after a number of commits.
    fn read(&self, key: u64, commits: u64) -> Vec<u64> {
        let all = self.keys.get(&key).into_iter().flatten();
        all.filter(|(commit, _)| *commit <= commits)
            .map(|(_, value)| *value)
            .collect()
    }

    /// Returns whether the key has been written after a number of commits.
    fn is_newer(&self, key: u64, commits: u64) -> bool {
        let last = self.keys.get(&key).and_then(|all| all.last());
        last.is_some_and(|(commit, _)| *commit > commits)
    }
}

/// A client, with its transaction if there is one in progress.
struct Client {
    process: u64,
    txn: Vec<(bool, u64, u64)>,
    /// The number of commits before it began.
    snapshot: u64,
    reads: Vec<Value>,
    step: usize,
}

struct Database {
    isolation: Isolation,
    data: Data,
    state: State,
    history: History,
    /// The number of writes to each key in use, including planned ones.
    written: BTreeMap<u64, u64>,
    clients: Vec<Client>,
}

const CLIENTS: u64 = 5;

/// Runs transactions. `schedule` determines which client performs the next step, and how
/// transactions end.
pub fn run(isolation: Isolation, data: Data, txns: &[Vec<Step>], schedule: &[u8]) -> History {
    let idle = |process| Client {
        process,
        txn: vec![],
        snapshot: 0,
        reads: vec![],
        step: 0,
    };
    let mut database = Database {
        isolation,
        data,
        state: State::default(),
        history: History::default(),
        written: BTreeMap::new(),
        clients: (0..CLIENTS).map(idle).collect(),
    };
    let mut txns = txns.iter();
    for &choice in schedule {
        let client = usize::from(choice) % CLIENTS as usize;
        if !database.clients[client].txn.is_empty() {
            database.go_on(client, choice / CLIENTS as u8);
        } else if let Some(txn) = txns.next() {
            database.begin(client, txn);
        }
    }
    database.history
}

impl Database {
    /// Returns whether a transaction's writes are done only at its end.
    fn is_buffered(&self) -> bool {
        matches!(
            self.isolation,
            Isolation::Snapshot | Isolation::ReadCommitted
        )
    }

    fn begin(&mut self, client: usize, steps: &[Step]) {
        let txn = steps.iter().map(|&(is_read, key)| {
            let count = self.written.entry(key).or_default();
            *count += u64::from(!is_read);
            // Replace a key that was written often enough by a new one.
            let (age, value) = (count.saturating_sub(1) / 16, *count);
            (is_read, key + 10 * age, value)
        });
        let txn: Vec<_> = txn.collect();
        self.record(self.clients[client].process, Kind::Invoke, &txn, &[]);
        let this = &mut self.clients[client];
        (this.txn, this.snapshot) = (txn, self.state.commits);
    }

    /// Performs the next step of a client's transaction, or ends it.
    fn go_on(&mut self, client: usize, luck: u8) {
        let in_one_moment = matches!(self.isolation, Isolation::Serial | Isolation::Stale);
        if in_one_moment && self.clients[client].step == 0 {
            self.state.commits += 1;
        }
        while let Some(&step) = self.clients[client].txn.get(self.clients[client].step) {
            self.step(client, step);
            if !in_one_moment {
                return;
            }
        }
        self.end(client, luck);
    }

    fn step(&mut self, client: usize, (is_read, key, value): (bool, u64, u64)) {
        let buffered = self.is_buffered();
        let this = &mut self.clients[client];
        this.step += 1;
        if !is_read {
            if !buffered {
                self.state.write(key, value);
            }
            return;
        }
        let read_only = this.txn.iter().all(|step| step.0);
        let mut elements = self.state.read(
            key,
            match self.isolation {
                Isolation::Snapshot => this.snapshot,
                Isolation::Stale if read_only => self.state.commits.saturating_sub(5),
                _ => u64::MAX,
            },
        );
        if self.isolation == Isolation::Snapshot {
            let own = this.txn[..this.step]
                .iter()
                .filter(|step| !step.0 && step.1 == key);
            elements.extend(own.map(|step| step.2));
        }
        this.reads.push(match self.data {
            Data::Lists if elements.is_empty() => Value::Nil,
            Data::Lists => Value::vector(elements),
            Data::Registers => elements.last().copied().into(),
        });
    }

    fn end(&mut self, client: usize, luck: u8) {
        let this = &mut self.clients[client];
        let (txn, reads) = (
            std::mem::take(&mut this.txn),
            std::mem::take(&mut this.reads),
        );
        let (process, snapshot) = (this.process, this.snapshot);
        this.step = 0;
        let writes = || txn.iter().filter(|step| !step.0);
        let conflict = self.isolation == Isolation::Snapshot
            && writes().any(|step| self.state.is_newer(step.1, snapshot));
        if self.is_buffered() && !conflict {
            self.state.commits += 1;
            writes().for_each(|&(_, key, value)| self.state.write(key, value));
        }
        let (kind, reads) = match luck {
            _ if conflict => (Kind::Fail, vec![]),
            0 => (Kind::Info, vec![]),
            _ => (Kind::Ok, reads),
        };
        self.record(process, kind, &txn, &reads);
        if kind == Kind::Info {
            self.clients[client].process += CLIENTS;
        }
    }

    fn record(&mut self, process: u64, kind: Kind, txn: &[(bool, u64, u64)], reads: &[Value]) {
        let write = if self.data == Data::Lists {
            "append"
        } else {
            "w"
        };
        let mut reads = reads.iter();
        let steps = txn.iter().map(|&(is_read, key, value)| {
            let (f, value) = match is_read {
                true => ("r", reads.next().cloned().unwrap_or_default()),
                false => (write, value.into()),
            };
            Value::vector([Value::keyword(f), key.into(), value])
        });
        self.history.push(Operation {
            index: 0,
            time: Duration::from_millis(self.history.len() as u64),
            kind,
            process: Process::Client(process),
            f: Cow::Borrowed("txn"),
            value: Value::vector(steps),
            error: None,
            exception: None,
            extra: Vec::new(),
        });
    }
}
