//! The templates of kernels, part of the program. They hold declarations and loops, no arithmetic. Those that are needed
//! together are parsed together, once and not before, since a program that finds its kernels in the store waits for it.

use std::sync::Mutex;

use serde::Serialize;
use tera::{Context, Tera};

/// Templates that are needed together.
#[derive(Clone, Copy, Debug)]
pub(super) enum Set {
    /// A kernel in C.
    C,
    /// Several kernels in C, and functions that users wrote.
    MoreC,
    /// Functions that users wrote in C++.
    Cpp,
    /// A kernel in Rust.
    Rust,
}

type Templates = &'static [(&'static str, &'static str)];

const C: Templates = &[
    ("abi.h", include_str!("../../templates/abi.h")),
    ("kernel.c", include_str!("../../templates/c/kernel.c.tera")),
    ("head.c", include_str!("../../templates/c/head.c.tera")),
    ("function.c", include_str!("../../templates/c/function.c.tera")),
    ("each.c", include_str!("../../templates/c/each.c.tera")),
    ("indexed.c", include_str!("../../templates/c/indexed.c.tera")),
    ("select.c", include_str!("../../templates/c/select.c.tera")),
    ("widen.c", include_str!("../../templates/c/widen.c.tera")),
    ("narrow.c", include_str!("../../templates/c/narrow.c.tera")),
];

const MORE_C: Templates = &[
    ("abi.h", include_str!("../../templates/abi.h")),
    ("head.c", include_str!("../../templates/c/head.c.tera")),
    ("unit.c", include_str!("../../templates/c/unit.c.tera")),
    ("native.c", include_str!("../../templates/c/native.c.tera")),
    ("aside.c", include_str!("../../templates/c/aside.c.tera")),
];

const CPP: Templates = &[
    ("abi.h", include_str!("../../templates/abi.h")),
    ("functions.cpp", include_str!("../../templates/cpp/functions.cpp.tera")),
];

const RUST: Templates = &[
    ("abi.rs", include_str!("../../templates/abi.rs")),
    ("kernel.rs", include_str!("../../templates/rust/kernel.rs.tera")),
    ("each.rs", include_str!("../../templates/rust/each.rs.tera")),
    ("indexed.rs", include_str!("../../templates/rust/indexed.rs.tera")),
    ("select.rs", include_str!("../../templates/rust/select.rs.tera")),
    ("elements.rs", include_str!("../../templates/rust/elements.rs.tera")),
    ("call.rs", include_str!("../../templates/rust/call.rs.tera")),
];

fn parse(templates: Templates) -> Tera {
    let mut tera = Tera::default();
    // Nothing here is HTML, whatever a file is called: `<` and `&` must stay.
    tera.autoescape_on(Vec::<&str>::new());
    tera.add_raw_templates(templates.iter().copied()).expect("the templates are well-formed");
    tera
}

/// Parsed templates, for as long as the program runs. No thread waits here for another one, which may be in the process
/// that this one was forked off from: at worst they are parsed twice.
struct Parsed(Templates, Mutex<Option<&'static Tera>>);

static PARSED_C: Parsed = Parsed(C, Mutex::new(None));
static PARSED_MORE_C: Parsed = Parsed(MORE_C, Mutex::new(None));
static PARSED_CPP: Parsed = Parsed(CPP, Mutex::new(None));
static PARSED_RUST: Parsed = Parsed(RUST, Mutex::new(None));

impl Parsed {
    fn get(&self) -> &'static Tera {
        /// The lock is held for moments only.
        const TRIES: usize = 1000;
        let Parsed(templates, known) = self;
        let tried = || {
            (0..TRIES).find_map(|_| {
                known.try_lock().ok().or_else(|| {
                    std::hint::spin_loop();
                    None
                })
            })
        };
        if let Some(tera) = tried().and_then(|known| *known) {
            return tera;
        }
        let tera: &'static Tera = Box::leak(Box::new(parse(templates)));
        tried().map_or(tera, |mut known| known.get_or_insert(tera))
    }
}

impl Set {
    fn parsed(self) -> &'static Tera {
        match self {
            Set::C => PARSED_C.get(),
            Set::MoreC => PARSED_MORE_C.get(),
            Set::Cpp => PARSED_CPP.get(),
            Set::Rust => PARSED_RUST.get(),
        }
    }
}

/// Parses the templates of a set, if that was not done yet.
pub(super) fn prepare(set: Set) {
    set.parsed();
}

/// The text that a template makes of its context.
///
/// # Panics
/// If the context lacks what the template asks for.
pub(super) fn render(set: Set, template: &str, context: &impl Serialize) -> String {
    let context = Context::from_serialize(context).expect("a context is a structure with names");
    set.parsed().render(template, &context).expect("the template knows its context")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_for_a_lock_that_is_never_let_go() {
        // As in a process that was forked off while another thread was at it.
        let forked = Parsed(RUST, Mutex::new(None));
        let kept = forked.1.lock().unwrap();
        assert!(forked.get().get_template_names().any(|name| name == "kernel.rs"));
        drop(kept);
        // Whoever is in nobody's way keeps what was parsed.
        assert!(std::ptr::eq(forked.get(), forked.get()));
    }
}
