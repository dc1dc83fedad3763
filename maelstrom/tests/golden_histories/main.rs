//! Histories recorded on upstream Maelstrom get upstream's verdicts and figures.
//!
//! Each folder of `tests/golden` is one run: its history, its options, and the results that
//! upstream printed. A failure names the folder, the key path, and both values.

mod kafka;
mod lin_kv;
mod txn;
mod verdicts;

use std::path::{Path, PathBuf};

use eddy::check::Availability;
use eddy::edn::{self, Value};
use eddy::history::{self, History};
use eddy::workload::{AnyWorkload, Settings, Workloads};

/// One recorded run.
struct Recording {
    name: String,
    workload: AnyWorkload,
    models: Vec<String>,
    settings: Settings,
    exit_code: u64,
    history: History,
    results: Value,
}

impl Recording {
    fn load(folder: &Path) -> Self {
        let name = folder.file_name().expect("a folder has a name");
        let name = name.to_string_lossy().into_owned();
        let read = |file: &str| {
            std::fs::read_to_string(folder.join(file))
                .unwrap_or_else(|error| panic!("{name}/{file}: {error}"))
        };
        let options: serde_json::Value = serde_json::from_str(&read("options.json")).unwrap();
        let models = options["consistency_models"].as_array().unwrap();
        let models: Vec<String> = models.iter().map(|m| m.as_str().unwrap().into()).collect();
        let availability = match &options["availability"] {
            serde_json::Value::Null => None,
            serde_json::Value::String(text) => Some(text.parse::<Availability>().unwrap()),
            number => Some(number.to_string().parse().unwrap()),
        };
        let workload = Workloads::default();
        let workload = workload
            .find(options["workload"].as_str().unwrap())
            .unwrap();
        let mut settings = Settings {
            availability,
            ..Settings::of_history(&*workload)
        };
        settings
            .options
            .set("consistency-models", models.join(" , "));
        Self {
            workload,
            models,
            settings,
            exit_code: options["exit_code"].as_u64().unwrap(),
            history: history::read_file(&folder.join("history.edn.gz")).unwrap(),
            results: edn::parse(&read("results.edn")).unwrap(),
            name,
        }
    }

    /// Returns upstream's results of the workload itself.
    fn workload_results(&self) -> &Value {
        let results = self.results.get("workload");
        results.expect("upstream gives results of the :workload")
    }
}

/// Returns all recorded runs, in the order of their names.
fn recordings() -> impl Iterator<Item = Recording> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let entries = golden.read_dir().expect("there are recorded histories");
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders.into_iter().map(|folder| Recording::load(&folder))
}

/// Returns the recorded runs of a workload, of which there must be at least one.
fn recordings_of(workload: &str) -> Vec<Recording> {
    let runs: Vec<_> = recordings()
        .filter(|run| run.workload.name() == workload)
        .collect();
    assert!(!runs.is_empty(), "no run of {workload} was recorded");
    runs
}
