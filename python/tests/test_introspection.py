"""What a script runs can be looked at, evaluated and changed."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from brian2 import (
    DimensionMismatchError,
    Network,
    NeuronGroup,
    Quantity,
    SpikeMonitor,
    StateMonitor,
    Synapses,
    TimedArray,
    check_units,
    defaultclock,
    implementation,
    mV,
    ms,
    nS,
    network_operation,
    prefs,
    run,
    seed,
    start_scope,
    second,
    volt,
)
from brian2.utils.logger import catch_logs

import saltus


@pytest.fixture
def own_store(tmp_path):
    """A store that nobody else uses, and kernels that are waited for."""
    own = prefs.codegen.runtime.saltus
    own.cache_dir, own.tier = str(tmp_path / "store"), "compiled"
    yield tmp_path / "store"
    own.cache_dir, own.tier, own.keep_sources = None, "auto", False


def counting(name="counting", n=3):
    return NeuronGroup(n, "dv/dt = 1/ms : 1", method="euler", name=name)


def faster(look, name="counting_stateupdater_codeobject", by="1.0"):
    """The source of a kernel, with something added to what it writes."""
    source, count = re.subn(r"(v\[_i\] = )(.*);", rf"\1\2 + {by};", look.source(name))
    assert count == 1, look.source(name)
    return source


class Tags(HTMLParser):
    """Whether each tag is closed, by which tags a page is made of."""

    def __init__(self, markup):
        super().__init__()
        self.open, self.seen = [], set()
        self.feed(markup)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.seen.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_code_is_listed_and_shown():
    g = 3 * nS
    cells = NeuronGroup(
        7, "dv/dt = (g/nS - v)/(7*ms) : 1", threshold="v > 1", reset="v = 0", method="euler", name="seen"
    )
    spikes = SpikeMonitor(cells, name="watching")
    run(defaultclock.dt)
    look = saltus.introspector()
    names = [row[0] for row in look.list("seen_*")]
    assert names == [
        "seen_spike_resetter_codeobject",
        "seen_spike_thresholder_codeobject",
        "seen_stateupdater_codeobject",
    ]
    shown = look.inspect("seen_stateupdater*")
    assert "v = _v" in shown and "saltus_kernel" in shown and look.source("seen_stateupdater*") in shown
    assert "unsafe extern" in look.inspect("seen_stateupdater*", language="rust")
    params = {row[1]: row[2:] for row in look.params("seen_stateupdater*")}
    assert params["v"][:-1] == ("float64", "7", "yes", "seen") and float(params["v"][-1]) == cells.v[0]
    assert params["g"] == ("float64", "1", "", "", "3. nS") and params["dt"][-2:] == ("defaultclock", "100. us")
    assert [row[:2] for row in look.params("seen_spike_thresholder*")] == [("arrays[0]", "v")]
    assert ("g", "3. nS") in list(look.namespace("seen_stateupdater*"))
    assert "watching_codeobject" in repr(look)
    with pytest.raises(KeyError, match="fits 3 code objects"):
        look.params("seen_*")
    assert spikes.num_spikes == 0


def test_everything_has_a_form_for_notebooks():
    cells = counting()
    run(defaultclock.dt)
    look = saltus.introspector()
    name = "counting_stateupdater_codeobject"
    for seen, tags in [
        (look, {"table", "tr", "td"}),
        (look.list(), {"table", "thead", "tbody"}),
        (look.inspect(), {"h4", "details", "pre", "span"}),
        (look.source(name), {"pre", "span"}),
        (look.params(name), {"table"}),
        (look.namespace(name), {"table"}),
        (look.globals(), {"table"}),
        (look.versions(name), {"table"}),
    ]:
        assert tags <= Tags(seen._repr_html_()).seen
    assert "1 &lt; 2" in saltus.views.Text("1 < 2")._repr_html_()
    assert cells.v[0] > 0


def test_it_is_known_what_runs_a_kernel_and_since_when(own_store):
    cells = counting()
    run(defaultclock.dt)
    rows = {row[0]: row[1:] for row in saltus.introspector().list("counting*")}
    template, runs_on, key, origin, compiled_in, after, remark = rows["counting_stateupdater_codeobject"]
    assert (template, runs_on, origin, remark) == ("stateupdate", "compiled", "compiler", "")
    assert (
        re.fullmatch("[0-9a-f]{12}", key)
        and re.fullmatch(r"[\d.]+ m?s", compiled_in)
        and re.fullmatch(r"[\d.e-]+ m?s", after)
    )
    prefs.codegen.runtime.saltus.tier = "interpreter"
    start_scope()
    other = NeuronGroup(1, "dv/dt = 2/ms : 1", method="euler", name="other")
    run(defaultclock.dt)
    ((*_, runs_on, key, origin, compiled_in, after, remark),) = saltus.introspector().list("other*")
    assert (runs_on, key, origin, compiled_in, after) == ("interpreter", "", "", "", "")
    assert remark == "only the interpreter was asked for" and other.v[0] > cells.v[0]


def test_what_is_common_to_all_code_is_told():
    cells = counting()
    run(defaultclock.dt)
    rows = {(what, name): value for what, name, value in saltus.introspector().globals()}
    assert rows["constant", "pi"] == repr(np.pi) and "exprel" in rows["functions", ""].split(", ")
    assert rows["preference", "tier"] == "'auto'" and rows["store", "sources"].startswith(rows["store", "directory"])
    assert sum(int(value) for (what, _), value in rows.items() if what == "code objects") == len(
        saltus.introspector().list()
    )
    assert cells.v[0] > 0


def model():
    """Something of everything that an expression may name."""
    threshold = 4 * mV
    drive = TimedArray([1.0, 5.0], dt=1 * ms)
    cells = NeuronGroup(
        5,
        """
        dv/dt = (drive(t)*mV - v)/(10*ms) : volt (unless refractory)
        above = v - threshold : volt
        flag : boolean (constant)
        step : integer
        common : 1 (shared)
        """,
        threshold="v > threshold",
        reset="v = 0*mV",
        refractory=2 * ms,
        method="euler",
        name="cells",
        namespace={"threshold": threshold, "drive": drive},
    )
    cells.v, cells.step, cells.flag, cells.common = "i*mV", "10*i", "i > 2", 7
    synapses = Synapses(cells, cells, "w : 1", on_pre="v_post += w*mV", name="synapses")
    synapses.connect(condition="i == j + 1")
    synapses.w = "i + 0.5"
    unconnected = Synapses(cells, cells, "w : 1", name="unconnected")
    spikes, trace = SpikeMonitor(cells, name="spikes"), StateMonitor(cells, "v", record=True, name="trace")
    return cells, synapses, unconnected, spikes, trace


EXPRESSIONS = [
    ("v", "cells", np.arange(5) * mV),
    ("  (v - threshold)/mV ", "cells", np.arange(5) - 4.0),
    ("above", "cells", (np.arange(5) - 4) * mV),
    ("v > 2*mV and not flag", "cells", np.zeros(5, dtype=bool)),
    ("step // 3", "cells", np.array([0, 3, 6, 10, 13])),
    ("common*2", "cells", 14.0),
    ("sin(i) + drive(t) + here", "cells", np.sin(np.arange(5)) + 1 + 0.25),
    ("exp(-i*mV/threshold)", "cells_stateupdater_codeobject", np.exp(-np.arange(5) / 4)),
    ("v", "cells_spike_thresh*", np.arange(5) * mV),
    ("w*v_post", "synapses", (np.arange(1, 5) + 0.5) * np.arange(4) * mV),
    ("i - j", "synapses_pre_codeobject", np.ones(4, dtype=int)),
    ("w", "unconnected", np.zeros(0)),
    ("2*volt/second", None, 2 * volt / second),
    ("exp(here) + pi + 0*t/second", None, np.exp(0.25) + np.pi),
    ("True", None, True),
]


@pytest.mark.parametrize("expression, on, expected", EXPRESSIONS)
def test_an_expression_has_the_value_of_the_moment(expression, on, expected):
    here = 0.25
    objects = Network(model())
    # No step: code objects are there, and values are those that were set.
    objects.run(0 * ms)
    # A value of it that is kept under its name is no reason for a warning.
    v = w = here  # noqa: F841
    with catch_logs() as logs:
        seen = saltus.introspector().eval(expression, on=on)
    assert logs == []
    assert isinstance(seen, Quantity) == isinstance(expected, Quantity)
    assert np.asarray(seen).dtype.kind == np.asarray(expected).dtype.kind and np.shape(seen) == np.shape(expected)
    np.testing.assert_allclose(np.asarray(seen), np.asarray(expected), rtol=1e-15)
    assert getattr(seen, "dim", None) == getattr(expected, "dim", None)
    assert objects


def test_an_expression_is_over_whatever_group_it_is_given():
    cells, *_ = model()
    part = cells[2:4]
    np.testing.assert_array_equal(saltus.introspector().eval("v/mV + i", on=part), [2, 4])


@pytest.mark.parametrize(
    "expression, on, error, message",
    [
        (
            "v",
            "nothing",
            KeyError,
            "no group and no code object; there are: cells, spikes, synapses, synapses_pre, trace, unconnected",
        ),
        ("v + 1", "cells", DimensionMismatchError, "inconsistent units ('v' has unit V"),
        ("nothing", "cells", KeyError, "nothing"),
        ("v[0]", "cells", SyntaxError, "Subscript"),
        ("count", "spikes", ValueError, "'count' of spikes has 5 values, and spikes has 0 elements"),
        ("v", "trace", ValueError, "'v' of trace has 0 x 5 values, and trace has 0 elements"),
        ("", "cells", SyntaxError, "the expression is empty"),
        ("v = 3", "cells", SyntaxError, "invalid syntax"),
        ("v\nv = 3*mV", "cells", SyntaxError, "invalid syntax"),
        ("1 // int(common - 7)", "cells", ZeroDivisionError, "division"),
    ],
)
def test_an_expression_that_is_wrong_is_told(expression, on, error, message):
    objects = model()
    with pytest.raises(error, match=re.escape(message)):
        saltus.introspector().eval(expression, on=on)
    assert objects


def test_looking_changes_nothing_that_runs():
    def spikes(looks):
        start_scope()
        seed(4)
        cells = NeuronGroup(
            50,
            "dv/dt = (1.1 - v)/(5*ms) + 0.3*xi/sqrt(ms) : 1",
            threshold="v > 1",
            reset="v = rand()",
            method="euler",
            name="noisy",
        )
        monitor, states = SpikeMonitor(cells), StateMonitor(cells, "v", record=True)
        seen = []

        @network_operation
        def look():
            if looks:
                seen.append((saltus.introspector().eval("v", on="noisy"), np.array(cells.v[:])))
                seen.append((saltus.introspector().eval("rand() + randn() + poisson(3)", on=cells),) * 2)

        # More normal numbers than a block has.
        run(45 * ms)
        assert all(np.array_equal(*pair) for pair in seen) and len(seen) == (900 if looks else 0)
        return np.array(monitor.i[:]), np.array(monitor.t_[:]), np.array(states.v[:])

    for one, other in zip(spikes(looks=False), spikes(looks=True), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_source_by_hand_runs_until_it_is_taken_back(own_store):
    cells, others = counting(), counting("others")
    look, name = saltus.introspector(), "counting_stateupdater_codeobject"
    run(1 * ms)
    assert look.replace(name, faster(look)) == 1
    np.testing.assert_allclose(cells.v[:], 1)
    run(1 * ms)
    # Ten steps, each with one more; of equal kernels the one of this name only.
    np.testing.assert_allclose(cells.v[:], 12)
    np.testing.assert_allclose(others.v[:], 2)
    row = dict(zip(look.list().headings, *look.list(name)))
    assert (row["runs on"], row["from"]) == ("by hand", "by hand") and row["compiled in"].endswith("s")
    assert "c, by hand: version 1" in look.inspect(name) and faster(look) in look.inspect(name)
    assert look.replace(name, faster(look, by="2.0")) == 2
    look.revert(name, version=1)
    run(1 * ms)
    np.testing.assert_allclose(cells.v[:], 23)
    look.revert(name)
    run(1 * ms)
    np.testing.assert_allclose(cells.v[:], 24)
    assert [row[0] + row[-1] for row in look.versions(name)] == ["0yes", "1", "2"]
    # A source that was there before has the number that it had.
    assert look.replace(name, faster(look)) == 1
    with pytest.raises(ValueError, match="has no version 3; there are 0 to 2"):
        look.revert(name, version=3)
    look.revert(name)


@pytest.mark.parametrize("tier", ["auto", "compiled", "interpreter"])
def test_a_source_is_swapped_in_between_two_steps(own_store, tier):
    prefs.codegen.runtime.saltus.tier = tier
    cells = counting()
    look, name = saltus.introspector(), "counting_stateupdater_codeobject"

    @network_operation
    def change():
        if defaultclock.timestep == 3:
            look.replace(name, faster(look))
        if defaultclock.timestep == 7:
            look.revert(name)

    run(1 * ms)
    np.testing.assert_allclose(cells.v[:], 1 + 4)


def test_a_function_that_a_kernel_waits_for_may_look_and_replace(own_store):
    prefs.codegen.runtime.saltus.tier = "auto"
    look, name, seen = saltus.introspector(), "counting_stateupdater_codeobject", []

    @implementation("numpy", discard_units=True)
    @check_units(x=1, result=1)
    def unchanged(x):
        seen.append(np.array(look.eval("v", on="counting")))
        if len(seen) == 3:
            assert name in look.inspect() and look.list(name)
            look.replace(name, faster(look))
        return x

    cells = NeuronGroup(3, "dv/dt = unchanged(1)/ms : 1", method="euler", name="counting")
    run(0.5 * ms)
    # The call that it is replaced in ends as it has begun.
    np.testing.assert_allclose([values[0] for values in seen] + [cells.v[0]], [0, 0.1, 0.2, 0.3, 1.4, 2.5])
    look.revert(name)


def test_without_its_compiler_no_source_is_used(own_store):
    cells = counting()
    look, name = saltus.introspector(), "counting_stateupdater_codeobject"
    run(defaultclock.dt)
    prefs.codegen.runtime.saltus.compiler = "/bin/true"
    try:
        with pytest.raises(saltus.KernelError, match="cannot be used: .*/bin/true") as told:
            look.replace(name, faster(look, by="3.0"))
    finally:
        prefs.codegen.runtime.saltus.compiler = None
    assert told.value.line is None and told.value.name == name
    run(defaultclock.dt)
    np.testing.assert_allclose(cells.v[:], 0.2)


def test_a_source_in_rust(own_store):
    if subprocess.run(["sh", "-c", "command -v rustc"], capture_output=True).returncode:
        pytest.skip("without rustc, there are no kernels in Rust")
    cells = counting()
    look, name = saltus.introspector(), "counting_stateupdater_codeobject"
    run(defaultclock.dt)
    source, count = re.subn(r"(v\[_i\] = )(.*);", r"\1\2 + 1.0;", look.source(name, language="rust"))
    assert count == 1
    look.replace(name, source, language="rust")
    run(defaultclock.dt)
    np.testing.assert_allclose(cells.v[:], 1.2)
    look.revert(name)


def test_a_source_for_another_kernel_is_given_up_with_one_warning(own_store):
    look, name = saltus.introspector(), "counting_stateupdater_codeobject"
    for rate in (1, 4, 5):
        start_scope()
        cells = NeuronGroup(3, f"dv/dt = {rate}/ms : 1", method="euler", name="counting")
        with catch_logs(only_from=("saltus",)) as logs:
            run(defaultclock.dt)
            run(defaultclock.dt)
        told = [text for _, _, text in logs]
        expected = f"the source by hand of {name} no longer fits: the kernel has changed"
        assert told == ([] if rate == 1 else [expected])
        np.testing.assert_allclose(cells.v[:], 0.2 * rate)
        look.replace(name, faster(look))


@pytest.mark.parametrize(
    "old, new, line, message",
    [
        (r"\Z", "int x = y;\n", "end", "y"),
        (r"v\[_i\] = (.*);", r"v[_i] = nothing;", "here", "nothing"),
        (r"v\[_i\] = (.*);", r"v[_i] = getenv_of(3);", None, "getenv_of"),
        (r"saltus_kernel", "another", None, "does not define `saltus_kernel`"),
    ],
)
def test_what_is_wrong_with_a_source_is_told_at_its_line(own_store, old, new, line, message):
    cells = counting()
    look, name = saltus.introspector(), "counting_stateupdater_codeobject"
    run(defaultclock.dt)
    source, before = re.sub(old, new, look.source(name)), list(look.versions(name))
    with pytest.raises(saltus.KernelError, match=re.escape(message)) as told:
        look.replace(name, source)
    lines = source.splitlines()
    if line is not None:
        expected = len(lines) if line == "end" else next(k for k, text in enumerate(lines, 1) if "v[_i] = " in text)
        assert told.value.line == expected and f":{expected}:" in str(told.value)
        assert message in told.value.errors[0][2]
    assert told.value.name == name
    # Nothing is changed.
    assert list(look.versions(name)) == before
    run(defaultclock.dt)
    np.testing.assert_allclose(cells.v[:], 0.2)


def test_the_readmes_example_does_what_it_says(capsys):
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    (example,) = [code for code in re.findall(r"```python\n(.*?)```", readme, re.DOTALL) if "introspector" in code]
    names = {"__name__": "example"}
    exec(compile(example, "README.md", "exec"), names)
    said = capsys.readouterr().out
    assert "neurongroup_stateupdater_codeobject  stateupdate" in said and "saltus_kernel" in said
    # In the end as much is added as leaks.
    expected = 1e-6 / (1 - np.exp(-0.01)) * volt
    np.testing.assert_allclose(names["cells"].v - names["El"], expected, rtol=1e-3)
    assert [row[-1] for row in names["look"].versions(names["name"])] == ["yes", ""]


@pytest.mark.parametrize(
    "name, expected",
    [
        ("cells_stateupdater_codeobject", "cells_stateupdater_codeobject"),
        ("cells_stateupdater_codeobject_1", "cells_stateupdater_codeobject"),
        ("cells_1_stateupdater_codeobject_12", "cells_1_stateupdater_codeobject"),
        ("cells_1", "cells_1"),
        ("my_codeobject_", "my_codeobject_"),
        ("12", "12"),
    ],
)
def test_numbers_of_code_objects_are_no_part_of_their_names(name, expected):
    assert saltus._core.base_name(name) == expected


def test_what_has_no_kernel_cannot_be_replaced():
    cells = counting()
    silent = NeuronGroup(1, "v : 1", threshold="v > 1", name="silent")
    synapses = Synapses(silent, cells, on_pre="v += 1", name="pushing")
    synapses.connect()
    run(defaultclock.dt)
    look = saltus.introspector()
    for name, message in [("pushing_pre_push_spikes*", "has no code of its own"), ("no_such", "fits 0 code objects")]:
        with pytest.raises((KeyError, ValueError), match=message):
            look.replace(name, "")
    with pytest.raises(ValueError, match="`fortran` is no language of kernels"):
        look.replace("counting_stateupdater_codeobject", "", language="fortran")
    assert synapses


def test_sources_are_kept_where_that_is_asked_for(own_store):
    cells = counting()
    look, name = saltus.introspector(), "counting_stateupdater_codeobject"
    run(defaultclock.dt)
    kept = own_store / "v1" / "sources"
    assert not kept.exists()
    prefs.codegen.runtime.saltus.keep_sources = True
    run(defaultclock.dt)
    (path,) = kept.iterdir()
    assert path.name.startswith(f"{name}-") and path.read_text() == look.source(name)
    assert ("store", "sources", str(kept)) in list(look.globals())
    look.replace(name, faster(look))
    run(defaultclock.dt)
    assert sorted(path.read_text() for path in kept.iterdir()) == sorted([look.source(name), faster(look)])
    look.revert(name)
    assert cells.v[0] > 1


def test_the_store_is_cleared_and_used_again(own_store):
    from brian2 import clear_cache

    def run_once():
        start_scope()
        cells = counting()
        run(defaultclock.dt)
        return cells.v[0], saltus.introspector().list("counting_*")

    prefs.codegen.runtime.saltus.keep_sources = True
    run_once()
    beside = own_store / "trusted-keys"
    beside.write_text("")
    assert list(own_store.glob("v1/*/*/*.kernel"))
    clear_cache("saltus")
    assert not list(own_store.glob("v1/**/*.kernel")) and beside.exists()
    value, _ = run_once()
    assert value == pytest.approx(0.1)
    # Something else is nobody's to remove.
    stranger = own_store / "v1" / "stranger.py"
    stranger.parent.mkdir(exist_ok=True)
    stranger.write_text("")
    with pytest.raises(OSError, match="stranger.py"):
        clear_cache("saltus")
    stranger.unlink()
    clear_cache("saltus")
    assert not (own_store / "v1").exists()


OTHER = """
import sys
import saltus.auto
from brian2 import NeuronGroup, prefs, run, ms
prefs.codegen.runtime.saltus.cache_dir = sys.argv[1]
prefs.codegen.runtime.saltus.tier = "compiled"
print("ready", flush=True)
for line in sys.stdin:
    cells = NeuronGroup(1, f"dv/dt = {line.strip()}/ms : 1", method="euler")
    run(1*ms)
    print(round(float(cells.v[0]), 6), flush=True)
"""


def test_who_uses_the_store_meanwhile_is_not_harmed(own_store):
    from brian2 import clear_cache

    with subprocess.Popen(
        [sys.executable, "-c", OTHER, str(own_store)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    ) as other:
        assert other.stdout.readline() == "ready\n"
        for rate in range(1, 5):
            other.stdin.write(f"{rate}\n")
            other.stdin.flush()
            assert float(other.stdout.readline()) == rate
            assert list(own_store.glob("v1/*/*/*.kernel"))
            clear_cache("saltus")
            assert not (own_store / "v1").exists()
        other.stdin.close()
        assert other.wait() == 0


def test_what_is_no_group_is_told_where_it_is_given():
    with pytest.raises(TypeError, match="not over 5"):
        saltus.introspector().eval("1 + 1", on=5)
