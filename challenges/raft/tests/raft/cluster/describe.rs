//! Messages and records as transcripts show them.

use raft::{Entry, Packet, Record, Rpc, Voters};

use super::Op;

/// Describes a message in one line.
pub fn describe(packet: &Packet<Op>) -> String {
    let what = match &packet.rpc {
        Rpc::PreVote {
            last_log_index,
            last_log_term,
        } => format!("PreVote, last entry {last_log_index}:{last_log_term}"),
        Rpc::PreVoteReply { granted, voters } => {
            let voters = describe_voters(voters.as_ref());
            format!("PreVote reply, {}{voters}", yes(*granted))
        }
        Rpc::RequestVote {
            last_log_index,
            last_log_term,
        } => format!("RequestVote, last entry {last_log_index}:{last_log_term}"),
        Rpc::RequestVoteReply { vote_granted } => {
            format!("RequestVote reply, {}", yes(*vote_granted))
        }
        Rpc::AppendEntries {
            prev_log_index,
            prev_log_term,
            entries,
            leader_commit,
            ..
        } => {
            let entries: Vec<String> = entries
                .iter()
                .map(|entry| {
                    let voters = describe_voters(entry.voters.as_ref());
                    format!("{}:{}{voters}", entry.index, entry.term)
                })
                .collect();
            let entries = match entries.is_empty() {
                true => "nothing".to_owned(),
                false => entries.join(" "),
            };
            format!(
                "AppendEntries, {entries} after {prev_log_index}:{prev_log_term}, committed {leader_commit}"
            )
        }
        Rpc::AppendEntriesReply { outcome, .. } => format!("AppendEntries reply, {outcome:?}"),
        Rpc::InstallSnapshot {
            last_included_index,
            last_included_term,
            voters,
            offset,
            data,
            done,
        } => {
            let last = if *done { ", the last" } else { "" };
            let end = offset + data.len();
            format!(
                "InstallSnapshot {last_included_index}:{last_included_term}{}, bytes {offset}..{end}{last}",
                describe_voters(voters.as_ref())
            )
        }
        Rpc::InstallSnapshotReply {
            received,
            installed,
            ..
        } => format!(
            "InstallSnapshot reply, has {received}, installed {}",
            yes(*installed)
        ),
        Rpc::Propose { commands } => format!("Propose {commands:?}"),
        Rpc::ReadIndex { id } => format!("ReadIndex {id}"),
        Rpc::ReadIndexReply { id, index } => format!("ReadIndex reply {id}, apply {index}"),
    };
    format!("term {}, {what}", packet.term)
}

/// Describes a configuration, after a space; the text is empty if there is none.
fn describe_voters(voters: Option<&Voters>) -> String {
    voters.map_or(String::new(), |voters| {
        format!(" voters({})", voters.join(", "))
    })
}

fn yes(it: bool) -> &'static str {
    if it { "yes" } else { "no" }
}

/// Describes a record in one line, as what a server does.
pub fn describe_record(record: &Record<Op>) -> String {
    match record {
        Record::Term {
            current_term,
            voted_for: None,
        } => format!("enters term {current_term}"),
        Record::Term {
            current_term,
            voted_for: Some(candidate),
        } => format!("votes for {candidate} in term {current_term}"),
        Record::Entry(Entry {
            index,
            term,
            command,
            voters: None,
        }) => {
            let command = command.as_ref().map_or("nothing", |op| &op.0);
            format!("stores {index}:{term} {command}")
        }
        Record::Entry(Entry {
            index,
            term,
            voters,
            ..
        }) => {
            let voters = describe_voters(voters.as_ref());
            format!("stores {index}:{term}{voters}")
        }
        Record::Snapshot(snapshot) => {
            let (index, term) = (snapshot.last_included_index, snapshot.last_included_term);
            let voters = describe_voters(snapshot.voters.as_ref());
            format!("stores the snapshot {index}:{term}{voters}")
        }
    }
}
