"""Brian2's own tests with saltus as the target: none of them patched, deselected or satisfied by another target."""

import json
import os
import subprocess
import sys

RUN = """
import collections, json, os, sys
import brian2, pytest
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject
from brian2.codegen.runtime.cython_rt import CythonCodeObject
from saltus.activation import register
from saltus.target import SaltusCodeObject

register()
ran = collections.Counter()
skipped = collections.Counter()

def counted(cls):
    original = cls.__init__
    def init(self, *args, **kwds):
        ran[type(self).__name__] += 1
        original(self, *args, **kwds)
    cls.__init__ = init

for cls in (NumpyCodeObject, CythonCodeObject, SaltusCodeObject):
    counted(cls)

# What the suite skips says so in its own lines.
original = pytest.main
def main(args, plugins=None):
    class Skips:
        def pytest_runtest_logreport(self, report):
            if report.skipped and report.when in ("setup", "call"):
                path, line, reason = report.longrepr
                skipped[f"{os.path.basename(path)}:{line} {reason}"] += 1
            outcomes[report.outcome] += report.when == "call" or report.outcome != "passed"
    return original(args, plugins=[*(plugins or []), Skips()])
outcomes = collections.Counter()
pytest.main = main
good = brian2.test(["saltus"], test_codegen_independent=False, test_standalone=None, test_in_parallel=[],
                   long_tests=bool(os.environ.get("SALTUS_LONG")), reset_preferences=True,
                   fail_for_not_implemented=True, additional_args=["-q", "--tb=short"])
print()
print("RESULT", json.dumps({"good": bool(good), "ran": ran, "skipped": skipped, "outcomes": outcomes}))
"""

#: What Brian2 skips says one of these: another target, another system, or numbers that it knows for its own targets only
#: (`test_numbers.py` has those).
REASONS = ("numpy-only", "cython-only", "on windows", "not known for this configuration")


def test_brian2s_tests_pass(tmp_path):
    # Some tests start processes of their own, which know no target but Brian2's unless they are told.
    known = tmp_path / "known"
    known.mkdir()
    (known / "sitecustomize.py").write_text("from saltus.activation import register\n\nregister()\n")
    environment = dict(os.environ, MPLBACKEND="Agg", PYTHONPATH=str(known))
    run = subprocess.run([sys.executable, "-c", RUN], cwd=tmp_path, env=environment, capture_output=True, text=True)
    lines = [line for line in run.stdout.splitlines() if line.startswith("RESULT ")]
    assert lines, run.stdout[-4000:] + run.stderr[-4000:]
    result = json.loads(lines[-1].removeprefix("RESULT "))
    print("\n".join(f"{count} skipped: {what}" for what, count in sorted(result["skipped"].items())))
    print(result["outcomes"], result["ran"])
    assert result["good"], run.stdout[-8000:]
    assert result["outcomes"].get("failed", 0) == 0
    assert result["outcomes"]["passed"] > 250
    # Brian2's tests make one of another target on purpose.
    assert result["ran"]["SaltusCodeObject"] > 1000
    others = {name: count for name, count in result["ran"].items() if name != "SaltusCodeObject"}
    assert sum(others.values()) <= 2, others
    odd = [what for what in result["skipped"] if not any(word in what.lower() for word in REASONS)]
    assert not odd, odd
