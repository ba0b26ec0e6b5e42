"""Synapses in Brian2: `brian2_synapses.py same|each SOURCES TARGETS STEPS` and `connect standalone|cython SIDE`.

`same` and `each`: all sources spike at each step, half of all pairs are connected, and all synapses have the same delay, or
each its own. `connect`: a tenth of SIDE x SIDE pairs.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import protocol


def standalone(b2):
    directory = tempfile.TemporaryDirectory(prefix="saltus-bench-")
    b2.set_device("cpp_standalone", directory=directory.name, build_on_run=False)
    return directory


def build(b2, directory):
    b2.device.build(directory=directory.name, compile=True, run=False, with_output=False)
    # Kept until the program ends.
    return lambda _keep=directory: subprocess.run(["./main"], cwd=directory.name, check=True, stdout=subprocess.DEVNULL)


def throughput(b2, delays, n_sources, n_targets, steps):
    directory = standalone(b2)
    sources = b2.NeuronGroup(n_sources, "x : 1", threshold="x >= 0", reset="")
    targets = b2.NeuronGroup(n_targets, "v : 1")
    delay = {"delay": 1 * b2.ms} if delays == "same" else {}
    synapses = b2.Synapses(sources, targets, "w : 1", on_pre="v_post += w", **delay)
    synapses.connect(p=0.5)
    synapses.w = "rand()"
    if delays == "each":
        synapses.pre.delay = "rand()*2*ms"
    b2.Network(sources, targets, synapses).run(steps * b2.defaultclock.dt)
    run = build(b2, directory)

    def measure():
        run()
        info = Path(directory.name) / "results" / "last_run_info.txt"
        return {"seconds": float(info.read_text().split()[0])}

    return measure


def pair(b2, side):
    cells = b2.NeuronGroup(side, "v : 1", threshold="False", reset="")
    return cells, b2.Synapses(cells, cells, on_pre="v_post += 1")


def connect_standalone(b2, side):
    directory = standalone(b2)
    cells, synapses = pair(b2, side)
    clock = "std::chrono::steady_clock::now()"
    b2.device.insert_code("main", f"const auto before_connecting = {clock};")
    synapses.connect(p=0.1)
    taken = f"std::chrono::duration<double>({clock} - before_connecting).count()"
    b2.device.insert_code("main", f'std::ofstream("connecting.txt") << {taken};')
    b2.Network(cells, synapses).run(b2.defaultclock.dt)
    run = build(b2, directory)

    def measure():
        run()
        count = b2.device.get_array_filename(synapses.variables["N"])
        made = int.from_bytes((Path(directory.name) / "results" / count).read_bytes()[:4], "little")
        return {"seconds": float((Path(directory.name) / "connecting.txt").read_text()), "synapses": made}

    return measure


def connect_cython(b2, side):
    b2.prefs.codegen.target = "cython"
    def measure():
        _cells, synapses = pair(b2, side)
        started = time.perf_counter()
        synapses.connect(p=0.1)
        return {"seconds": time.perf_counter() - started, "synapses": len(synapses)}

    # Compiles.
    measure()
    return measure


def main():
    answers = protocol.claim_output()
    b2 = protocol.require(answers, "brian2")
    what, *rest = sys.argv[1:]
    if what == "connect":
        kind, side = rest
        measure = {"standalone": connect_standalone, "cython": connect_cython}[kind](b2, int(side))
    else:
        measure = throughput(b2, what, *(int(number) for number in rest))
    protocol.serve(answers, f"Brian2 {b2.__version__}", measure)


main()
