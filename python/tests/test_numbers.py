"""Numbers are those of Brian2: of its NumPy target where nothing is drawn, of its Cython target where something is."""

import numpy as np
import pytest
from brian2 import (
    Cylinder,
    Hz,
    Network,
    NeuronGroup,
    PoissonInput,
    PopulationRateMonitor,
    SpatialNeuron,
    SpikeGeneratorGroup,
    SpikeMonitor,
    StateMonitor,
    Synapses,
    TimedArray,
    cm,
    defaultclock,
    meter,
    ms,
    mV,
    nA,
    network_operation,
    ohm,
    prefs,
    run,
    seed,
    siemens,
    start_scope,
    uF,
    um,
)


def on_numpy(build):
    """What a model records on saltus and on NumPy, its objects made anew for each."""
    found = []
    for target in ("saltus", "numpy"):
        start_scope()
        prefs.codegen.target = prefs.codegen.string_expression_target = target
        # Views of what monitors have recorded end with the monitors.
        found.append(build())
    prefs.codegen.target = prefs.codegen.string_expression_target = "saltus"
    return found


def decay():
    cells = NeuronGroup(
        20, "dv/dt = (1.2 - v)/(10*ms) : 1 (unless refractory)", threshold="v > 1", reset="v = 0", refractory="i*0.2*ms",
        method="exact",
    )
    cells.v = "i*0.05"
    states, spikes, rate = StateMonitor(cells, "v", record=[3, 1, 3]), SpikeMonitor(cells), PopulationRateMonitor(cells)
    run(30 * ms)
    return [np.array(values) for values in (states.v_[:], states.t_[:], spikes.t_[:], spikes.i[:], spikes.count[:], rate.rate_[:], cells.v[:])]


def plastic():
    source = SpikeGeneratorGroup(5, np.arange(20) % 5, np.arange(20) * ms)
    cells = NeuronGroup(3, "dv/dt = -v/(5*ms) : 1\nshared_sum : 1", threshold="v > 0.5", reset="v = 0", method="euler")
    synapses = Synapses(
        source, cells, "w : 1\ndApre/dt = -Apre/(20*ms) : 1 (event-driven)\nshared_sum_post = w*w : 1 (summed)",
        on_pre="Apre += 1\nv_post += w", on_post="w = clip(w + 0.1*Apre, 0, 1)", method="exact",
    )
    synapses.connect(condition="(i + j) % 2 == 0")
    synapses.w = "0.1*(i + 1)"
    synapses.pre.delay = "j*0.3*ms"
    weights = StateMonitor(synapses, "w", record=True)
    spikes = SpikeMonitor(cells, variables="shared_sum")
    run(25 * ms)
    return [np.array(values) for values in (weights.w[:], spikes.t_[:], spikes.i[:], spikes.shared_sum[:], synapses.i[:], synapses.j[:])]


def tables():
    drive = TimedArray(np.array([[0.0, 1.0], [2.0, 0.5], [1.0, 1.0]]), dt=3 * ms)
    cells = NeuronGroup(2, "dv/dt = (drive(t, i) - v)/(2*ms) : 1\nwhole = int(10*v) : integer (constant over dt)", method="rk4")
    states = StateMonitor(cells, ["v", "whole"], record=True)

    @network_operation(dt=2 * ms)
    def kick():
        cells.v[0] = "v + 0.25*int(t > 1*ms)"

    cells.run_regularly("v = v*0.9 + (i % 2)", dt=5 * ms)
    run(12 * ms)
    return [np.array(values) for values in (states.v[:], states.whole[:], cells.v["i > 0"], cells.whole[:])]


@pytest.mark.parametrize("build", [decay, plastic, tables])
def test_what_is_computed_is_what_numpy_computes(build):
    ours, theirs = on_numpy(build)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-14)


def test_a_seed_gives_the_numbers_of_cython():
    """The numbers that Brian2 draws in code on Cython for this seed: blocks of 20,000, as NumPy's legacy generator has them."""
    cells = NeuronGroup(10, "dv/dt = -v/(10*ms) + 0.1*xi/sqrt(ms) : 1\nu : 1", method="euler")
    seed(13579)
    cells.run_regularly("u = rand()")
    run(2 * defaultclock.dt)
    np.random.seed(13579)
    # Regular code runs before its group is integrated, so that its block is fetched first.
    uniforms, normals = np.random.rand(20_000), np.random.randn(20_000)
    assert np.array_equal(cells.u[:], uniforms[10:20])
    decay, noise = 1 - 0.01, 0.1 * np.sqrt(0.1)
    expected = (normals[:10] * noise) * decay + normals[10:20] * noise
    np.testing.assert_allclose(cells.v[:], expected, rtol=1e-9)


