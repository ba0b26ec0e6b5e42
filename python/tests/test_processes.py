"""Signals, threads, processes, logs and reports around a run: as with Brian2's own targets."""

import os
import select
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
from brian2 import (
    Clock,
    Network,
    NeuronGroup,
    SpikeMonitor,
    StateMonitor,
    Synapses,
    defaultclock,
    ms,
    network_operation,
    prefs,
    run,
    second,
    start_scope,
)

#: Longer than anything here takes, on any machine; nobody waits so long unless something hangs.
LONG = 300

TARGETS = ("saltus", "numpy")


def choose(target):
    prefs.codegen.target = prefs.codegen.string_expression_target = target


def python(directory, text, *arguments, **environment):
    """Runs a script; what it prints and what it says."""
    script = directory / "script.py"
    script.write_text(text)
    ended = subprocess.run(
        [sys.executable, str(script), *arguments],
        capture_output=True,
        text=True,
        timeout=LONG,
        env={**os.environ, "SALTUS_CACHE_DIR": str(directory / "store"), **environment},
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout, ended.stderr


def model(name="cells", n=6, clock=None):
    """A small network that does a bit of everything."""
    clock = defaultclock if clock is None else clock
    cells = NeuronGroup(
        n,
        "dv/dt = (1.2 - v)/(5*ms) : 1 (unless refractory)",
        threshold="v > 1",
        reset="v = 0",
        refractory=1 * ms,
        method="exact",
        name=name,
        clock=clock,
    )
    cells.v = "i*0.1"
    synapses = Synapses(cells, cells, "w : 1", on_pre="v_post += w", name=f"{name}_synapses", clock=clock)
    synapses.connect(j="i")
    synapses.w = 0.01
    states = StateMonitor(cells, "v", record=True, name=f"{name}_states")
    spikes = SpikeMonitor(cells, name=f"{name}_spikes")
    cells.run_regularly("v *= 0.99", dt=1 * ms, name=f"{name}_regular")
    return Network(cells, synapses, states, spikes), states, spikes


# Reports and profiles.


@pytest.mark.parametrize("when", ["start", "resets", "end"])
def test_an_interrupt_ends_a_run_after_its_step(when):
    seen = []
    for target in TARGETS:
        choose(target)
        network, states, spikes = model()

        @network_operation(when=when)
        def interrupt(t):
            if t >= 2 * ms:
                signal.raise_signal(signal.SIGINT)

        network.add(interrupt)
        network.run(10 * ms)
        assert 2 * ms <= network.t < 2.2 * ms
        seen.append((float(network.t), len(states.t), spikes.num_spikes))
        network.remove(interrupt)
        network.run(1 * ms)
        assert len(states.t) > seen[-1][1]
    assert seen[0] == seen[1]


@pytest.mark.parametrize("report", ["text", "stdout", "stderr"])
def test_progress_is_reported_as_text(capfd, report):
    network, _, _ = model()
    network.run(2 * ms, report=report)
    said, errors = capfd.readouterr()
    text = errors if report == "stderr" else said
    assert text.startswith("Starting simulation at t=0. s for a duration of 2. ms") and "(100%)" in text


def test_progress_is_reported_to_a_function():
    told = []
    network, _, _ = model()
    network.run(2 * ms, report=lambda *what: told.append(what), report_period=0 * second)
    done = [completed for _, completed, _, _ in told]
    assert done[0] == 0 and done[-1] == 1 and done == sorted(done)
    assert all(start == 0 * second and duration == 2 * ms for _, _, start, duration in told)


def test_profiles_name_the_objects_that_others_name():
    named = []
    for target in TARGETS:
        choose(target)
        network, _, _ = model()
        network.run(2 * ms, profile=True)
        named.append(sorted(name for name, _ in network.profiling_info))
        assert all(took >= 0 * second for _, took in network.profiling_info)
        assert all(name in str(network_summary(network)) for name in named[-1])
    assert named[0] == named[1] and "cells_stateupdater" in named[0]


def network_summary(network):
    from brian2 import profiling_summary

    return profiling_summary(network)


# Waiting for a compiler.

#: A compiler that says that it was called, and never comes to an end before it is let go.
STUCK = """#!/bin/sh
[ -e "{gone}" ] && exit 1
echo called > "{calls}"
read word < "{leave}"
exit 1
"""

WAITS = """
import sys
import saltus.auto
from brian2 import *
prefs.codegen.runtime.saltus.compiler = sys.argv[1]
prefs.codegen.runtime.saltus.tier = "compiled"
prefs.core.stop_on_keyboard_interrupt = sys.argv[2] == "gently"
cells = NeuronGroup(3, "dv/dt = -v/(10*ms) : 1", method="euler")
try:
    run(10*ms)
    print("stopped after", float(defaultclock.t_[:]))
except KeyboardInterrupt:
    print("interrupted at", float(defaultclock.t_[:]))
sys.stdout.flush()
"""


def is_interrupted(process):
    """Whether a process ends, though it may be deaf at first."""
    for _ in range(LONG):
        process.send_signal(signal.SIGINT)
        try:
            process.wait(1)
            return True
        except subprocess.TimeoutExpired:
            continue
    return False


@pytest.mark.parametrize(
    "way, ending, expected",
    [
        ("gently", "let go", "stopped after 0.0001"),
        ("at once", "let go", "interrupted at 0.0"),
        ("gently", "interrupted", "stopped after 0.0001"),
    ],
)
def test_an_interrupt_ends_the_wait_for_a_compiler(tmp_path, way, ending, expected):
    places = {name: str(tmp_path / name) for name in ("gone", "calls", "leave")}
    os.mkfifo(places["calls"])
    os.mkfifo(places["leave"])
    compiler, script = tmp_path / "stuck-cc", tmp_path / "script.py"
    compiler.write_text(STUCK.format(**places))
    compiler.chmod(0o755)
    script.write_text(WAITS)
    calls, leave = (os.open(places[name], os.O_RDWR) for name in ("calls", "leave"))

    def let_go():
        (tmp_path / "gone").touch()
        os.write(leave, b"now\n" * 64)

    environment = {**os.environ, "SALTUS_CACHE_DIR": str(tmp_path / "store")}
    process = subprocess.Popen(
        [sys.executable, str(script), str(compiler), way], stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        assert select.select([calls], [], [], LONG)[0], "the compiler was not called"
        process.send_signal(signal.SIGINT)
        assert select.select([process.stdout], [], [], LONG)[0], "the interrupt was not heard"
        assert process.stdout.readline().strip() == expected
        # What was begun is finished before the process ends, unless there is another interrupt.
        if ending == "let go":
            let_go()
            assert process.wait(LONG) == 0
        else:
            assert is_interrupted(process)
    finally:
        let_go()
        process.kill()
        process.wait()
        process.stdout.close()
        os.close(calls)
        os.close(leave)


def test_kernels_are_there_for_the_next_process_though_a_run_was_short(tmp_path):
    text = """
import saltus.auto
from brian2 import *
cells = NeuronGroup(3, "dv/dt = -v/(10*ms) : 1", method="euler")
run(defaultclock.dt)
"""
    python(tmp_path, text)
    kernels = list((tmp_path / "store").glob("v1/*/*/*.kernel"))
    if python(tmp_path, "import shutil; print(any(map(shutil.which, ('cc', 'gcc', 'clang'))))")[0].strip() == "True":
        assert len(kernels) == 1


# Logs.

WARNED = """
import saltus.auto
from brian2 import *
{before}
cells = NeuronGroup(10, "dv/dt = (1.5 - v)/(10*ms) : 1", threshold="v > 1", reset="v = 0", method="exact")
{run}
print(cells.v[0].hex())
"""

RUNS_TWICE = "run(5*ms)\nstart_scope()\nagain = NeuronGroup(3, 'dv/dt = -v/second : 1', method='euler')\nrun(5*ms)"

#: What is done before a run without a compiler and for it, and how often its warning is on the terminal.
LOGS = {
    "as it comes": ("", RUNS_TWICE, 1),
    "hierarchy suppressed": ("BrianLogger.suppress_hierarchy('saltus')", RUNS_TWICE, 0),
    "name suppressed": ("BrianLogger.suppress_name('engine')", RUNS_TWICE, 0),
    "level": ("BrianLogger.log_level_error()", RUNS_TWICE, 0),
    "caught": (
        "from brian2.utils.logger import catch_logs",
        "import saltus.processes\n"
        "with catch_logs(only_from=['saltus']) as logs:\n    run(5*ms)\n    saltus.processes.finish()\n"
        "assert [(level, name) for level, name, _ in logs] == [('WARNING', 'saltus.engine')], logs",
        0,
    ),
    "waited for": ("prefs.codegen.runtime.saltus.tier = 'compiled'", RUNS_TWICE, 1),
}


@pytest.fixture(scope="module")
def with_a_compiler(tmp_path_factory):
    """What the script prints, to the bit."""
    return python(tmp_path_factory.mktemp("with"), WARNED.format(before="", run="run(5*ms)"))[0]


@pytest.mark.parametrize("how", LOGS)
def test_without_a_compiler_the_interpreter_runs_and_one_warning_says_so(tmp_path, with_a_compiler, how):
    before, runs, count = LOGS[how]
    said, errors = python(tmp_path, WARNED.format(before=before, run=runs), PATH="")
    assert errors.count("no C compiler") == count, errors
    assert errors.count("[saltus.engine]") == count, errors
    assert said == with_a_compiler


# Threads.


def test_threads_of_python_go_on_while_a_kernel_runs():
    """One that gets the interpreter only if it is let go, since nobody is made to."""

    def is_let_go(n, calls):
        start_scope()
        cells = NeuronGroup(n, "dv/dt = (sin(v) - exp(-v**2))/(10*ms) : 1", method="rk4")
        network = Network(cells)
        network.run(defaultclock.dt)
        step, ready, gate, passed = cells.state_updater.codeobj, threading.Event(), threading.Lock(), threading.Event()

        def wait():
            ready.set()
            with gate:
                passed.set()

        interval = sys.getswitchinterval()
        with gate:
            thread = threading.Thread(target=wait)
            thread.start()
            ready.wait()
            sys.setswitchinterval(1000)
        try:
            for _ in range(calls):
                step()
                if passed.is_set():
                    break
            return passed.is_set()
        finally:
            sys.setswitchinterval(interval)
            thread.join()

    # Short ones are not worth it.
    assert not is_let_go(1, 100)
    assert is_let_go(300_000, 1000)


def test_networks_run_in_threads_at_once():
    """Each with a clock of its own, since a clock is where its network is."""
    expected = []
    for k in range(2):
        network, states, spikes = model(f"alone{k}", n=4 + k)
        network.run(20 * ms)
        expected.append((np.array(states.v[:]), np.array(spikes.t_[:])))
    built = [model(f"together{k}", n=4 + k, clock=Clock(0.1 * ms)) for k in range(2)]
    together, faults = threading.Barrier(2, timeout=LONG), []

    def go(network):
        try:
            together.wait()
            network.run(20 * ms)
        except Exception as fault:
            faults.append(fault)

    threads = [threading.Thread(target=go, args=(network,)) for network, _, _ in built]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert not faults and not any(thread.is_alive() for thread in threads), faults
    for (_, states, spikes), (values, times) in zip(built, expected):
        assert np.array_equal(states.v[:], values) and np.array_equal(spikes.t_[:], times)


def test_code_that_calls_python_can_be_looked_at_meanwhile():
    """By another thread and by the one that is called, which is told that it cannot run it."""
    from brian2 import BrianObjectException, check_units, implementation

    import saltus

    look, seen = saltus.introspector(), []

    @implementation("numpy", discard_units=True)
    @check_units(x=1, result=1)
    def watched(x):
        thread = threading.Thread(target=lambda: seen.append(look.list("watching_stateupdater*")))
        thread.start()
        seen.append(look.list("watching_stateupdater*"))
        with pytest.raises(BrianObjectException) as told:
            cells.state_updater.codeobj()
        assert "cannot use the code that calls it" in str(told.value.__cause__)
        # The other one waits for the code, and this one for nobody.
        threads.append(thread)
        return x + 1

    threads = []
    cells = NeuronGroup(2, "dv/dt = watched(v)/ms : 1", method="euler", name="watching")
    Network(cells).run(2 * defaultclock.dt, namespace={"watched": watched})
    for thread in threads:
        thread.join(LONG)
    assert [len(table) for table in seen] == [1] * 4


# Processes.

WORKERS = """
import sys
import saltus.auto
from brian2 import *
BrianLogger.log_level_error()

def simulate(seed_):
    # Where a worker gets the function only, not the script, it has Brian2's own preferences.
    saltus.activate()
    start_scope()
    seed(seed_)
    model = "dv/dt = (1.2 - v)/(5*ms) + 0.1*xi/sqrt(ms) : 1"
    cells = NeuronGroup(50, model, threshold="v > 1", reset="v = 0", method="euler")
    cells.v = "rand()"
    spikes = SpikeMonitor(cells)
    run(20*ms)
    assert type(cells.state_updater.codeobj).__name__ == "SaltusCodeObject"
    return cells.v[:].tolist(), spikes.i[:].tolist()

if __name__ == "__main__":
    how, seeds = sys.argv[1], [1, 2, 3, 4]
    prefs.codegen.runtime.saltus.threads = 2
    # The first one runs before the others are started, and its kernels may be on their way.
    expected = [simulate(seeds[0])]
    if how == "loky" or how == "threading":
        import joblib
        found = joblib.Parallel(n_jobs=2, backend=how)(joblib.delayed(simulate)(s) for s in seeds)
    elif how == "process":
        import multiprocessing
        context, ends = multiprocessing.get_context("fork"), []
        for seed_ in seeds:
            mine, other = context.Pipe()
            worker = context.Process(target=lambda: other.send(simulate(seed_)))
            worker.start()
            ends.append(mine.recv())
            worker.join()
            assert worker.exitcode == 0
        found = ends
    else:
        import multiprocessing
        with multiprocessing.get_context(how).Pool(2) as pool:
            found = pool.map(simulate, seeds, 1)
    expected += [simulate(s) for s in seeds[1:]]
    assert found == expected
    print("equal")
"""


@pytest.mark.parametrize("how", ["fork", "spawn", "forkserver", "process", "loky"])
def test_workers_compute_the_same(tmp_path, how):
    if how == "loky":
        pytest.importorskip("joblib")
    said, _ = python(tmp_path, WORKERS, how, MPLBACKEND="Agg")
    assert said.strip() == "equal"


FORKS = """
import os, sys
import saltus.auto
from brian2 import *
BrianLogger.log_level_error()
cells = NeuronGroup(4, "dv/dt = (i*0.3 - v)/(5*ms) : 1", threshold="v > 0.5", reset="v = 0", method="euler")
spikes = SpikeMonitor(cells)
forked, steps = [], []

@network_operation
def fork():
    steps.append(None)
    # At the first steps kernels are on their way, later they are there.
    if len(steps) in (1, 4, 50):
        child = os.fork()
        forked[:] = [*forked, child] if child else []

run(10*ms)
# At once, since others write to the same pipe.
os.write(1, f"{spikes.num_spikes} {cells.v[3].hex()}\\n".encode())
for child in forked:
    assert os.waitpid(child, 0)[1] == 0
"""


def test_a_run_goes_on_in_a_process_that_was_forked_off(tmp_path):
    said, _ = python(tmp_path, FORKS)
    lines = said.split("\n")[:-1]
    assert len(lines) == 8 and len(set(lines)) == 1, said


# Preferences.


@pytest.fixture
def own():
    own = prefs.codegen.runtime.saltus
    before = {name: prefs[f"codegen.runtime.saltus.{name}"] for name in ("cache_dir", "compiler", "tier", "threads")}
    yield own
    for name, value in before.items():
        prefs[f"codegen.runtime.saltus.{name}"] = value


def state_update(n=3, rate=7):
    """Runs a step and returns what ran it, and the values it gave."""
    start_scope()
    cells = NeuronGroup(n, f"dv/dt = (sin({rate}*v) - v)/(10*ms) : 1", method="rk4")
    cells.v = "i*0.001"
    network = Network(cells)
    network.run(3 * defaultclock.dt)
    return cells.state_updater.codeobj.kernels()[0].runs_on(), np.array(cells.v[:])


def test_preferences_hold_from_the_next_run_on(tmp_path, own):
    log, wrapper = tmp_path / "log", tmp_path / "wrapper"
    wrapper.write_text(f'#!/bin/sh\necho called >> "{log}"\nexec cc "$@"\n')
    wrapper.chmod(0o755)
    own.cache_dir, own.tier = str(tmp_path / "first"), "interpreter"
    runs_on, expected = state_update()
    assert runs_on == "interpreter" and not (tmp_path / "first").exists()
    own.tier = "compiled"
    compiled, values = state_update()
    assert np.array_equal(values, expected)
    if compiled == "interpreter":
        pytest.skip("no compiler")
    assert list((tmp_path / "first").glob("v1/*/*/*.kernel"))
    own.cache_dir, own.compiler = str(tmp_path / "second"), str(wrapper)
    runs_on, values = state_update()
    assert np.array_equal(values, expected) and runs_on not in ("interpreter", compiled)
    assert log.exists() and list((tmp_path / "second").glob("v1/*/*/*.kernel"))
    own.compiler = None
    assert np.array_equal(state_update()[1], expected)


def test_threads_change_no_bit(own):
    found = []
    for threads in (1, 2):
        own.threads = threads
        found.append(state_update(200_000)[1])
    assert np.array_equal(*found)


@pytest.mark.parametrize(
    "compiler, hint", [("no-such-compiler", "there is no such program"), ("true", "names the compiler")]
)
def test_a_compiler_that_is_none_is_told_by_its_preference(tmp_path, own, compiler, hint):
    own.cache_dir, own.tier, own.compiler = str(tmp_path), "compiled", compiler
    with pytest.raises(Exception) as told:
        state_update(rate=11)
    messages, cause = [], told.value
    while cause is not None:
        messages.append(str(cause))
        cause = cause.__cause__
    assert any("codegen.runtime.saltus.compiler" in text and hint in text for text in messages), messages


@pytest.mark.parametrize(
    "name, values, hint",
    [
        ("tier", ["fast", None, 3, []], "one of 'auto', 'compiled', 'interpreter'"),
        ("threads", [0, -1, 1.5, "2", None, True, 10**9], "a whole number from 1 to 1024"),
        ("compiler", ["", 3, ["gcc"]], "a name such as 'clang' or a path as text"),
        ("cache_dir", ["", 3, b"/tmp"], "a path as text"),
    ],
)
def test_values_that_are_wrong_are_refused_with_a_hint(own, name, values, hint):
    from brian2.core.preferences import PreferenceError

    for value in values:
        before = prefs[f"codegen.runtime.saltus.{name}"]
        with pytest.raises(PreferenceError, match="is invalid") as told:
            setattr(own, name, value)
        assert hint in str(told.value) and f"codegen.runtime.saltus.{name}" in str(told.value)
        assert prefs[f"codegen.runtime.saltus.{name}"] == before
