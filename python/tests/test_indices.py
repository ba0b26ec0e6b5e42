"""Indices that lead out of an array are told, by Brian2 or by us, and nothing is read or written there."""

import numpy as np
import pytest
from brian2 import (
    Cylinder,
    Network,
    NeuronGroup,
    Soma,
    SpatialNeuron,
    SpikeGeneratorGroup,
    SpikeMonitor,
    StateMonitor,
    Synapses,
    defaultclock,
    linked_var,
    ms,
    run,
    um,
)
from brian2.core.base import BrianObjectException

#: Far enough for a fault of the processor, if it were used.
FAR = 900_000_000


def cells(more=""):
    return NeuronGroup(5, f"v : 1\nw = v + 1 : 1\nc = 3 : 1\n{more}", threshold="v > 1", reset="v = 0", name="cells")


def corrupt(group, name, value):
    """Writes where Brian2 lets nobody write."""
    group.variables[name].get_value()[:] = value


def linked(model, index, statement="y = x", **values):
    def build():
        others = NeuronGroup(5, f"x : 1 (linked)\ny : 1\n{model}")
        group = cells()
        others.x = linked_var(group, "v", index=index)
        for name, value in values.items():
            setattr(others, name, value)
        others.run_regularly(statement)
        return group, others

    return build


def linked_corrupted():
    group, others = linked("", [0, 1, 2, 3, 4])()
    corrupt(others, "_x_indices", FAR)
    return group, others


def synapses(model="q : 1", **code):
    group = cells("s : 1")
    made = Synapses(group, group, model, **code)
    made.connect(j="i")
    return group, made


def corrupted_synapses(name, model="q : 1", **code):
    def build():
        group, made = synapses(model, **code)
        group.v = 2
        corrupt(made, name, FAR)
        return group, made

    return build


def generator():
    made = SpikeGeneratorGroup(3, [0], [0.1] * ms)
    target = cells()
    reached = Synapses(made, target, on_pre="v += 1")
    reached.connect()
    corrupt(made, "neuron_index", FAR)
    return made, target, reached, SpikeMonitor(made)


def events(value):
    def build():
        group = cells()
        group.thresholder["spike"].active = False
        corrupt(group, "_spikespace", value)
        return group

    return build


def branches():
    tree = Soma(diameter=30 * um)
    tree.axon = Cylinder(length=100 * um, diameter=1 * um, n=5)
    neuron = SpatialNeuron(tree, "Im = 0*amp/meter**2 : amp/meter**2")
    network = Network(neuron)
    network.run(0 * ms)
    corrupt(neuron.diffusion_state_updater, "_morph_children", 9000)
    return network


#: What Brian2 takes and a run finds.
RUNS = {
    "index variable": linked("k : integer", "k", k=[0, 1, 2, 3, FAR]),
    "index variable, negative": linked("k : integer (constant)", "k", k=[0, 1, 2, 3, -1]),
    "index variable, one too many": linked("k : integer", "k", k=5),
    "index array": linked_corrupted,
    "targets": corrupted_synapses("_synaptic_post", on_pre="v_post += 1"),
    "sources": corrupted_synapses("_synaptic_pre", on_pre="v_pre += 1"),
    "sums": corrupted_synapses("_synaptic_post", "s_post = v_pre : 1 (summed)"),
    "values that are summed": corrupted_synapses("_synaptic_pre", "s_post = v_pre : 1 (summed)"),
    "spikes that are given": generator,
    "events": events([FAR, 0, 0, 0, 0, 1]),
    "events, negative": events([-FAR, 0, 0, 0, 0, 1]),
    "number of events": events([0, 0, 0, 0, 0, 77]),
    "branches": branches,
}


def causes(fault):
    """An error and what it comes from, by their types."""
    found = []
    while fault is not None:
        found.append(type(fault))
        fault = fault.__cause__
    return found


@pytest.mark.parametrize("what", RUNS)
def test_a_run_finds_indices_that_lead_astray(what):
    built = RUNS[what]()
    network = built if isinstance(built, Network) else Network(built)
    with pytest.raises(BrianObjectException) as told:
        network.run(2 * defaultclock.dt)
    assert causes(told.value)[-1] is IndexError, causes(told.value)


