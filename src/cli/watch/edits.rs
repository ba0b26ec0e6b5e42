//! What was edited in a model file, in the words of its tables.

use toml::{Table, Value};

/// What two forms of a file have differently.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Edits {
    /// What changes a network that runs, such as `reset of cells`.
    pub now: Vec<String>,
    /// What only says how a run begins, or how long it is.
    pub later: Vec<String>,
}

/// Of settings, what a run that goes on does not look at.
const OF_BEGINNINGS: [&str; 2] = ["seed", "duration"];

/// The same of groups and synapses.
const OF_MAKING: [&str; 3] = ["init", "connect", "delay"];

/// Compares what two files say; how they are written, and remarks, do not count.
///
/// ```
/// use saltus::cli::watch::edits::edits;
/// let file = |reset: &str| toml::from_str(&format!("[groups.cells]\nreset = '{reset}'\n")).unwrap();
/// assert_eq!(edits(&file("v = 0"), &file("v = 1")).now, ["reset of cells"]);
/// ```
pub fn edits(old: &Table, new: &Table) -> Edits {
    let mut edits = Edits::default();
    for section in keys(old, new) {
        let (before, after) = (old.get(section), new.get(section));
        if before == after {
            continue;
        }
        match section {
            "format" | "name" | "description" => {}
            "runs" => edits.later.push("runs".to_string()),
            "settings" | "constants" => {
                for key in changed(before, after) {
                    let is_later = section == "settings" && OF_BEGINNINGS.contains(&key);
                    if is_later { &mut edits.later } else { &mut edits.now }.push(key.to_string());
                }
            }
            _ => {
                for name in changed(before, after) {
                    edits.of_object(name, entry(before, name), entry(after, name));
                }
            }
        }
    }
    edits
}

impl Edits {
    fn of_object(&mut self, name: &str, before: Option<&Value>, after: Option<&Value>) {
        match (before, after) {
            (Some(Value::Table(_)), Some(Value::Table(_))) => {
                for key in changed(before, after) {
                    let list = if OF_MAKING.contains(&key) { &mut self.later } else { &mut self.now };
                    list.push(format!("{key} of {name}"));
                }
            }
            (None, _) => self.now.push(format!("new {name}")),
            (_, None) => self.now.push(format!("without {name}")),
            _ => self.now.push(name.to_string()),
        }
    }
}

/// The keys of both, each once, in the order of the new one.
fn keys<'a>(old: &'a Table, new: &'a Table) -> impl Iterator<Item = &'a str> {
    new.keys().chain(old.keys().filter(|key| !new.contains_key(*key))).map(String::as_str)
}

fn entry<'a>(of: Option<&'a Value>, key: &str) -> Option<&'a Value> {
    of.and_then(Value::as_table).and_then(|table| table.get(key))
}

/// The keys of two tables that do not have the same value.
fn changed<'a>(old: Option<&'a Value>, new: Option<&'a Value>) -> Vec<&'a str> {
    let table = |value: Option<&'a Value>| value.and_then(Value::as_table);
    match (table(old), table(new)) {
        (Some(old), Some(new)) => keys(old, new).filter(|key| old.get(*key) != new.get(*key)).collect(),
        (Some(one), None) | (None, Some(one)) => one.keys().map(String::as_str).collect(),
        (None, None) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_told_in_the_words_of_the_file() {
        const FILE: &str = "format = 1\nname = 'a'\n[settings]\ndt = '0.1*ms'\nseed = 1\n[constants]\ntau = '5*ms'\n\
             [groups.c]\nN = 2\nreset = 'v = 0'\ninit = {v = '1'}\nrun_regularly = [{code = 'v += 1'}]\n\
             [synapses.S]\nconnect = ['true']\non_pre = 'v += 1'\n[monitors.m]\nrecord = [0]\n[[runs]]\nduration = '1*s'\n";
        let cases: [(&str, &str, &[&str], &[&str]); 12] = [
            ("format = 1", "format = 1\n# a remark", &[], &[]),
            ("reset = 'v = 0'", "reset   = \"v = 0\"", &[], &[]),
            ("name = 'a'", "name = 'b'", &[], &[]),
            ("v = 0'", "v = 1'", &["reset of c"], &[]),
            ("'5*ms'", "'6*ms'", &["tau"], &[]),
            ("dt = '0.1*ms'\nseed = 1", "dt = '0.2*ms'\nseed = 2", &["dt"], &["seed"]),
            ("{v = '1'}", "{v = '2'}", &[], &["init of c"]),
            ("code = 'v += 1'", "code = 'v += 2'", &["run_regularly of c"], &[]),
            ("['true']\non_pre = 'v += 1'", "['i != j']", &["on_pre of S"], &["connect of S"]),
            ("[monitors.m]\nrecord = [0]", "[monitors.n]\nrecord = [0]", &["new n", "without m"], &[]),
            ("record = [0]", "record = [0, 1]", &["record of m"], &[]),
            ("'1*s'", "'2*s'", &[], &["runs"]),
        ];
        let old: Table = toml::from_str(FILE).unwrap();
        for (from, to, now, later) in cases {
            assert!(FILE.contains(from), "{from}");
            let new = toml::from_str(&FILE.replacen(from, to, 1)).unwrap();
            let found = edits(&old, &new);
            assert_eq!(
                (found.now, found.later),
                (now.iter().map(ToString::to_string).collect(), later.iter().map(ToString::to_string).collect()),
                "{to}"
            );
        }
    }
}
