//! Runs one program to its end, within a time limit, with what it prints kept. The program leads a process group of
//! its own, so that everything it started ends with it.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

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

/// How a program ended.
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    /// What it printed to either stream.
    pub(crate) output: String,
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
    let timed_out = std::thread::scope(|scope| {
        let (finished, watched) = mpsc::channel::<()>();
        let watchdog = scope.spawn(move || {
            let late = watched.recv_timeout(limit) == Err(RecvTimeoutError::Timeout);
            if late {
                // The only way to fail is that the group is gone already.
                let _ = kill_process_group(group, Signal::KILL);
            }
            late
        });
        // The child stays a zombie until the watchdog has ended: its id cannot become somebody else's meanwhile.
        let ended =
            rustix::io::retry_on_intr(|| waitid(WaitId::Pid(group), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT));
        drop(finished);
        let late = watchdog.join().unwrap_or(false);
        ended.map(|_| late)
    });
    let status = child.wait().map_err(fail)?;
    if timed_out.map_err(|errno| fail(errno.into()))? {
        return Err(ProcessError::TimedOut { command: line, limit });
    }
    let output = std::fs::read(log).map_err(fail)?;
    Ok(Finished { status, output: String::from_utf8_lossy(&output).into_owned() })
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
        let started = std::time::Instant::now();
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
    fn a_missing_program_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let result = run(Command::new("/no/such/cc"), Duration::from_secs(1), &directory.path().join("log"));
        assert!(result.err().unwrap().to_string().starts_with("cannot run `/no/such/cc`: "));
    }
}
