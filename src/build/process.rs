//! Runs one program to its end, within limits, with what it prints kept. The program leads a process group of its own,
//! so that everything it started ends with it: when its time is over, or when this process wants to end.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open, prlimit,
    setpriority_process, waitid,
};

/// The largest file that a program may write, its output among them. No kernel is larger.
const MAX_FILE: u64 = 64 << 20;
/// The most memory that a program may use. The largest kernels need a twentieth.
const MAX_DATA: u64 = 4 << 30;
/// Of what a program printed, so much is kept.
const MAX_OUTPUT: u64 = 64 << 10;
/// And so much of that is shown in a message.
const SHOWN_LINES: usize = 8;
const SHOWN_COLUMNS: usize = 200;

/// The groups of the programs that run now, each with the process that runs it; 0 where there is none. More than these
/// are not found by [`stop_all`].
static RUNNING: [AtomicU64; 64] = [const { AtomicU64::new(0) }; 64];

/// Kills every program that this process runs now, with all that it started: for a process that is about to end.
pub fn stop_all() {
    for place in &RUNNING {
        let taken = place.load(Ordering::Acquire);
        // What a process that was forked off finds here is run by another one.
        if is_own(taken)
            && let Some(group) = Pid::from_raw(taken as i32)
        {
            // It may have ended meanwhile.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Whether what is in a place of [`RUNNING`] is of this process.
fn is_own(taken: u64) -> bool {
    taken >> 32 == u64::from(std::process::id())
}

/// A program in [`RUNNING`], until this is dropped.
struct Registered(Option<&'static AtomicU64>);

impl Registered {
    fn new(group: Pid) -> Registered {
        let own = u64::from(std::process::id()) << 32 | group.as_raw_nonzero().get() as u64;
        let take = |place: &&AtomicU64| {
            place.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |taken| (!is_own(taken)).then_some(own)).is_ok()
        };
        Registered(RUNNING.iter().find(take))
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        if let Some(place) = self.0 {
            place.store(0, Ordering::Release);
        }
    }
}

/// Lets this thread, and the programs that it will run, yield to everything else on the machine: `niceness` is added.
pub fn lower_priority(niceness: i32) {
    // On Linux a thread has a priority of its own. If it keeps the old one, others are slower, and that is all.
    let _ = setpriority_process(None, niceness);
}

/// Keeps a program that has gone astray from filling the machine. What it starts inherits the limits; what it has started
/// before it had them, as a script does within a millisecond, gets them as well.
fn limit_resources(program: Pid, time: Duration) {
    let mut limited = vec![program];
    let mut at = 0;
    while let Some(process) = limited.get(at).copied() {
        limit_process(process, time);
        // After that: what it starts from now on has the limits.
        let new: Vec<Pid> = children(process).into_iter().filter(|child| !limited.contains(child)).collect();
        limited.extend(new);
        at += 1;
    }
}

fn limit_process(process: Pid, time: Duration) {
    let set = |resource, limit| {
        // Where that is not allowed, the time limit is left.
        let _ = prlimit(Some(process), resource, Rlimit { current: Some(limit), maximum: Some(limit) });
    };
    set(Resource::Fsize, MAX_FILE);
    set(Resource::Data, MAX_DATA);
    set(Resource::Core, 0);
    set(Resource::Cpu, time.as_secs().saturating_mul(2).max(1));
}

/// What a process has started that has not ended; nothing where the system does not tell.
fn children(process: Pid) -> Vec<Pid> {
    let number = process.as_raw_nonzero();
    let list = std::fs::read_to_string(format!("/proc/{number}/task/{number}/children")).unwrap_or_default();
    list.split_whitespace().filter_map(|child| child.parse().ok().and_then(Pid::from_raw)).collect()
}

/// A program could not be run to its end.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It could not be started, or its output not kept.
    #[error("cannot run `{command}`: {cause}")]
    Run {
        /// The command line.
        command: String,
        /// Why not.
        cause: io::Error,
    },
    /// It took too long and was killed.
    #[error("`{command}` was stopped after {} s", limit.as_secs_f64())]
    TimedOut {
        /// The command line.
        command: String,
        /// The time it had.
        limit: Duration,
    },
}

/// Whether a child of this process ends within a time. It is not waited for.
pub(crate) fn ends_within(child: Pid, limit: Duration) -> bool {
    let ends = Instant::now() + limit;
    let left = || ends.saturating_duration_since(Instant::now());
    let Ok(descriptor) = pidfd_open(child, PidfdFlags::empty()) else {
        // Without descriptors, or on an old system: looked at now and then.
        let has_ended = || {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
            !matches!(waitid(WaitId::Pid(child), options), Ok(None))
        };
        while !has_ended() {
            if left().is_zero() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        return true;
    };
    loop {
        let timeout = Timespec::try_from(left()).ok();
        match poll(&mut [PollFd::new(&descriptor, PollFlags::IN)], timeout.as_ref()) {
            Ok(0) => return false,
            Err(Errno::INTR) => {}
            _ => return true,
        }
    }
}

/// How a program ended.
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    /// What it printed to either stream, or its beginning.
    pub(crate) output: String,
    /// Bytes of all that it printed.
    pub(crate) printed: u64,
}

impl Finished {
    /// The beginning of what it printed, for a message.
    pub(crate) fn beginning(&self) -> String {
        beginning(&self.output, self.printed)
    }
}

/// The beginning of what a program printed, which was so many bytes, for a message: the first error is the one that counts,
/// and the rest is counted.
pub(crate) fn beginning(output: &str, printed: u64) -> String {
    let mut lines = output.trim_end().lines();
    let mut shown: Vec<String> = lines.by_ref().take(SHOWN_LINES).map(shortened).collect();
    let left = lines.count();
    if printed > output.len() as u64 {
        shown.push(format!("… and more, {} kB in all", printed.div_ceil(1000)));
    } else if left > 0 {
        shown.push(format!("… and {left} more {}", if left == 1 { "line" } else { "lines" }));
    }
    shown.join("\n")
}

/// A line, cut where nobody reads on.
fn shortened(line: &str) -> String {
    match line.char_indices().nth(SHOWN_COLUMNS) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line.to_string(),
    }
}

/// The command line as a user could type it.
pub(crate) fn command_line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Runs `command`; what it prints goes through the file `log`, which must not exist, because a pipe that nobody reads
/// would stop it and a pipe that its children keep open would stop us.
pub(crate) fn run(mut command: Command, limit: Duration, log: &Path) -> Result<Finished, ProcessError> {
    let line = command_line(&command);
    let fail = |cause| ProcessError::Run { command: line.clone(), cause };
    let output = File::create_new(log).map_err(fail)?;
    let errors = output.try_clone().map_err(fail)?;
    command.stdin(Stdio::null()).stdout(output).stderr(errors).process_group(0);
    let mut child = command.spawn().map_err(fail)?;
    let group = Pid::from_child(&child);
    limit_resources(group, limit);
    let registered = Registered::new(group);
    let is_late = !ends_within(group, limit);
    if is_late {
        // The only way to fail is that the group is gone already.
        let _ = kill_process_group(group, Signal::KILL);
    }
    // The child stays a zombie: its id cannot become somebody else's meanwhile.
    let ended = rustix::io::retry_on_intr(|| waitid(WaitId::Pid(group), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT));
    // What it left behind would go on in a directory that is removed. The zombie still keeps the group's number.
    let _ = kill_process_group(group, Signal::KILL);
    drop(registered);
    let status = child.wait().map_err(fail)?;
    ended.map_err(|errno| fail(errno.into()))?;
    if is_late {
        return Err(ProcessError::TimedOut { command: line, limit });
    }
    let mut output = Vec::new();
    let log = File::open(log).map_err(fail)?;
    let printed = log.metadata().map_err(fail)?.len();
    log.take(MAX_OUTPUT).read_to_end(&mut output).map_err(fail)?;
    Ok(Finished { status, output: String::from_utf8_lossy(&output).into_owned(), printed })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn both_streams_and_the_status_are_kept() {
        let directory = tempfile::tempdir().unwrap();
        let finished =
            run(shell("echo out; echo err >&2; exit 3"), Duration::from_secs(60), &directory.path().join("log"))
                .unwrap();
        assert_eq!((finished.status.code(), finished.output.as_str()), (Some(3), "out\nerr\n"));
    }

    #[test]
    fn messages_show_a_few_lines_of_what_was_printed() {
        let directory = tempfile::tempdir().unwrap();
        let long = "x".repeat(300);
        let eight = "1\n2\n3\n4\n5\n6\n7\n8";
        for (number, (script, expected)) in [
            ("".to_string(), String::new()),
            ("echo a; echo b".to_string(), "a\nb".to_string()),
            ("seq 8".to_string(), eight.to_string()),
            ("seq 9".to_string(), format!("{eight}\n… and 1 more line")),
            ("seq 108".to_string(), format!("{eight}\n… and 100 more lines")),
            ("seq 20000".to_string(), format!("{eight}\n… and more, 109 kB in all")),
            (format!("echo {long}; echo b"), format!("{} …\nb", &long[..200])),
        ]
        .into_iter()
        .enumerate()
        {
            let log = directory.path().join(format!("log {number}"));
            let finished = run(shell(&script), Duration::from_secs(60), &log).unwrap();
            assert_eq!(finished.beginning(), expected, "{script}");
        }
    }

    #[test]
    fn a_group_that_takes_too_long_is_killed_whole() {
        let directory = tempfile::tempdir().unwrap();
        let pid_file = directory.path().join("pid");
        // The shell waits for a grandchild that would outlive the test. On a busy machine it may need more time to
        // start it.
        let script = format!("sleep 1000 & echo $! > {0}.new; mv {0}.new {0}; wait", pid_file.display());
        for limit in [0.2, 2.0, 20.0] {
            let log = directory.path().join(format!("log {limit}"));
            let result = run(shell(&script), Duration::from_secs_f64(limit), &log);
            assert!(matches!(result, Err(ProcessError::TimedOut { .. })));
            if pid_file.exists() {
                break;
            }
        }
        let grandchild: i32 = std::fs::read_to_string(&pid_file).unwrap().trim().parse().unwrap();
        // The signal has been sent, and whoever inherits the grandchild may or may not have taken note of its end.
        let started = Instant::now();
        loop {
            let state = std::fs::read_to_string(format!("/proc/{grandchild}/stat")).unwrap_or_default();
            if state.is_empty() || state.contains(") Z ") || state.contains(") X ") {
                break;
            }
            assert!(started.elapsed() < Duration::from_secs(60), "still there: {state}");
            std::thread::yield_now();
        }
    }

    #[test]
    fn what_a_program_starts_at_once_is_limited_too() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        // Started before anybody can have limited the shell; what is beyond the limit would fill a small disk.
        let script = format!("yes > {} & wait", file.display());
        run(shell(&script), Duration::from_secs(60), &directory.path().join("log")).unwrap();
        assert!(std::fs::metadata(&file).unwrap().len() <= MAX_FILE);
    }

    #[test]
    fn a_missing_program_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let result = run(Command::new("/no/such/cc"), Duration::from_secs(1), &directory.path().join("log"));
        assert!(result.err().unwrap().to_string().starts_with("cannot run `/no/such/cc`: "));
    }
}
