//! The command line as users meet it: what it says about what is wrong, what it writes, how it ends, and what changes
//! neither a result nor a kernel.
//!
//! `errors/NAME.toml` is a wrong model, and `NAME.snap` what `saltus run` says about it. `sessions/NAME.txt` has commands,
//! one a line, and `NAME.snap` what they print (both streams) and how they end; they run in a directory with the files of
//! `models` and a few that are no models.

mod place;
mod runs;
mod store;
mod texts;
mod watch;
