"""Brian2's own example scripts compute on saltus what they compute on its Cython target.

The scripts come from the source distribution of the release that is installed; where that cannot be had, nothing is
tested. Cython compiles for minutes: but for a few, examples run with ``SALTUS_LONG=1`` only. It compiles without
``-ffast-math`` and without contraction, into a directory of its own. What is left to differ are the elementary
functions, by a rounding; where a model makes much of that, it is also run with ours on Cython.
"""

import concurrent.futures
import fnmatch
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile
from typing import NamedTuple

import brian2
import numpy as np
import pytest

TESTS = pathlib.Path(__file__).resolve().parent
ROOT = TESTS.parents[1]


class Example(NamedTuple):
    """A script, how it is run, and how its arrays are compared."""

    script: str
    #: Drawn numbers start with this seed.
    seed: int | None = None
    #: No run lasts longer than this, in milliseconds.
    longest: float | None = None
    #: Only what monitors recorded before this time is compared, in milliseconds.
    until: float | None = None
    #: How far values may be from those of Cython, in parts of the largest one of the array.
    within: float = 1e-9
    #: The same for arrays whose names fit a pattern.
    but: dict = {}
    #: Whether Cython calls the elementary functions that saltus has in its kernels, and not those of the library of
    #: C: then the numbers are the same, to the bit.
    functions: bool = False
    #: Whether it runs always.
    cheap: bool = False
    #: What it says when it fails after its last run, on any target.
    ends: str = ""


# The capacitive current of a cable is the difference of two potentials that are nearly equal, divided by the time
# step: a rounding of one of them is as much as this of what is left when the cell has come to rest.
AT_REST = {"* SpatialNeuron *.Ic": 1e-5}

EXAMPLES = [
    Example("IF_curve_LIF.py", cheap=True),
    Example("phase_locking.py", seed=1, cheap=True),
    # One rounding of the first potential moves the last values of some cells, on either target, by more than 1e-9.
    Example("IF_curve_Hodgkin_Huxley.py", but={"* NeuronGroup *": 1e-7}),
    Example("IF_curve_Hodgkin_Huxley.py", functions=True),
    Example("synapses/gapjunctions.py"),
    Example("synapses/nonlinear.py"),
    Example("synapses/continuous_interaction.py"),
    Example("compartmental/bipolar_cell.py"),
    Example("compartmental/bipolar_with_inputs.py"),
    Example("compartmental/bipolar_with_inputs2.py"),
    Example("compartmental/hodgkin_huxley_1952.py", but=AT_REST),
    Example("compartmental/hodgkin_huxley_1952.py", functions=True),
    Example("compartmental/cylinder.py"),
    Example("compartmental/rall.py"),
    Example("compartmental/infinite_cable.py"),
    Example("compartmental/hh_with_spikes.py"),
    Example("compartmental/lfp.py", but=AT_REST),
    Example("compartmental/lfp.py", functions=True),
    Example("compartmental/spike_initiation.py"),
    Example("frompapers/Brette_Gerstner_2005.py"),
    # The last of its eight patterns is a chaotic one: a rounding of `exp` is seen from 311 ms on.
    Example("frompapers/Naud_et_al_2008_adex_firing_patterns.py", until=250),
    Example("frompapers/Naud_et_al_2008_adex_firing_patterns.py", functions=True),
    Example("frompapers/Hindmarsh_Rose_1984.py"),
    Example("frompapers/Touboul_Brette_2008.py"),
    Example("frompapers/Tsodyks_Pawelzik_Markram_1998.py"),
    # What follows draws random numbers: the same ones on both targets, so that spikes are the same to the end.
    Example("CUBA.py", seed=1),
    Example("COBAHH.py", seed=1),
    Example("synapses/synapses.py", seed=1),
    Example("adaptive_threshold.py", seed=1),
    Example("coupled_oscillators.py", seed=1, ends="x must be a sequence"),
    Example("advanced/custom_events.py", seed=1),
    # It takes steps of down to 5 µs, for one second in each of its runs.
    Example("advanced/stochastic_odes.py", seed=1, longest=200),
    Example("frompapers/Izhikevich_2003.py", seed=1),
    Example("frompapers/Izhikevich_2007.py", seed=1),
    Example("frompapers/Stimberg_et_al_2018/example_1_COBA.py", seed=1, ends="has no attribute 'in1d'"),
]


