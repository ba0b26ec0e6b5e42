"""What each template does with its code: once before a run, at every step, and after it."""

import numpy as np
from brian2.core.variables import ArrayVariable, AuxiliaryVariable

from saltus import _core
from saltus.templates import TEMPLATER


def code(codeobj, elements, *, scalar=None, vector=None, condition="", outputs=(), room=0, lasting=True, more=None):
    """The kernel of statements, bound to Brian2's arrays; ``more``: arrays that are no variables, by what they stand for."""
    plan = codeobj.code
    meanings, arrays, called, cpp = codeobj.meanings(lasting)
    if more is not None:
        for name, (told, values) in more.items():
            meanings[name] = told
            arrays[name] = values
    scalar = plan.scalar.get(None, []) if scalar is None else scalar
    vector = plan.vector.get(None, []) if vector is None else vector
    made = _core.Code(
        codeobj.name,
        codeobj.template_name,
        elements,
        [tuple(statement) for statement in scalar],
        [tuple(statement) for statement in vector],
        condition,
        list(outputs),
        meanings,
        called,
        cpp,
        lasting,
    )
    values = []
    for name, _, _, _ in made.bindings():
        if name in arrays:
            values.append(arrays[name])
        else:
            values.append(codeobj.array(codeobj.variables[name]))
    watched = [name for name in codeobj.changing_indices() if name not in arrays]
    made.bind(values, room, watched)
    return codeobj.keep(made)


def blocks(codeobj):
    """What to call before a run, at every step and after it, by the names of Brian2's blocks."""
    return _TEMPLATES[codeobj.template_name](codeobj)


def _runner(template, **told):
    return _core.Runner(template, told)


def _events(codeobj):
    return codeobj.array(codeobj.code.kwds["eventspace_variable"])


def _state_update(codeobj):
    n = codeobj.count_of("N")
    return {"run": _runner("stateupdate", code=code(codeobj, "each", room=n), N=n)}


def _threshold(codeobj):
    n, events = codeobj.count_of("N"), _events(codeobj)
    told = {"code": code(codeobj, "select", condition="_cond", room=n), "N": n, "events": events}
    if codeobj.code.kwds.get("_uses_refractory"):
        for name in ("not_refractory", "lastspike", "t"):
            told[name] = codeobj.array(codeobj.variables[name])

    def forget():
        events[-1] = 0

    return {"run": _runner("threshold", **told), "after_run": forget}


def _reset(codeobj):
    events = _events(codeobj)
    return {"run": _runner("reset", code=code(codeobj, "indexed", room=len(events)), events=events)}


def _number_of_synapses(codeobj):
    owner = codeobj.owner
    synapses = getattr(owner, "synapses", owner)
    return codeobj.device.get_value(synapses.variables["N"])


def _synapses(codeobj):
    made = code(codeobj, "indexed", room=_number_of_synapses(codeobj))
    return {"run": _runner("synapses", code=made, queue=codeobj.code.kwds["pathway"].queue)}


def _prepare_queue(pathway):
    """Lets the queue of a pathway know which synapses each source has; it believes what it is told."""
    source, sources = pathway.source, pathway.synapse_sources.get_value()
    start = getattr(source, "start", 0)
    stop = getattr(source, "stop", start + len(source))
    if len(sources) and not (start <= sources.min() and sources.max() < stop):
        raise IndexError(f"{pathway.name!r} has synapses of sources outside of the range from {start} to {stop - 1}")
    pathway.initialise_queue()


def _push_spikes(codeobj):
    owner = codeobj.owner
    return {
        "before_run": lambda: _prepare_queue(owner),
        "run": _runner("synapses_push_spikes", events=_events(codeobj), queue=owner.queue),
    }


def _summed_variable(codeobj):
    kwds, n = codeobj.code.kwds, codeobj.count_of("N")
    target, index = kwds["_target_var"], kwds["_index_var"]
    outputs = [("_synaptic_var", np.dtype(target.dtype).name)]
    return {
        "run": _runner(
            "summed_variable",
            code=code(codeobj, "each", outputs=outputs, room=n),
            N=n,
            target=codeobj.array(target),
            target_dtype=np.dtype(target.dtype).name,
            index=codeobj.array(index),
            start=int(kwds["_target_start"]),
            size=codeobj.count_of(kwds["_target_size_name"]),
        )
    }


