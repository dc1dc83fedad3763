//! The workload: operations, client and checker.

use eddy::check::findings::{Example, Findings, place, to_edn};
use eddy::check::{Analysis, Finding, Verdict};
use eddy::edn::Value;
use eddy::generator::{AnyThread, Invocation, Stagger};
use eddy::history::{History, Kind};
use eddy::seed::ChaCha8Rng;
use eddy::workload::{Client, Fields, Malformed, OptionSpec, Phases, Rules, Settings, Step, Workload};
use rand::RngExt;
use serde_json::{Value as Json, json};

/// The amount in each account at the start of a run.
const OPENING_BALANCE: i64 = 100;

/// A workload whose clients transfer money between accounts and read all balances at once.
#[derive(Clone, Copy, Debug)]
pub struct Bank;

impl Workload for Bank {
    fn name(&self) -> &str {
        "bank"
    }

    fn summary(&self) -> &str {
        "transfers between accounts, whose total never changes"
    }

    fn protocol(&self) -> &str {
        "# bank\n\n\
         | request | reply |\n|---|---|\n\
         | `{\"type\": \"transfer\", \"from\": 0, \"to\": 1, \"amount\": 5}` | `{\"type\": \"transfer_ok\"}` |\n\
         | `{\"type\": \"balances\"}` | `{\"type\": \"balances_ok\", \"balances\": [95, 105]}` |\n"
    }

    fn functions(&self) -> &[&str] {
        &["transfer", "balances"]
    }

    fn options(&self) -> Vec<OptionSpec> {
        vec![OptionSpec::count("accounts", 5, "Number of accounts, each with 100 at the start")]
    }

    fn phases(&self, settings: &Settings) -> Phases {
        let accounts: u64 = settings.options.get("accounts");
        let stream = move |rng: &mut ChaCha8Rng| match rng.random_bool(0.5) {
            true => Invocation::new("balances", Value::Nil),
            false => {
                let from = rng.random_range(0..accounts);
                let to = rng.random_range(0..accounts);
                let amount = rng.random_range(1..=10_u64);
                let transfer = [("from", from), ("to", to), ("amount", amount)];
                Invocation::new("transfer", Value::map(transfer.map(|(name, n)| (name, n.into()))))
            }
        };
        Phases::main(Stagger::new(settings.rate, AnyThread(stream)))
    }

    fn client(&self, _: &Settings) -> Box<dyn Client> {
        Box::new(BankClient)
    }

    fn rules(&self, _: &Settings) -> Rules {
        Rules {
            idempotent: vec!["balances".into()],
            ..Rules::default()
        }
    }

    fn check(&self, history: &History, settings: &Settings) -> Box<dyn Analysis> {
        let accounts: i64 = settings.options.get("accounts");
        let total = accounts * OPENING_BALANCE;
        let reads = history.clients().filter(|op| op.f == "balances" && op.kind == Kind::Ok);
        let mut wrong = Vec::new();
        let mut count = 0;
        for read in reads {
            count += 1;
            let balances = read.value.as_seq().unwrap_or_default().iter();
            let sum: i64 = balances.filter_map(Value::as_int).sum();
            if sum != total {
                let text = format!("{} adds up to {sum}, not {total} ({})", read.value, place(read));
                wrong.push(Example::new(text, [read.index]));
            }
        }
        let mut findings = Findings::default();
        findings.add(
            "wrong-total",
            "money appeared or disappeared. A read usually saw one half of a transfer.",
            wrong,
        );
        Box::new(BankAnalysis { findings: findings.into_vec(), reads: count })
    }
}

struct BankClient;

impl Client for BankClient {
    fn invoke(&mut self, invocation: &Invocation) -> Step {
        let mut request = invocation.value.to_json();
        if request.is_null() {
            request = json!({});
        }
        request["type"] = json!(invocation.f);
        Step::Call(request)
    }

    fn reply(&mut self, invocation: &Invocation, body: &Json) -> Result<Step, Malformed> {
        let mut fields = Fields::of(body, &format!("{}_ok", invocation.f))?;
        let value = match &*invocation.f {
            "balances" => fields.take_list("balances")?,
            _ => invocation.value.clone(),
        };
        fields.end()?;
        Ok(Step::Ok(value))
    }
}

/// The result of the check that every read shows the same total.
#[derive(Clone, Debug)]
pub struct BankAnalysis {
    findings: Vec<Finding>,
    reads: usize,
}

impl Analysis for BankAnalysis {
    fn verdict(&self) -> Verdict {
        match (self.findings.is_empty(), self.reads) {
            (false, _) => Verdict::Invalid,
            (true, 0) => Verdict::Unknown,
            (true, _) => Verdict::Valid,
        }
    }

    fn to_edn(&self) -> Value {
        Value::map([
            ("valid?", self.verdict().to_edn()),
            ("reads", self.reads.into()),
            ("anomalies", to_edn(&self.findings)),
        ])
    }

    fn findings(&self) -> Vec<Finding> {
        self.findings.clone()
    }
}
