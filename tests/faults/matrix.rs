//! Rows of faults, how they are run, and the table of what came of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, ExitCode};
use std::time::Instant;

/// One kind of fault.
pub struct Row {
    /// What goes wrong.
    pub name: &'static str,
    /// How many cases are enough for every day, if there are more than one wants to wait for.
    pub short: usize,
    /// How many there are with `SALTUS_FAULTS=long`.
    pub long: usize,
    /// Lets it go wrong this often, or in every way there is.
    pub run: fn(usize, &mut Cases),
}

/// What became of the cases of a row.
#[derive(Default)]
pub struct Cases {
    count: usize,
    faults: Vec<String>,
    absent: Option<&'static str>,
    note: Option<String>,
}

impl Cases {
    /// A case, and whether it went as it should.
    pub fn check(&mut self, is_good: bool, what: impl FnOnce() -> String) {
        self.count += 1;
        if !is_good {
            self.faults.push(what());
        }
    }

    /// Why this machine cannot have the cases of a row.
    pub fn not_here(&mut self, why: &'static str) {
        self.absent = Some(why);
    }

    /// A figure to show beside the count.
    pub fn note(&mut self, figure: String) {
        self.note = Some(figure);
    }
}

/// The variable by which this program is told to be one of many processes.
const JOB: &str = "SALTUS_FAULTS_JOB";

/// Words of a fault that are shown.
const SHOWN: usize = 10;

/// What this process is to do, if it is one of those that a row has started.
pub fn job() -> Option<Vec<String>> {
    Some(std::env::var(JOB).ok()?.split('\u{1f}').map(str::to_string).collect())
}

/// A process that does a job.
pub fn process(job: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.env(JOB, job.join("\u{1f}"));
    command
}

/// Runs the rows that the arguments name, or all, and prints the table.
pub fn run(rows: &[&Row]) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        rows.iter().for_each(|row| say(&format!("{}: test", row.name)));
        return ExitCode::SUCCESS;
    }
    let words: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let is_chosen = |row: &&&Row| words.is_empty() || words.iter().any(|word| row.name.contains(word.as_str()));
    let chosen: Vec<&&Row> = rows.iter().filter(is_chosen).collect();
    let is_long = std::env::var("SALTUS_FAULTS").is_ok_and(|form| form == "long");
    say(&format!("\n{:58} {:>7}  {:>7}  {:>7}", "fault", "cases", "good", "seconds"));
    let (mut passed, mut failed) = (0, 0);
    for row in &chosen {
        let start = Instant::now();
        let mut cases = Cases::default();
        let count = if is_long { row.long } else { row.short };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (row.run)(count, &mut cases))) {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
            cases.check(false, || format!("panicked: {}", text.unwrap_or_default()));
        }
        if cases.count == 0 && cases.absent.is_none() {
            cases.check(false, || "there was no case".to_string());
        }
        let (count, bad) = (cases.count, cases.faults.len());
        let seconds = start.elapsed().as_secs_f64();
        let note = cases.absent.map(str::to_string).or(cases.note);
        let note = note.map_or(String::new(), |note| format!("  ({note})"));
        say(&format!("{:58} {count:>7}  {:>7}  {seconds:>7.2}{note}", row.name, count - bad.min(count)));
        cases.faults.iter().take(SHOWN).for_each(|fault| say(&format!("    {fault}")));
        if bad > SHOWN {
            say(&format!("    and {} more", bad - SHOWN));
        }
        *(if bad == 0 { &mut passed } else { &mut failed }) += 1;
    }
    let (word, left_out) = (if failed == 0 { "ok" } else { "FAILED" }, rows.len() - chosen.len());
    say(&format!(
        "\ntest result: {word}. {passed} passed; {failed} failed; 0 ignored; 0 measured; {left_out} filtered out"
    ));
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[allow(clippy::print_stdout, reason = "the table is what this program is for")]
fn say(line: &str) {
    println!("{line}");
}
