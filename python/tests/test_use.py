"""How saltus is chosen, and what happens where something is missing."""

import os
import subprocess
import sys

SCRIPT = """
import sys
from brian2 import *
cells = NeuronGroup(10, "dv/dt = (1.5 - v)/(10*ms) : 1", threshold="v > 1", reset="v = 0", method="exact")
spikes = SpikeMonitor(cells)
run(50*ms)
print(prefs.codegen.target, spikes.num_spikes, sys.argv[1:], type(cells.state_updater.codeobj).__name__)
"""


def python(*arguments, **environment):
    run = subprocess.run(
        [sys.executable, *map(str, arguments)], capture_output=True, text=True, env={**os.environ, **environment}
    )
    return run.returncode, run.stdout, run.stderr


def test_an_unchanged_script_runs(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    code, said, errors = python("-m", "saltus", script, "one", "two")
    assert code == 0, errors
    assert said.split("\n")[0] == "saltus 40 ['one', 'two'] SaltusCodeObject"


def test_importing_auto_chooses_it(tmp_path):
    code, said, errors = python("-c", "import saltus.auto\n" + SCRIPT)
    assert code == 0 and said.startswith("saltus 40"), errors


def test_without_a_script_it_says_how(tmp_path):
    code, said, _ = python("-m", "saltus")
    assert code == 2 and said.startswith("usage: python -m saltus SCRIPT")


def test_without_a_compiler_it_runs_and_says_so_once(tmp_path):
    code, said, errors = python(
        "-c",
        "import saltus.auto\n" + SCRIPT.replace("cells =", "prefs.codegen.runtime.saltus.tier = 'compiled'\ncells ="),
        PATH="",
        SALTUS_CACHE_DIR=str(tmp_path),
    )
    assert code == 0 and said.startswith("saltus 40"), errors
    assert errors.count("no C compiler") == 1, errors


def test_what_was_chosen_before_comes_back():
    from brian2 import prefs

    import saltus

    saltus.deactivate()
    assert prefs.codegen.target == "auto" and not saltus.is_active()
    saltus.activate()
    assert saltus.is_active()


def test_other_releases_are_refused():
    code, _, errors = python("-c", "import brian2; brian2.__version__ = '2.9.0'; import saltus; saltus.activate()")
    assert code == 1 and "saltus needs Brian2 2.10 or later, and this is 2.9.0" in errors
