//! Tables of what was measured, for readers and as JSON.

use std::path::Path;

use serde_json::{Value, json};

/// Measurements, ascending.
#[derive(Clone, Debug)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// In any order.
    pub fn new(mut values: Vec<f64>) -> Samples {
        assert!(!values.is_empty(), "at least one measurement");
        values.sort_by(f64::total_cmp);
        Samples(values)
    }

    /// The middle.
    pub fn median(&self) -> f64 {
        let n = self.0.len();
        (self.0[(n - 1) / 2] + self.0[n / 2]) / 2.0
    }

    /// The least.
    pub fn min(&self) -> f64 {
        self.0[0]
    }

    /// In another unit.
    pub fn times(&self, factor: f64) -> Samples {
        Samples(self.0.iter().map(|value| value * factor).collect())
    }
}

/// What the project has set itself.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    /// The goal and the aim beyond it.
    AtMost(f64, f64),
    /// The same, the other way round.
    AtLeast(f64, f64),
}

impl Goal {
    fn bounds(self) -> (f64, f64) {
        match self {
            Goal::AtMost(goal, aim) | Goal::AtLeast(goal, aim) => (goal, aim),
        }
    }

    fn verdict(self, value: f64) -> &'static str {
        // What is a matter of pages of memory, or of the clock, is no miss.
        let value = to_three_digits(value);
        let reaches = |bound: f64| match self {
            Goal::AtMost(..) => value <= bound,
            Goal::AtLeast(..) => value >= bound,
        };
        let (goal, aim) = self.bounds();
        match (reaches(goal), reaches(aim)) {
            (true, true) if aim != goal => "better than the aim",
            (true, _) => "reaches the goal",
            _ => "MISSES THE GOAL",
        }
    }
}

/// Rounded to three significant digits.
fn to_three_digits(value: f64) -> f64 {
    format!("{value:.2e}").parse().unwrap_or(value)
}

/// The lines of one part. Each is printed as it comes, because a part takes long.
pub struct Table {
    name: &'static str,
    lines: Vec<Value>,
}

impl Table {
    /// Prints its head.
    pub fn new(name: &'static str) -> Table {
        println!("\n== {name}");
        println!("{:70} {:>10} {:>10} {:9} {:>6} {:>6}", "", "median", "min", "", "goal", "aim");
        Table { name, lines: Vec::new() }
    }

    /// A line without numbers.
    pub fn say(&self, text: &str) {
        println!("{text}");
    }

    /// What was measured.
    pub fn line(&mut self, what: &str, samples: &Samples, unit: &str) {
        self.print(what, samples.median(), samples.min(), unit, None, "");
    }

    /// What was measured, and something about it.
    pub fn line_with(&mut self, what: &str, samples: &Samples, unit: &str, note: &str) {
        self.print(what, samples.median(), samples.min(), unit, None, note);
    }

    /// What was measured, and is held to a goal.
    pub fn goal(&mut self, what: &str, samples: &Samples, unit: &str, goal: Goal) {
        self.print(what, samples.median(), samples.min(), unit, Some(goal), "");
    }

    /// How many times as long the second takes as the first.
    pub fn ratio(&mut self, what: &str, ours: &Samples, theirs: &Samples, goal: Option<Goal>) {
        self.print(what, theirs.median() / ours.median(), theirs.min() / ours.min(), "times", goal, "");
    }

    fn print(&mut self, what: &str, median: f64, min: f64, unit: &str, goal: Option<Goal>, note: &str) {
        let min_text = format!("({min:.3})");
        let end = match goal {
            None => note.to_string(),
            Some(goal) => {
                let (bound, aim) = goal.bounds();
                format!("{bound:6} {aim:6}   {}", goal.verdict(median))
            }
        };
        println!("{}", format!("{what:70} {median:10.3} {min_text:>10} {unit:9} {end}").trim_end());
        let mut line = json!({ "what": what, "median": median, "min": min, "unit": unit });
        if let Some(goal) = goal {
            let (bound, aim) = goal.bounds();
            line["goal"] = json!(bound);
            line["aim"] = json!(aim);
            line["verdict"] = json!(goal.verdict(median));
        }
        if !note.is_empty() {
            line["note"] = json!(note);
        }
        self.lines.push(line);
    }
}

/// All tables as one JSON object, by the names of their parts.
pub fn write_json(tables: &[Table], path: &Path) -> std::io::Result<()> {
    let object: serde_json::Map<_, _> = tables.iter().map(|t| (t.name.to_string(), json!(t.lines))).collect();
    std::fs::write(path, format!("{:#}\n", Value::Object(object)))
}
