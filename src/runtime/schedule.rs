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

impl Place {
    /// In a slot such as `thresholds` or `before_resets`; `None` if there is no such slot.
    pub fn new(slot: &str, order: i32, name: impl Into<String>) -> Option<Place> {
        Some(Place { rank: rank(slot)?, order, name: name.into() })
    }
}

fn rank(slot: &str) -> Option<u32> {
    let (shift, base) = match slot.split_once('_') {
        Some(("before", base)) => (0, base),
        Some(("after", base)) => (2, base),
        _ => (1, slot),
    };
    SLOTS.iter().position(|s| *s == base).map(|k| 3 * k as u32 + shift)
}

/// Every name of a slot, in order.
pub fn slot_names() -> impl Iterator<Item = String> {
    SLOTS.iter().flat_map(|s| [format!("before_{s}"), s.to_string(), format!("after_{s}")])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_run_by_slot_order_and_name() {
        let mut places: Vec<Place> = [
            ("end", 0, "a"),
            ("start", 1, "b"),
            ("start", 0, "g_2"),
            ("start", 0, "g_10"),
            ("after_start", -5, "c"),
            ("before_start", 9, "d"),
        ]
        .into_iter()
        .filter_map(|(slot, order, name)| Place::new(slot, order, name))
        .collect();
        places.sort();
        let names: Vec<&str> = places.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["d", "g_10", "g_2", "b", "c", "a"]);
        assert_eq!(Place::new("middle", 0, "x"), None);
        assert_eq!(slot_names().count(), 18);
    }
}
