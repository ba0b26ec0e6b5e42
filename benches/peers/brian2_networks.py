"""A model file run by Brian2: `brian2_networks.py MODEL.toml standalone|standalone-precise|cython`.

The tables of the file become the Brian2 calls of the same names. Of its monitors one remains, which counts the spikes of
the first group. `standalone-precise` is compiled without -ffast-math, and is otherwise the same.
"""

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import protocol


def build(b2, document):
    """The network, its duration, and what counts its spikes."""
    constants = {}

    def value(text):
        return eval(text, {**vars(b2), **constants}) if isinstance(text, str) else text

    for name, text in document["constants"].items():
        constants[name] = value(text)
    b2.defaultclock.dt = value(document["settings"].get("dt", "0.1*ms"))
    groups = {}
    for name, table in document["groups"].items():
        kind = table.get("kind", "neurons")
        if kind == "subgroup":
            groups[name] = groups[table["of"]][table["start"] : table["stop"]]
        elif kind == "poisson":
            groups[name] = b2.PoissonGroup(table["N"], rates=table["rates"], namespace=constants, name=name)
        else:
            groups[name] = b2.NeuronGroup(
                table["N"],
                table["equations"],
                threshold=table["threshold"],
                reset=table.get("reset"),
                refractory=value(table["refractory"]),
                method=table["method"],
                namespace=constants,
                name=name,
            )
        for variable, text in table.get("init", {}).items():
            setattr(groups[name], variable, text)
    synapses = []
    for name, table in document["synapses"].items():
        delay = {"delay": value(table["delay"])} if "delay" in table else {}
        made = b2.Synapses(
            groups[table["source"]],
            groups[table["target"]],
            on_pre=table["on_pre"],
            namespace=constants,
            name=name,
            **delay,
        )
        for rule in table["connect"]:
            made.connect(**rule)
        synapses.append(made)
    inputs = [
        b2.PoissonInput(groups[table["target"]], table["variable"], table["N"], value(table["rate"]), table["weight"])
        for table in document.get("poisson_inputs", {}).values()
    ]
    first = next(iter(groups.values()))
    counter = b2.SpikeMonitor(first, record=False, name="counter")
    own = [group for group in groups.values() if not isinstance(group, b2.Subgroup)]
    network = b2.Network(own, synapses, inputs, counter)
    return network, value(document["settings"]["duration"]), counter


def standalone(b2, document, precise):
    """Generates and compiles a program; the measurement is a run of it."""
    import numpy

    if precise:
        flags = [flag for flag in b2.prefs.codegen.cpp.extra_compile_args_gcc if flag != "-ffast-math"]
        b2.prefs.codegen.cpp.extra_compile_args_gcc = flags
    directory = tempfile.TemporaryDirectory(prefix="saltus-bench-")
    b2.set_device("cpp_standalone", directory=directory.name, build_on_run=False)
    network, duration, counter = build(b2, document)
    network.run(duration)
    b2.device.build(directory=directory.name, compile=True, run=False, with_output=False)
    count = b2.device.get_array_filename(counter.variables["N"])
    results = Path(directory.name) / "results"

    def measure(_keep=directory):
        subprocess.run(["./main"], cwd=directory.name, check=True, stdout=subprocess.DEVNULL)
        # From the first step to the last one, without set-up, connecting and results.
        seconds = float((results / "last_run_info.txt").read_text().split()[0])
        return {"seconds": seconds, "spikes": int(numpy.fromfile(results / count, dtype=numpy.int32)[0])}

    return measure


def cython(b2, document):
    """Compiles in a run of no duration; the measurement is a run from the state before it."""
    b2.prefs.codegen.target = "cython"
    network, duration, counter = build(b2, document)
    network.run(0 * b2.ms)
    network.store()

    def measure():
        network.restore()
        before = counter.num_spikes
        loop = []
        # Called before the first step and after the last one, with the time since the former.
        network.run(duration, report=lambda elapsed, *_: loop.append(float(elapsed)), report_period=1e6 * b2.second)
        return {"seconds": loop[-1], "spikes": int(counter.num_spikes - before)}

    return measure


def main():
    answers = protocol.claim_output()
    b2 = protocol.require(answers, "brian2")
    document = tomllib.loads(Path(sys.argv[1]).read_text())
    kind = sys.argv[2]
    measure = cython(b2, document) if kind == "cython" else standalone(b2, document, kind == "standalone-precise")
    protocol.serve(answers, f"Brian2 {b2.__version__}", measure)


main()
