"""Functions that a script defines: in C++, in Python, with tables of their own."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from brian2 import (
    DEFAULT_FUNCTIONS,
    Function,
    Network,
    NeuronGroup,
    check_units,
    declare_types,
    defaultclock,
    implementation,
    ms,
    start_scope,
    volt,
)
from brian2.utils.logger import catch_logs

pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, ("c++", "g++", "clang++"))), reason="there is no C++ compiler here"
)


def function(called, code, python=None, arguments=1, **kwds):
    """A function of dimensionless numbers with this C++, and nothing in Python unless it is given."""

    def missing(*_):
        raise NotImplementedError(f"{called} in Python")

    given = python or missing
    made = Function(given, arg_units=[1] * arguments, return_unit=1, arg_types=["float"] * arguments, return_type="float")
    made.implementations.add_implementation("cpp", code, **kwds)
    return made


def computed(statements, steps=1, n=3, **namespace):
    """What `u` is after some steps of statements over elements whose `v` is their number."""
    start_scope()
    cells = NeuronGroup(n, "v : 1\nu : 1\nw : 1", namespace=namespace)
    cells.v = np.arange(n)
    cells.run_regularly(statements)
    Network(cells).run(steps * defaultclock.dt)
    return list(cells.u[:])


def numbered(name="numbered"):
    """Counts its calls, and tells the element."""
    made = Function(lambda k: k, arg_units=[], return_unit=1, auto_vectorise=True, stateless=False)
    code = f"double {name}(int _vectorisation_idx) {{ static int n = 0; return 100*_vectorisation_idx + n++; }}"
    made.implementations.add_implementation("cpp", code, name=name)
    return made


TABLE = np.array([1.0, 0.25, 4.0])

twice = function("twice", "double same(double x) { return 2*x; }", name="same")
thrice = function("thrice", "double same(double x) { return 3*x; }", name="same")
inner = function("inner", "double inner(double x) { return 10*x; }")
renamed = function("renamed", "double other_name(double x) { return x + 0.5; }", name="other_name")

CASES = {
    "plain": ("u = f(v)", {"f": function("f", "double f(double x) { return 2*x; }")}, [0, 2, 4]),
    "in an expression": ("u = 1 + f(v + 1)**2", {"f": function("f", "double f(double x) { return 2*x; }")}, [5, 17, 37]),
    "of constants": ("u = f(3.0)", {"f": function("f", "double f(double x) { return 2*x; }")}, [6, 6, 6]),
    "two arguments": ("u = f(v, 2*v)", {"f": function("f", "double f(double x, double y) { return x - y; }", arguments=2)}, [0, -1, -2]),
    "with a table": (
        "u = f(v)",
        {"f": function("f", "double f(double k) { return _namespacetab[(int)k]; }", namespace={"tab": TABLE})},
        [1, 0.25, 4],
    ),
    "with what it needs": (
        "u = f(v)",
        {"f": function("f", "double f(double x) { return inner(x) + 1; }", dependencies={"inner": inner})},
        [1, 11, 21],
    ),
    "that has another name": (
        "u = f(v)",
        {"f": function("f", "double f(double x) { return needed(x) + 1; }", dependencies={"needed": renamed})},
        [1.5, 2.5, 3.5],
    ),
    "with functions of Brian2": (
        "u = f(v)",
        {
            "f": function(
                "f",
                "double f(double x) { return clip(exprel(x), 0, 1.5) + arcsin(x/2); }",
                dependencies={name: DEFAULT_FUNCTIONS[name] for name in ("clip", "exprel", "arcsin")},
            )
        },
        [1, 1.5 + np.arcsin(0.5), 1.5 + np.arcsin(1)],
    ),
    "in blocks": (
        "u = f(v)",
        {"f": function("f", {"hashdefine_code": "#define BIAS 4", "support_code": "double f(double x) { return x + BIAS; }"})},
        [4, 5, 6],
    ),
    "with macros": ("u = f(v)", {"f": function("f", "double f(double x) { return x + BIAS; }", compiler_kwds={"define_macros": [("BIAS", "7")]})}, [7, 8, 9]),
    "in the order of a loop": ("u = f()\nu += 0.5*g()", {"f": numbered("first"), "g": numbered("second")}, [0, 151.5, 303]),
    "of a name that the library of C has": ("u = gamma(v)", {"gamma": function("gamma", "double gamma(double x) { return 2*x; }")}, [0, 2, 4]),
    "under two names": ("u = f(v) + g(v)", {"f": twice, "g": twice}, [0, 4, 8]),
    "of one name": ("u = f(v) + 10*g(v)", {"f": twice, "g": thrice}, [0, 32, 64]),
    "with what it needs of one name": (
        "u = f(v) + 100*same(v)",
        {
            "f": function(
                "f",
                "double f(double x) { return twice(x) + 10*same(x); }",
                dependencies={"twice": twice, "same": thrice},
            ),
            "same": twice,
        },
        [0, 232, 464],
    ),
    "under another name": ("u = g(v)", {"g": function("f", "double f(double x) { return 2*x; }", name="f")}, [0, 2, 4]),
}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_functions_in_cplusplus(case):
    statements, namespace, expected = CASES[case]
    np.testing.assert_allclose(computed(statements, **namespace), expected, rtol=1e-15)


def test_equal_names_may_have_different_bodies():
    once = computed("u = f(v)", f=function("f", "double f(double x) { return x + 1; }"))
    again = computed("u = f(v)", f=function("f", "double f(double x) { return x + 2; }"))
    assert (once, again) == ([1, 2, 3], [2, 3, 4])


def test_variables_of_cplusplus_go_on_in_the_next_run_and_are_each_code_s_own():
    start_scope()
    count = numbered("count")
    cells = [NeuronGroup(1, "u : 1", namespace={"count": count}) for _ in range(2)]
    for group in cells:
        group.run_regularly("u = count()")
    network = Network(cells)
    seen = []
    for _ in range(2):
        network.run(2 * defaultclock.dt)
        seen.append([float(group.u[0]) for group in cells])
    assert seen == [[1, 1], [3, 3]]


def test_types_are_those_that_are_declared():
    @implementation("cpp", "int f(int k, int twice) { return (twice ? 2 : 1)*(k/2); }")
    @declare_types(k="integer", twice="integer", result="integer")
    @check_units(k=1, twice=1, result=1)
    def f(k, twice):
        raise NotImplementedError

    assert computed("u = f(2*i + 1, int(i > 0))", f=f) == [0, 2, 4]


def test_arrays_are_shared_with_the_script():
    table = np.zeros(3)
    keep = function("keep", "double keep(double k) { return _namespacetab[(int)k] += k; }", namespace={"tab": table})
    computed("u = keep(v)", steps=2, keep=keep)
    assert list(table) == [0, 2, 4]


@pytest.mark.parametrize(
    "code, said",
    [
        ("double f(double x) { return missing_function(x); }", "f:1:29: error"),
        ("double f(double x) { return x", "f:1:"),
        (None, "there is no C++ for `f`"),
    ],
    ids=["unknown name", "half a function", "Python alone"],
)
def test_where_there_is_no_cplusplus_python_does_it_and_that_is_said_once(code, said):
    python = check_units(x=1, result=1)(lambda x: x + 1)
    f = python if code is None else function("f", code, python)
    with catch_logs(only_from=["saltus"]) as logs:
        assert computed("u = f(v)", steps=5, f=f) == [1, 2, 3]
    told = [text for level, name, text in logs if name.startswith("saltus.")]
    assert len(told) == 1 and said in told[0] and "'f'" in told[0]


def test_python_gets_numbers_without_units_in_the_place_of_cplusplus():
    python = check_units(x=volt, result=volt)(lambda x: x + 1)
    f = function("f", "double f(double x) { return missing_function(x); }", python)
    assert computed("u = f(v)", f=f) == [1, 2, 3]


def test_what_is_thrown_is_told():
    f = function("f", '#include <stdexcept>\ndouble f(double x) { throw std::runtime_error("too large"); }')
    with pytest.raises(Exception) as told:
        computed("u = f(v)", f=f)
    assert "the C++ function `f` threw: too large" in str(told.value.__cause__)


def test_unknown_keywords_are_refused():
    f = function("f", "double f(double x) { return x; }", compiler_kwds={"extra_flags": ["-O7"]})
    with pytest.raises(Exception) as told:
        computed("u = f(v)", f=f)
    assert "extra_flags" in str(told.value.__cause__)


SCRIPT = """
import saltus.auto
from brian2 import *

