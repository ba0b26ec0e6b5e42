//! Room for synapses: what they will need is said before they are made, and that there is not enough of it as soon as
//! that is known.

use crate::diag::{Diagnostic, Diagnostics, Text};
use crate::engine::Notice;
use crate::model::group::{Role, SynapsesModel};
use crate::network::error::Error;
use crate::network::symbols::variable_storage;
use crate::runtime::memory::available_bytes;

/// From so many bytes on the user is told.
const MANY_BYTES: u64 = 1 << 30;

/// Synapses after which it is looked at first whether there is room for as many again.
const FIRST_LOOK: usize = 1 << 22;

/// Room for the synapses of one object.
pub struct Room {
    name: String,
    bytes_each: u64,
    notice: Notice,
    /// The number of synapses at which it is looked again.
    next: usize,
    /// Bytes there are, instead of those of the machine: for tests.
    available: Option<u64>,
}

impl Room {
    /// For synapses of this model.
    pub fn new(model: &SynapsesModel, notice: Notice) -> Room {
        let own = model.group.variables.iter().filter(|(name, variable)| {
            let is_given = matches!(variable.role, Role::Given);
            variable.is_stored() && !variable.shared && !is_given && !name.ends_with(".delay")
        });
        let state: usize = own.map(|(_, variable)| variable_storage(variable).size()).sum();
        let bytes_each = (size_of::<i32>() + state) as u64;
        Room { name: model.group.name.clone(), bytes_each, notice, next: FIRST_LOOK, available: None }
    }

    /// About `more` synapses will be made besides `made`.
    ///
    /// # Errors
    /// [`Error::Model`] if there is no room for them.
    pub fn expect(&mut self, made: usize, more: f64, text: &Text) -> Result<(), Error> {
        let bytes = (more * self.bytes_each as f64) as u64;
        let total = made as f64 + more;
        let free = self.available.or_else(available_bytes).unwrap_or(u64::MAX);
        let message = if total > f64::from(i32::MAX) {
            format!("`{}` would get about {} synapses, but there can be {}", self.name, in_words(total), i32::MAX)
        } else if bytes > free {
            let (count, size, free) = (in_words(more), gigabytes(bytes), gigabytes(free));
            format!(
                "`{}` would get about {count} synapses, which need {size} GB of memory, but only {free} GB are free",
                self.name
            )
        } else {
            if bytes >= MANY_BYTES {
                let (count, size) = (in_words(more), gigabytes(bytes));
                self.notice
                    .tell(&format!("`{}` gets about {count} synapses, which need {size} GB of memory", self.name));
            }
            return Ok(());
        };
        let error =
            Diagnostic::error(text, text.whole(), message).hint("connect fewer cells, or with a smaller chance");
        Err(Error::Model(Diagnostics(vec![error])))
    }

    /// So many were made, and how many there will be is not known: looks now and then whether there is room for as many
    /// again.
    ///
    /// # Errors
    /// As of [`Room::expect`].
    #[inline]
    pub fn made(&mut self, count: usize, text: &Text) -> Result<(), Error> {
        match count >= self.next {
            true => {
                // Memory grows by half or more.
                let more = (count / 2).min((i32::MAX as usize + 1).saturating_sub(count));
                self.next = count + more.max(1);
                self.expect(count, more as f64, text)
            }
            false => Ok(()),
        }
    }
}

fn gigabytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e9)
}

/// A large number in three digits.
fn in_words(count: f64) -> String {
    match count {
        count if count >= 1e9 => format!("{:.3} billion", count / 1e9),
        count => format!("{:.3} million", count / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    fn room(available: u64) -> (Room, Arc<Mutex<Vec<String>>>) {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hears = heard.clone();
        let notice = Notice::to(move |message| hears.lock().unwrap().push(message.to_string()));
        let room = Room { name: "S".into(), bytes_each: 12, notice, next: FIRST_LOOK, available: Some(available) };
        (room, heard)
    }

    #[test]
    fn much_memory_is_told_of_and_too_much_refused() {
        let text = Text::new("connect", "p = 0.1");
        let (mut enough, heard) = room(1 << 33);
        enough.expect(0, 1e7, &text).unwrap();
        assert!(heard.lock().unwrap().is_empty());
        enough.expect(0, 1e8, &text).unwrap();
        assert_eq!(*heard.lock().unwrap(), ["`S` gets about 100.000 million synapses, which need 1.2 GB of memory"]);
        let (mut little, _) = room(1 << 30);
        let error = little.expect(0, 1e8, &text).unwrap_err().to_string();
        assert!(error.contains("need 1.2 GB of memory, but only 1.1 GB are free"), "{error}");
        let error = enough.expect(2_000_000_000, 2e8, &text).unwrap_err().to_string();
        assert!(error.contains("about 2.200 billion synapses, but there can be 2147483647"), "{error}");
    }

    #[test]
    fn what_grows_is_looked_at_again_and_again() {
        let text = Text::new("connect", "i < j");
        let (mut room, _) = room(12 * 3 * FIRST_LOOK as u64);
        let made = (1..).map(|k| k * FIRST_LOOK / 4).find(|made| room.made(*made, &text).is_err());
        assert_eq!(made.map(|made| made > 6 * FIRST_LOOK && made <= 8 * FIRST_LOOK), Some(true), "{made:?}");
    }
}