def test_indices_that_become_wrong_are_found_in_the_next_step():
    group, others = linked("k : integer", "k", "k = i*200000000*int(t > 0*ms)\ny = x + 1", k=[4, 3, 2, 1, 0])()
    group.v = "i*0.1"
    run(defaultclock.dt)
    assert np.array_equal(others.k[:], [0] * 5) and np.allclose(others.y[:], 1)
    with pytest.raises(BrianObjectException) as told:
        run(2 * defaultclock.dt)
    assert causes(told.value)[-1] is IndexError


def test_indices_may_change_while_a_network_runs():
    group, others = linked("k : integer", "k", "k = (k + 1) % 5", k=[0, 1, 2, 3, 4])()
    group.v = "i*0.1"
    others.run_regularly("y = x", when="end")
    run(2 * defaultclock.dt)
    assert np.allclose(others.y[:], [0.2, 0.3, 0.4, 0.0, 0.1])


def of_synapses(item):
    def use():
        _, made = synapses()
        made.q[item] = "i"

    return use


def set_text(item):
    def use():
        group = cells()
        group.v[item] = "i"

    return use


def get(name, item, part=slice(None)):
    def use():
        group = cells()
        getattr(group[part], name)[item]

    return use


def connect(**where):
    def use():
        group = cells()
        Synapses(group, group).connect(**where)

    return use


def record(of, indices):
    def use():
        group = of()
        StateMonitor(group, "v", record=indices)

    return use


def give(*numbers):
    def use():
        SpikeGeneratorGroup(3, numbers, np.arange(len(numbers)) * ms)

    return use


#: What is refused at once.
USES = {
    "values set by text": set_text(5),
    "values set by text, far": set_text(np.array([FAR])),
    "values set by text, negative": set_text(-6),
    "subexpressions": get("w", 5),
    "subexpressions, far": get("w", np.array([-FAR])),
    "subexpressions of a part": get("w", 2, slice(1, 3)),
    "subexpressions without variables": get("c", FAR),
    "values of synapses": of_synapses(np.array([25])),
    "lists of sources": connect(i=[0, 10], j=[0, 0]),
    "lists of targets": connect(i=[0], j=[-1]),
    "generated targets": connect(j="i + 1"),
    "generated targets, negative": connect(j="i - 1"),
    "recorded elements": record(cells, [5]),
    "recorded elements, negative": record(cells, [-1]),
    "recorded elements of a part": record(lambda: cells()[2:4], [2]),
    "neurons that are given": give(0, 3),
}


@pytest.mark.parametrize("what", USES)
def test_indices_that_lead_astray_are_refused(what):
    with pytest.raises(Exception) as told:
        USES[what]()
    # Brian2 says the last one as a wrong value.
    expected = ValueError if what == "neurons that are given" else IndexError
    assert causes(told.value)[-1] is expected, causes(told.value)


def test_negative_indices_are_counted_from_the_end():
    group = cells()
    group.v[-1] = "i + 1"
    group.v[np.array([-5, 1])] = "i + 7"
    assert np.array_equal(group.v[:], [7, 8, 0, 0, 5])
    assert np.array_equal(group.w[np.array([-1, -4])], [6, 9]) and group.w[-2] == 1
    part = group[1:3]
    part.v[-1] = 20
    assert np.array_equal(group.v[:], [7, 8, 20, 0, 5]) and part.w[-1] == 21


def test_values_at_the_ends_of_synapses_are_counted_there():
    group = NeuronGroup(10, "v : 1\nw = 2*v : 1")
    group.v = "i"
    made = Synapses(group[2:4], group[6:])
    made.connect(i=[0, 1], j=[0, 3])
    assert np.array_equal(made.w_post[:], [12, 18]) and np.array_equal(made.w_pre[:], [4, 6])
    assert np.array_equal(made.v_post[:], [6, 9]) and made.w_post[1] == 18