@implementation("cpp", "double f(double x) { return 3*x; }")
@check_units(x=1, result=1)
def f(x):
    raise NotImplementedError

cells = NeuronGroup(3, "u : 1")
cells.run_regularly("u = f(i)")
run(defaultclock.dt)
print(list(cells.u[:]))
"""


def test_code_in_the_store_needs_no_compiler(tmp_path):
    said = []
    for path in (os.environ["PATH"], ""):
        environment = {**os.environ, "PATH": path, "SALTUS_CACHE_DIR": str(tmp_path)}
        run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, env=environment)
        assert run.returncode == 0, run.stderr
        said.append(run.stdout)
    assert said[0] == said[1] and "6.0" in said[0]


def test_functions_in_synapses_and_conditions():
    from brian2 import SpikeGeneratorGroup, Synapses

    start_scope()
    above = function("above", "double above(double x) { return x > 0.5; }")
    grow = function("grow", "double grow(double x) { return x + 0.25; }")
    source = SpikeGeneratorGroup(2, [0, 1, 1], [0, 0, 1] * ms)
    cells = NeuronGroup(2, "v : 1", threshold="above(v) > 0", reset="v = 0", namespace={"above": above})
    synapses = Synapses(source, cells, "w : 1", on_pre="w = grow(w)\nv_post += w", namespace={"grow": grow})
    synapses.connect(j="i")
    network = Network(source, cells, synapses)
    network.run(2 * ms)
    assert list(synapses.w[:]) == [0.25, 0.5] and list(cells.v[:]) == [0.25, 0.0]
