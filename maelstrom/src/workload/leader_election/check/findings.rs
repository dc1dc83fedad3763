//! What is wrong with an election, in sentences.

use std::collections::BTreeMap;

use super::{Reply, Tenure, ms, tenures};
use crate::check::findings::{Example, Findings, place};
use crate::edn::Value;
use crate::history::{History, Kind, Operation};

pub(super) fn two_leaders_in_a_term(findings: &mut Findings, replies: &[Reply<'_>]) {
    let mut leaders: BTreeMap<&Value, BTreeMap<&str, &Reply<'_>>> = BTreeMap::new();
    for reply in replies {
        let leaders = leaders.entry(reply.term).or_default();
        leaders.entry(reply.leader).or_insert(reply);
    }
    let examples = leaders.iter().filter(|(_, leaders)| leaders.len() > 1);
    let examples = examples.map(|(term, leaders)| {
        let named: Vec<String> = leaders
            .iter()
            .map(|(leader, reply)| {
                format!(
                    "{leader} according to {} ({})",
                    reply.node,
                    place(reply.completion)
                )
            })
            .collect();
        let operations = leaders.values().map(|reply| reply.completion.index);
        Example::new(
            format!("in term {term}: {}", named.join(", and ")),
            operations.collect::<Vec<_>>(),
        )
    });
    findings.add(
        "two-leaders-in-a-term",
        "replies name different leaders of the same term. Each term must have one leader at most; \
             usually two nodes counted the same votes, or a node forgot its vote.",
        examples.collect(),
    );
}

pub(super) fn split_brain(findings: &mut Findings, tenures: &[Tenure], history: &History) {
    let mut examples = Vec::new();
    for (i, a) in tenures.iter().enumerate() {
        for b in &tenures[i + 1..] {
            let Some((from, to)) = tenures::overlap(a, b) else {
                continue;
            };
            let tenure = |tenure: &Tenure| {
                let claim = |index: usize| history.get(index).map(place).unwrap_or_default();
                format!(
                    "{} (term {}) claimed to lead first by {} and last by {}",
                    tenure.leader,
                    tenure.term,
                    claim(tenure.first_claim),
                    claim(tenure.last_claim)
                )
            };
            let text = format!(
                "both led for at least {:.0} ms, from {:.3} s to {:.3} s: {}; {}",
                ms(to - from),
                from.as_secs_f64(),
                to.as_secs_f64(),
                tenure(a),
                tenure(b)
            );
            let operations = [a, b].map(|tenure| [tenure.first_claim, tenure.last_claim]);
            examples.push(Example::new(text, operations.concat()));
        }
    }
    findings.add(
        "split-brain",
        "two nodes led at the same time. A leader must stop before its successor may begin; \
             usually it does not notice that it lost its majority.",
        examples,
    );
}

pub(super) fn terms_that_went_back(findings: &mut Findings, replies: &[Reply<'_>]) {
    let mut by_node: BTreeMap<&str, Vec<&Reply<'_>>> = BTreeMap::new();
    for reply in replies {
        by_node.entry(reply.node).or_default().push(reply);
    }
    let mut examples = Vec::new();
    for (node, mut completed) in by_node {
        let begun = completed.clone();
        completed.sort_by_key(|reply| reply.completion.index);
        let mut completed = completed.into_iter().peekable();
        let mut highest: Option<&Reply<'_>> = None;
        // Invocations are in order, so every reply that ended before is seen first.
        for reply in begun {
            while let Some(earlier) =
                completed.next_if(|done| done.completion.index < reply.invocation.index)
            {
                if highest.is_none_or(|highest| highest.term < earlier.term) {
                    highest = Some(earlier);
                }
            }
            if let Some(earlier) = highest.filter(|earlier| earlier.term > reply.term) {
                let text = format!(
                    "{node} answered with term {} ({}), and later with term {} ({})",
                    earlier.term,
                    place(earlier.completion),
                    reply.term,
                    place(reply.completion)
                );
                let operations = vec![earlier.completion.index, reply.completion.index];
                examples.push(Example::new(text, operations));
            }
        }
    }
    findings.add(
        "term-went-back",
        "a node answered with a lower term than before. Terms never fall, not even over a \
             restart: they must be on disk before they are used.",
        examples,
    );
}

/// The final questions: every node must name the same leader, and that one itself.
pub(super) fn disagreement(findings: &mut Findings, history: &History, replies: &[Reply<'_>]) {
    let asked: Vec<&Operation> = history
        .clients()
        .filter(|op| op.kind == Kind::Invoke && op.is_final())
        .collect();
    if asked.is_empty() {
        return;
    }
    let mut answers: BTreeMap<&str, &Reply<'_>> = BTreeMap::new();
    for reply in replies.iter().filter(|reply| reply.invocation.is_final()) {
        answers.insert(reply.node, reply);
    }
    let mut examples = Vec::new();
    for op in &asked {
        let node = op.value.as_str().unwrap_or_default();
        if !answers.contains_key(node) {
            let end = history.completion(op);
            let error = end.and_then(|end| end.error.as_deref());
            let error = error.map_or("no answer".to_owned(), Value::to_string);
            let text = format!("{node} named no leader: {error} ({})", place(op));
            examples.push(Example::new(text, vec![op.index]));
        }
    }
    let mut named: BTreeMap<&str, Vec<&Reply<'_>>> = BTreeMap::new();
    for reply in answers.values() {
        named.entry(reply.leader).or_default().push(reply);
    }
    if named.len() > 1 {
        let votes = named.iter().map(|(leader, replies)| {
            let nodes: Vec<&str> = replies.iter().map(|reply| reply.node).collect();
            format!("{} named {leader}", nodes.join(", "))
        });
        let operations = answers.values().map(|reply| reply.completion.index);
        let text = votes.collect::<Vec<_>>().join("; ");
        examples.push(Example::new(text, operations.collect::<Vec<_>>()));
    }
    for (leader, replies) in &named {
        let denied = answers.get(leader).filter(|reply| !reply.is_claim());
        if let Some(reply) = denied.filter(|_| named.len() == 1) {
            let text = format!(
                "{} named {leader}, but {leader} named {} ({})",
                replies[0].node,
                reply.leader,
                place(reply.completion)
            );
            examples.push(Example::new(
                text,
                vec![replies[0].completion.index, reply.completion.index],
            ));
        }
    }
    findings.add(
        "no-agreement",
        "after all faults had ended and the cluster had time to recover, the nodes did not agree \
             on one leader that claims to lead.",
        examples,
    );
}