def _records(codeobj, variables):
    """Outputs of the code, and where their values go."""
    named = sorted(variables.items())
    outputs = [(f"_to_record_{name}", np.dtype(variable.dtype).name) for name, variable in named]
    arrays = [codeobj.array(variable) for _, variable in named]
    return outputs, [(output, dtype, array) for (output, dtype), array in zip(outputs, arrays)]


def _source_size(codeobj):
    """How many elements the group has whose values are recorded: its indices are below that."""
    source = codeobj.owner.source
    return _end(source)


def _end(group):
    """The number after the last element of a group, as counted in the group that it may be a part of."""
    whole = getattr(group, "source", None)
    if hasattr(group, "start") and whole is not None and whole is not group and hasattr(group, "stop"):
        return int(whole.variables["N"].get_value())
    variable = group.variables["N"]
    if isinstance(variable, ArrayVariable):
        return variable.get_value()
    return int(variable.get_value())


def _spike_monitor(codeobj):
    outputs, records = _records(codeobj, codeobj.code.kwds["record_variables"])
    events = _events(codeobj)
    return {
        "run": _runner(
            "spikemonitor",
            code=code(codeobj, "indexed", outputs=outputs, room=len(events)),
            events=events,
            N=codeobj.array(codeobj.variables["N"]),
            count=codeobj.array(codeobj.variables["count"]),
            start=codeobj.count_of("_source_start"),
            stop=codeobj.count_of("_source_stop"),
            records=records,
        )
    }


def _state_monitor(codeobj):
    outputs, records = _records(codeobj, codeobj.code.kwds["_recorded_variables"])
    variables = codeobj.variables
    return {
        "run": _runner(
            "statemonitor",
            code=code(codeobj, "indexed", outputs=outputs, room=_source_size(codeobj)),
            N=codeobj.array(variables["N"]),
            t=codeobj.array(variables["t"]),
            now=codeobj.array(variables["_clock_t"]),
            indices=codeobj.array(variables["_indices"]),
            records=records,
        )
    }


def _rate_monitor(codeobj):
    variables = codeobj.variables
    return {
        "run": _runner(
            "ratemonitor",
            events=codeobj.array(variables["_spikespace"]),
            N=codeobj.array(variables["N"]),
            t=codeobj.array(variables["t"]),
            rate=codeobj.array(variables["rate"]),
            now=codeobj.array(variables["_clock_t"]),
            dt=codeobj.array(variables["_clock_dt"]),
            sources=codeobj.count_of("_num_source_neurons"),
            start=codeobj.count_of("_source_start"),
            stop=codeobj.count_of("_source_stop"),
        )
    }


def _spike_generator(codeobj):
    names = ("neuron_index", "_timebins", "_period_bins", "_lastindex", "t_in_timesteps")
    told = {name: codeobj.array(codeobj.variables[name]) for name in names}
    events = codeobj.array(codeobj.variables["_spikespace"])
    return {"run": _runner("spikegenerator", events=events, N=codeobj.count_of("N"), **told)}


def _spatial_state_update(codeobj):
    names = TEMPLATER.spatialstateupdate.variables - {"N"}
    own = {name: codeobj.array(codeobj.variables[name]) for name in names}
    # Cables are solved in doubles, whatever their values are kept in.
    single = {name: array for name, array in own.items() if getattr(array, "dtype", None) == np.float32}
    doubles = {name: array.astype(np.float64) for name, array in single.items()}
    n = codeobj.count_of("N")
    outputs = [("_gtot", "float64"), ("_I0", "float64")]
    cable = _core.Cable({"code": code(codeobj, "each", outputs=outputs, room=n), "N": n, **own, **doubles})
    if not single:
        return {"before_run": cable.prepare, "run": cable}

    def in_doubles(work):
        def run():
            for name, array in single.items():
                doubles[name][:] = array
            work()
            for name, array in single.items():
                array[:] = doubles[name]

        return run

    return {"before_run": in_doubles(cable.prepare), "run": in_doubles(cable)}