def test_random_states_are_kept():
    from brian2 import get_device

    cells = NeuronGroup(10, "u : 1")
    cells.run_regularly("u = rand()")
    seed(1)
    run(defaultclock.dt)
    state = get_device().get_random_state()
    run(defaultclock.dt)
    first = np.array(cells.u[:])
    # So many that the block is used up, and another one fetched in its place.
    start_scope()
    many = NeuronGroup(5000, "u : 1")
    many.run_regularly("u = rand()")
    run(10 * defaultclock.dt)
    get_device().set_random_state(state)
    start_scope()
    again = NeuronGroup(10, "u : 1")
    again.run_regularly("u = rand()")
    run(defaultclock.dt)
    assert np.array_equal(first, again.u[:])


def test_inputs_draw_binomial_numbers():
    cells = NeuronGroup(2000, "v : 1")
    PoissonInput(cells, "v", N=100, rate=20 * Hz, weight=1)
    seed(3)
    inputs = PoissonInput(cells, "v", N=1000, rate=5000 * Hz, weight=1)
    run(defaultclock.dt, namespace={"inputs": inputs})
    assert abs(np.mean(cells.v[:]) - 1000 * 0.5) < 3


def test_wrong_indices_are_told():
    source = NeuronGroup(3, "v : 1")
    synapses = Synapses(source, source)
    with pytest.raises(Exception) as told:
        synapses.connect(j="k for k in range(i, i + 3)")
    causes, cause = [], told.value
    while cause is not None:
        causes.append(type(cause))
        cause = cause.__cause__
    assert IndexError in causes and "index j=3 outside" in str(told.value.__cause__)


def test_division_by_zero_is_told():
    cells = NeuronGroup(2, "a : integer\nb : integer")
    cells.run_regularly("b = 1 // a")
    with pytest.raises(Exception) as told:
        run(defaultclock.dt)
    assert isinstance(told.value.__cause__, ZeroDivisionError)


def test_a_second_script_finds_the_kernels_of_the_first(tmp_path):
    """Names of objects are in no kernel."""
    prefs.codegen.runtime.saltus.cache_dir = str(tmp_path)
    prefs.codegen.runtime.saltus.tier = "compiled"
    try:
        keys = []
        for name in ("first", "second"):
            start_scope()
            cells = NeuronGroup(4, "dv/dt = (2 - v)/(7*ms) : 1", threshold="v > 1", reset="v = 0", method="euler", name=name)
            run(defaultclock.dt)
            keys.append([code.kernels()[0].runs_on() for code in (cells.state_updater.codeobj, cells.resetter["spike"].codeobj)])
        assert keys[0] == keys[1]
        assert "interpreter" not in keys[0]
    finally:
        prefs.codegen.runtime.saltus.cache_dir = None
        prefs.codegen.runtime.saltus.tier = "auto"


def test_units_come_through():
    cells = NeuronGroup(2, "dv/dt = -v/(10*ms) : volt", method="exact")
    cells.v = [1, 2] * mV
    run(10 * ms)
    np.testing.assert_allclose(cells.v / mV, np.exp(-1) * np.array([1, 2]), rtol=1e-12)


@pytest.mark.parametrize("dtype, digits", [(np.float64, 1e-9), (np.float32, 1e-5)], ids=["double", "single"])
def test_cables_are_solved_in_both_precisions(dtype, digits):
    """Current into one end of a sealed cable: the steady state of the cable equation, compartment by compartment."""
    start_scope()
    prefs.core.default_float_dtype = dtype
    try:
        n, length, diameter = 20, 200 * um, 1 * um
        cable = Cylinder(diameter=diameter, length=length, n=n)
        equations = "Im = -g*v : amp/meter**2\nI : amp (point current)\ng : siemens/meter**2"
        neuron = SpatialNeuron(cable, equations, Cm=1 * uF / cm**2, Ri=100 * ohm * cm, method="exponential_euler")
        neuron.g = 1e-3 * siemens / cm**2
        neuron.I[0] = 0.01 * nA
        Network(neuron).run(60 * ms)
        found = np.array(neuron.v[:], dtype=float)
        assert neuron.variables["v"].dtype == dtype
    finally:
        prefs.core.default_float_dtype = np.float64
    area, axial = float(np.pi * diameter * length / n), float(np.pi * diameter**2 / 4 / (1 * ohm * meter) / (length / n))
    coupled = np.diag(np.full(n, 10.0 * area + 2 * axial)) - axial * (np.eye(n, k=1) + np.eye(n, k=-1))
    coupled[0, 0] -= axial
    coupled[-1, -1] -= axial
    expected = np.linalg.solve(coupled, [1e-11] + [0.0] * (n - 1))
    np.testing.assert_allclose(found, expected, rtol=digits)