@pytest.fixture(scope="session")
def examples():
    """The directory of the scripts of the release that is installed."""
    place = ROOT / "target" / f"brian2-examples-{brian2.__version__}"
    if not place.is_dir():
        place.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
            fetch(pathlib.Path(scratch), place)
    return place


def fetch(scratch, place):
    """Takes the scripts out of Brian2's source distribution."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--retries", "1"]
    wanted = ["--no-deps", "--no-binary", "brian2", f"brian2=={brian2.__version__}"]
    run = subprocess.run([*pip, "download", "--dest", scratch, *wanted], capture_output=True, text=True)
    archives = list(scratch.glob("brian2-*.tar.gz"))
    if run.returncode != 0 or not archives:
        reason = ([line for line in run.stderr.splitlines() if "ERROR" in line] or ["pip said nothing"])[-1]
        pytest.skip(f"the examples of Brian2 {brian2.__version__} cannot be had: {reason}")
    with tarfile.open(archives[0]) as archive:
        chosen = [member for member in archive if "/examples/" in member.name]
        archive.extractall(scratch, chosen, filter="data")
    found = next(scratch.glob("*/examples"), None)
    if found is None:
        pytest.skip(f"the source distribution of Brian2 {brian2.__version__} has no examples")
    try:
        found.rename(place)
    except OSError:
        # Another process was first.
        assert place.is_dir()


@pytest.fixture(scope="session")
def caches(tmp_path_factory):
    """Where each target keeps what it compiles: empty at first."""
    return {target: tmp_path_factory.mktemp(target) for target in ("cython", "saltus")}


#: The functions of the library of C that Brian2's code calls, by the names they have here.
FUNCTIONS = {
    **{name: name for name in "exp expm1 log log10 log1p sin cos tan sinh cosh tanh".split()},
    **{"asin": "arcsin", "acos": "arccos", "atan": "arctan"},
}

#: Powers with small whole exponents are products in our kernels.
POWER = """
double pow(double x, double y) {
    const int n = y < 0.0 ? (int)-y : (int)y;
    if (y == 0.5) return saltus_sqrt(x);
    if (n > 16 || (double)n != saltus_abs(y)) return saltus_pow(x, y);
    double square = x, product = 1.0;
    for (int rest = n; rest; rest >>= 1) {
        if (rest & 1) product = product * square;
        square = square * square;
    }
    return y < 0.0 ? 1.0 / product : product;
}
double saltus_exprel_of_kernels(double x) { return saltus_exprel(x); }
"""


@pytest.fixture(scope="session")
def functions(tmp_path_factory):
    """A library with the elementary functions of our kernels, under the names that those of C have."""
    templates, place = ROOT / "templates" / "c", tmp_path_factory.mktemp("functions")
    parts = ["#include <stdint.h>\ntypedef int64_t i64; typedef uint64_t u64; typedef int32_t i32;\n"]
    parts += [(templates / "operators" / f"{name}.h").read_text() for name in ("bits", "float", "abs", "sqrt")]
    names = ("INVERSE_TWO_PI", "exprel", "pow", *FUNCTIONS.values())
    parts += [(templates / "maths" / f"{name}.h").read_text() for name in names]
    parts += [f"double {c}(double x) {{ return saltus_{ours}(x); }}\n" for c, ours in FUNCTIONS.items()]
    source, library = place / "functions.c", place / "functions.so"
    source.write_text("".join([*parts, POWER]))
    flags = ["-O2", "-ffp-contract=off", "-fno-builtin", "-w", "-shared", "-fPIC"]
    subprocess.run(["cc", *flags, source, "-o", library], check=True)
    return library


class Results(NamedTuple):
    """What a script computed: arrays by name, code objects by kind, and what it said if it failed."""

    arrays: dict
    code: dict
    ended: str


def run(example, target, examples, results, cache, functions):
    """Runs a script on a target in a process of its own."""
    script = examples / example.script
    job = {"script": str(script), "target": target, "results": str(results), "cache": str(cache)}
    job |= {"seed": example.seed, "longest": example.longest, "functions": functions is not None}
    environment = dict(os.environ, MPLBACKEND="Agg")
    if functions is not None:
        environment["LD_PRELOAD"] = str(functions)
    command = [sys.executable, "-X", "faulthandler", TESTS / "record_script.py", json.dumps(job)]
    ran = subprocess.run(command, cwd=script.parent, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, f"{example.script} on {target} ended with {ran.returncode}:\n{ran.stderr[-4000:]}"
    with np.load(results) as found:
        arrays = {name: found[name] for name in found}
    told = json.loads(str(arrays.pop("told")))
    return Results(arrays, told["code"], told["ended"])


def before(arrays, until):
    """What monitors recorded before a time, in seconds."""
    cut = {}
    for name, values in arrays.items():
        owner, _, variable = name.rpartition(".")
        times = arrays.get(f"{owner}.t")
        if times is not None and values.shape[:1] == times.shape and variable not in ("N", "count"):
            cut[name] = values[times < until]
    return cut


def difference(ours, theirs):
    """The largest difference in parts of the largest value; infinite where one is a number and the other is none."""
    if ours.shape != theirs.shape:
        return np.inf
    same = (ours == theirs) | ((ours != ours) & (theirs != theirs))
    if same.all():
        return 0.0
    if ours.dtype.kind != "f" or not np.isfinite(ours[~same] - theirs[~same]).all():
        return np.inf
    largest = np.max(np.abs(theirs[np.isfinite(theirs)]))
    return float(np.max(np.abs(ours - theirs)[~same]) / largest) if largest else np.inf


def allowed(example, name):
    """How far apart the values of an array may be."""
    if example.functions or name.endswith((".t", ".lastspike")):
        return 0.0
    fit = (within for pattern, within in example.but.items() if fnmatch.fnmatchcase(name, pattern))
    return next(fit, example.within)


def identity(example):
    return example.script.removesuffix(".py") + (", our functions" if example.functions else "")


@pytest.mark.parametrize("example", EXAMPLES, ids=identity)
def test_examples_compute_what_cython_computes(example, request, examples, caches, tmp_path):
    if not example.cheap and not os.environ.get("SALTUS_LONG"):
        pytest.skip("Cython compiles for long; with SALTUS_LONG=1 this runs")
    given = {"cython": request.getfixturevalue("functions") if example.functions else None, "saltus": None}
    with concurrent.futures.ThreadPoolExecutor() as pool:
        ran = {
            target: pool.submit(run, example, target, examples, tmp_path / f"{target}.npz", cache, given[target])
            for target, cache in caches.items()
        }
        ours, theirs = ran["saltus"].result(), ran["cython"].result()
    assert ours.ended == theirs.ended
    if ours.ended.startswith("ModuleNotFoundError"):
        pytest.skip(f"the script needs a library that is missing: {ours.ended}")
    assert not ours.ended or (example.ends and example.ends in ours.ended), ours.ended
    # Each ran all of a network on its own target; texts in assignments are NumPy's on both.
    assert ours.code.pop("SaltusCodeObject") == theirs.code.pop("CythonCodeObject") > 0
    assert ours.code == theirs.code and set(ours.code) <= {"NumpyCodeObject"}
    arrays = [ours.arrays, theirs.arrays]
    if example.until is not None:
        arrays = [before(one, example.until / 1000) for one in arrays]
    assert arrays[0].keys() == arrays[1].keys() and sum(values.size for values in arrays[1].values()) > 0
    apart = {name: difference(values, arrays[1][name]) for name, values in arrays[0].items()}
    largest = max(apart, key=apart.get)
    print(f"{identity(example)}: {len(apart)} arrays, at most {apart[largest]:.1e} apart: {largest}")
    wrong = {name: apart for name, apart in apart.items() if apart > allowed(example, name)}
    assert not wrong, f"{example.script}: differs from Cython by these parts of the largest value: {wrong}"


@pytest.mark.parametrize(
    ("ours", "theirs", "apart"),
    [
        ([1.0, np.nan, np.inf], [1.0, np.nan, np.inf], 0.0),
        ([1.0, -4.0], [1.0, -4.5], 0.5 / 4.5),
        ([0.0, 1e-300], [0.0, 0.0], np.inf),
        ([np.nan, 1.0], [0.0, 1.0], np.inf),
        ([np.inf, 1.0], [-np.inf, 1.0], np.inf),
        ([1, 2], [1, 3], np.inf),
        ([True, False], [True, True], np.inf),
        ([1.0, 2.0], [1.0], np.inf),
        ([], [], 0.0),
    ],
)
def test_differences_are_seen(ours, theirs, apart):
    assert difference(np.array(ours), np.array(theirs)) == apart


def test_what_comes_later_is_left_out():
    states = {"0 A a.t": np.arange(3.0), "0 A a.v": np.zeros((3, 2)), "0 A a.N": np.zeros(1), "1 B b.v": np.ones(3)}
    assert {name: values.shape for name, values in before(states, 2).items()} == {"0 A a.t": (2,), "0 A a.v": (2, 2)}