def _length(codeobj, name="N"):
    variable = codeobj.variables[name]
    value = variable.get_value()
    return int(value[0]) if isinstance(variable, ArrayVariable) and np.ndim(value) else int(value)


def _get_indices(codeobj):
    n = _length(codeobj)
    made = code(codeobj, "select", condition="_cond", room=n, lasting=False)
    return {"run": lambda: np.array(made.select(n), dtype=np.int32)}


def _output(made, name, dtype, elements, count):
    values = np.empty(count, dtype=dtype)
    made.output(name, values, elements)
    return values


def _chosen(codeobj):
    """The elements that were asked for; as for any array, negative ones are counted from the end."""
    n, elements = len(codeobj.owner), np.asarray(codeobj.variables["_group_idx"].get_value())
    # They may be counted in another group: the whole of a part, or the targets of synapses. What is shared has one where a
    # group has none. Arrays that end before are found when code runs.
    others = (of for name, of in codeobj.variables.items() if isinstance(of, ArrayVariable) and name != "_group_idx")
    end = max(int(np.max(_end(codeobj.owner))), 1, *(of.get_len() for of in others))
    wrong = elements[(elements < -n) | (elements >= end)]
    if len(wrong):
        raise IndexError(f"index {wrong[0]} is out of bounds for {codeobj.owner.name!r} with {n} elements")
    return np.where(elements < 0, elements + n, elements).astype(np.int32)


def _variable_get(codeobj):
    dtype = codeobj.variables["_variable"].dtype
    elements = _chosen(codeobj)
    room = int(elements.max(initial=0)) + 1
    made = code(codeobj, "indexed", outputs=[("_variable", np.dtype(dtype).name)], room=room, lasting=False)

    def run():
        once = np.unique(elements)
        made.run_over(once)
        return _output(made, "_variable", dtype, elements, len(elements))

    return {"run": run}


def _variable_get_conditional(codeobj):
    dtype, n = codeobj.variables["_variable"].dtype, _length(codeobj)
    outputs = [("_variable", np.dtype(dtype).name)]
    made = code(codeobj, "select", condition="_cond", outputs=outputs, room=n, lasting=False)

    def run():
        selected = np.array(made.select(n), dtype=np.int32)
        return _output(made, "_variable", dtype, selected, len(selected))

    return {"run": run}


def _variable_set(codeobj):
    elements = _chosen(codeobj)
    made = code(codeobj, "indexed", room=int(elements.max(initial=0)) + 1, lasting=False)
    return {"run": lambda: made.run_over(elements)}


def _variable_set_conditional(codeobj):
    plan, n = codeobj.code, _length(codeobj)
    condition = code(
        codeobj,
        "select",
        scalar=plan.scalar["condition"],
        vector=plan.vector["condition"],
        condition="_cond",
        room=n,
        lasting=False,
    )
    statement = code(
        codeobj,
        "indexed",
        scalar=plan.scalar["statement"],
        vector=plan.vector["statement"],
        room=n,
        lasting=False,
    )

    def run():
        statement.run_over(np.array(condition.select(n), dtype=np.int32))

    return {"run": run}


def _create_array(codeobj):
    from saltus.connect import create_array

    return {"run": lambda: create_array(codeobj)}


def _create_generator(codeobj):
    from saltus.connect import create_generator

    return {"run": lambda: create_generator(codeobj)}


_TEMPLATES = {
    "stateupdate": _state_update,
    "threshold": _threshold,
    "reset": _reset,
    "synapses": _synapses,
    "synapses_push_spikes": _push_spikes,
    "synapses_create_array": _create_array,
    "synapses_create_generator": _create_generator,
    "summed_variable": _summed_variable,
    "spikemonitor": _spike_monitor,
    "statemonitor": _state_monitor,
    "ratemonitor": _rate_monitor,
    "spatialstateupdate": _spatial_state_update,
    "spikegenerator": _spike_generator,
    "group_get_indices": _get_indices,
    "group_variable_get": _variable_get,
    "group_variable_get_conditional": _variable_get_conditional,
    "group_variable_set": _variable_set,
    "group_variable_set_conditional": _variable_set_conditional,
}
