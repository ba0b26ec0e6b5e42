//! When an object runs within a step: by slot, then order, then name (Brian2's rule for ties).

/// The slots of Brian2's default schedule; each has a `before_` and an `after_`.
pub const SLOTS: [&str; 6] = ["start", "groups", "thresholds", "synapses", "resets", "end"];

/// A place in a step. Orders as objects run; names compare byte by byte, so `G_10` runs before `G_2`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    rank: u32,
    /// Order within the slot.
    pub order: i32,
    /// Name of the object.
    pub name: String,
}

/// The slots of a step, in order; each has a `before_` and an `after_`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slots(Vec<String>);

impl Default for Slots {
    fn default() -> Slots {
        Slots(SLOTS.map(str::to_string).to_vec())
    }
}

impl Slots {
    /// These slots instead of [`SLOTS`].
    pub fn new(names: &[String]) -> Slots {
        Slots(names.to_vec())
    }

    /// The place in a slot such as `thresholds` or `before_resets`; `None` if there is no such slot.
    pub fn place(&self, slot: &str, order: i32, name: impl Into<String>) -> Option<Place> {
        Some(Place { rank: self.rank(slot)?, order, name: name.into() })
    }

    /// Whether there is such a slot.
    pub fn contains(&self, slot: &str) -> bool {
        self.rank(slot).is_some()
    }

    fn rank(&self, slot: &str) -> Option<u32> {
        let (shift, base) = match slot.split_once('_') {
            Some(("before", base)) => (0, base),
            Some(("after", base)) => (2, base),
            _ => (1, slot),
        };
        self.0.iter().position(|s| *s == base).map(|k| 3 * k as u32 + shift)
    }

    /// Every name of a slot, in order.
    pub fn names(&self) -> impl Iterator<Item = String> {
        self.0.iter().flat_map(|s| [format!("before_{s}"), s.to_string(), format!("after_{s}")])
    }

    /// The name of the slot that a place is in.
    pub fn name_of(&self, place: &Place) -> String {
        self.names().nth(place.rank as usize).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_run_by_slot_order_and_name() {
        let slots = Slots::default();
        let mut places: Vec<Place> = [
            ("end", 0, "a"),
            ("start", 1, "b"),
            ("start", 0, "g_2"),
            ("start", 0, "g_10"),
            ("after_start", -5, "c"),
            ("before_start", 9, "d"),
        ]
        .into_iter()
        .filter_map(|(slot, order, name)| slots.place(slot, order, name))
        .collect();
        places.sort();
        let names: Vec<&str> = places.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["d", "g_10", "g_2", "b", "c", "a"]);
        assert_eq!(slots.place("middle", 0, "x"), None);
        assert_eq!(slots.names().count(), 18);
        assert_eq!(slots.name_of(&places[0]), "before_start");
    }

    #[test]
    fn a_schedule_of_ones_own_has_its_own_slots() {
        let slots = Slots::new(&["groups".to_string(), "my_slot".to_string()]);
        let names: Vec<String> = slots.names().collect();
        let expected = ["before_groups", "groups", "after_groups", "before_my_slot", "my_slot", "after_my_slot"];
        assert_eq!(names, expected);
        assert!(slots.place("after_groups", 0, "a") < slots.place("before_my_slot", 0, "a"));
        assert!(!slots.contains("start"));
    }
}
