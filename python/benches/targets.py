"""How long Brian2's targets take: from a script to its first time step, and for the steps.

    python python/benches/targets.py [--rounds N] [--cold N] [--cppyy PYTHON] [--markdown FILE] [MODEL ...]

Each time is the median of fresh processes, the targets taking turns; `cold` begins with an empty cache or store. `before_run`
is what Brian2 does between `run` and the first time step, and for saltus and Cython the compiling that it waits for; what it
does not wait for is in the steps. The target cppyy is in no release of Brian2: `--cppyy` names a Python that has a branch with
it. Another machine, another day, another number: compare the rows of one table.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

MODELS = {
    "hh": """
area = 20000*umetre**2
Cm = 1*ufarad*cm**-2*area; gl = 5e-5*siemens*cm**-2*area; El = -65*mV; EK = -90*mV; ENa = 50*mV
g_na = 100*msiemens*cm**-2*area; g_kd = 30*msiemens*cm**-2*area; VT = -63*mV
cells = NeuronGroup(100, '''
dv/dt = (gl*(El-v) - g_na*(m*m*m)*h*(v-ENa) - g_kd*(n*n*n*n)*(v-EK) + I)/Cm : volt
dm/dt = 0.32*(mV**-1)*4*mV/exprel((13.*mV-v+VT)/(4*mV))/ms*(1-m)-0.28*(mV**-1)*5*mV/exprel((v-VT-40.*mV)/(5*mV))/ms*m : 1
dn/dt = 0.032*(mV**-1)*5*mV/exprel((15.*mV-v+VT)/(5*mV))/ms*(1.-n)-.5*exp((10.*mV-v+VT)/(40.*mV))/ms*n : 1
dh/dt = 0.128*exp((17.*mV-v+VT)/(18.*mV))/ms*(1.-h)-4./(1+exp((40.*mV-v+VT)/(5.*mV)))/ms*h : 1
I : amp
''', threshold='v > -40*mV', refractory='v > -40*mV', method='exponential_euler')
cells.v = El
cells.I = '0.7*nA * i / 100'
spikes = SpikeMonitor(cells)
duration = 500*ms
""",
    "cuba": """
taum = 20*ms; taue = 5*ms; taui = 10*ms; Vt = -50*mV; Vr = -60*mV; El = -49*mV
cells = NeuronGroup(4000, '''
dv/dt = (ge+gi-(v-El))/taum : volt (unless refractory)
dge/dt = -ge/taue : volt
dgi/dt = -gi/taui : volt
''', threshold='v > Vt', reset='v = Vr', refractory=5*ms, method='exact')
cells.v = 'Vr + rand() * (Vt - Vr)'
we = (60*0.27/10)*mV; wi = (-20*4.5/10)*mV
excitatory = Synapses(cells, cells, on_pre='ge += we'); excitatory.connect('i < 3200', p=0.02)
inhibitory = Synapses(cells, cells, on_pre='gi += wi'); inhibitory.connect('i >= 3200', p=0.02)
spikes = SpikeMonitor(cells)
duration = 1*second
""",
    "cobahh": """
area = 20000*umetre**2
Cm = 1*ufarad*cm**-2*area; gl = 5e-5*siemens*cm**-2*area; El = -60*mV; EK = -90*mV; ENa = 50*mV
g_na = 100*msiemens*cm**-2*area; g_kd = 30*msiemens*cm**-2*area; VT = -63*mV
taue = 5*ms; taui = 10*ms; Ee = 0*mV; Ei = -80*mV; we = 6*nS; wi = 67*nS
cells = NeuronGroup(4000, '''
dv/dt = (gl*(El-v)+ge*(Ee-v)+gi*(Ei-v)-g_na*(m*m*m)*h*(v-ENa)-g_kd*(n*n*n*n)*(v-EK))/Cm : volt
dm/dt = alpha_m*(1-m)-beta_m*m : 1
dn/dt = alpha_n*(1-n)-beta_n*n : 1
dh/dt = alpha_h*(1-h)-beta_h*h : 1
dge/dt = -ge*(1./taue) : siemens
dgi/dt = -gi*(1./taui) : siemens
alpha_m = 0.32*(mV**-1)*4*mV/exprel((13*mV-v+VT)/(4*mV))/ms : Hz
beta_m = 0.28*(mV**-1)*5*mV/exprel((v-VT-40*mV)/(5*mV))/ms : Hz
alpha_h = 0.128*exp((17*mV-v+VT)/(18*mV))/ms : Hz
beta_h = 4./(1+exp((40*mV-v+VT)/(5*mV)))/ms : Hz
alpha_n = 0.032*(mV**-1)*5*mV/exprel((15*mV-v+VT)/(5*mV))/ms : Hz
beta_n = .5*exp((10*mV-v+VT)/(40*mV))/ms : Hz
''', threshold='v > -20*mV', refractory=3*ms, method='exponential_euler')
excitatory = Synapses(cells, cells, on_pre='ge += we'); excitatory.connect('i < 3200', p=0.02)
inhibitory = Synapses(cells, cells, on_pre='gi += wi'); inhibitory.connect('i >= 3200', p=0.02)
cells.v = 'El + (randn() * 5 - 5)*mV'
cells.ge = '(randn() * 1.5 + 4) * 10.*nS'
cells.gi = '(randn() * 12 + 20) * 10.*nS'
spikes = SpikeMonitor(cells)
duration = 200*ms
""",
}

#: What runs the code, and whether it begins with an empty cache.
VARIANTS = (
    ("numpy", False),
    ("cython", True),
    ("cython", False),
    ("cppyy", False),
    ("saltus", True),
    ("saltus", False),
)

#: Those that keep compiled code.
CACHING = ("cython", "saltus")

SCRIPT = """
import json, os, sys, time
from brian2 import *
target, cache = sys.argv[1:3]
if target == "saltus":
    import saltus
    saltus.activate()
    prefs.codegen.runtime.saltus.cache_dir = cache
else:
    prefs.codegen.target = target
    if target == "cython":
        prefs.codegen.runtime.cython.cache_dir = cache
if target != "cppyy":
    seed(42)
times = {}
def timed(name):
    original = getattr(Network, name)
    def run(self, *args, **kwds):
        start = time.perf_counter()
        try:
            return original(self, *args, **kwds)
        finally:
            times[name] = times.get(name, 0) + time.perf_counter() - start
    setattr(Network, name, run)
timed("before_run")
start = time.perf_counter()
exec(compile(MODEL, "model", "exec"))
times["build"] = time.perf_counter() - start
network = Network(collect())
start = time.perf_counter()
network.run(duration, namespace=get_local_namespace(0))
times["steps"] = time.perf_counter() - start - times["before_run"]
times["spikes"] = int(spikes.num_spikes)
if target == "saltus":
    # Looking at what ran is part of the script.
    start = time.perf_counter()
    look = saltus.introspector()
    assert len(look.list()) > 0 and "kernel" in look.inspect("*stateupdater*") and len(look.params("*stateupdater*")) > 0
    times["look"] = time.perf_counter() - start
print("TIMES", json.dumps(times))
"""


def measure(model, target, cache, python):
    """The times of one process in seconds, and the number of spikes; None if the target does not run the model."""
    script = f"MODEL = {MODELS[model]!r}\n{SCRIPT}"
    run = subprocess.run(
        [python, "-c", script, target, cache], capture_output=True, text=True, env=dict(os.environ, MPLBACKEND="Agg")
    )
    lines = [line for line in run.stdout.splitlines() if line.startswith("TIMES ")]
    if lines:
        return json.loads(lines[0].removeprefix("TIMES "))
    if target != "cppyy":
        sys.exit(run.stderr)
    return None


def measured(model, rounds, cold_rounds, pythons):
    """All runs of each variant, in turns; Cython begins with an empty cache in the first rounds only."""
    found = {variant: [] for variant in VARIANTS if variant[0] in pythons}
    with tempfile.TemporaryDirectory() as warm:
        for target, is_cold in found:
            if target in CACHING and not is_cold:
                measure(model, target, f"{warm}/{target}", pythons[target])
        for number in range(rounds):
            for target, is_cold in found:
                if target == "cython" and is_cold and number >= cold_rounds:
                    continue
                with tempfile.TemporaryDirectory() as cold:
                    cache = cold if is_cold else f"{warm}/{target}"
                    found[target, is_cold].append(measure(model, target, cache, pythons[target]))
                print(f"\r{model}: round {number + 1} of {rounds}, {target:8}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return found


def rows(found):
    """What a table shows of each variant: medians in milliseconds, and ratios."""
    middle = {
        variant: {name: statistics.median(run[name] for run in runs) for name in runs[0]}
        for variant, runs in found.items()
        if None not in runs
    }
    numpy, cython = middle["numpy", False], middle["cython", False]
    for variant in found:
        target, is_cold = variant
        name = target if target not in CACHING else f"{target}, {'cold' if is_cold else 'warm'}"
        if variant not in middle:
            yield (name, "does not run", *[""] * 5)
            continue
        times = middle[variant]
        yield (
            name,
            f"{times['build'] * 1e3:.0f}",
            f"{times['before_run'] * 1e3:.0f}",
            f"{times['before_run'] / numpy['before_run']:.2f}",
            f"{times['steps'] * 1e3:.0f}",
            f"{cython['steps'] / times['steps']:.2f}",
            f"{times['spikes']:.0f}",
        )


HEADINGS = ("target", "objects, ms", "before_run, ms", "to numpy's", "steps, ms", "faster than Cython", "spikes")


def table(lines):
    """A table of Markdown."""
    widths = [max(len(line[k]) for line in lines) for k in range(len(HEADINGS))]
    text = ["| " + " | ".join(cell.ljust(w) for cell, w in zip(line, widths)) + " |" for line in lines]
    return "\n".join([text[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *text[1:]])


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--rounds", type=int, default=10)
    arguments.add_argument("--cold", type=int, default=3, help="rounds with an empty cache for Cython, which take long")
    arguments.add_argument("--cppyy", metavar="PYTHON", help="a Python whose Brian2 has the target cppyy")
    arguments.add_argument("--markdown", metavar="FILE", help="where the tables go, besides the terminal")
    arguments.add_argument("models", nargs="*", metavar="MODEL", help=f"of {', '.join(MODELS)}; all if there is none")
    parser, arguments = arguments, arguments.parse_args()
    unknown = [model for model in arguments.models if model not in MODELS]
    if unknown:
        parser.error(f"there is no model `{unknown[0]}`: there are {', '.join(MODELS)}")
    pythons = dict.fromkeys(("numpy", "cython", "saltus"), sys.executable)
    if arguments.cppyy:
        pythons["cppyy"] = arguments.cppyy
    texts = []
    for model in arguments.models or MODELS:
        found = measured(model, arguments.rounds, arguments.cold, pythons)
        texts.append(f"### {model}, {arguments.rounds} rounds\n\n" + table([HEADINGS, *rows(found)]) + "\n")
        print(texts[-1], flush=True)
    if arguments.markdown:
        with open(arguments.markdown, "w") as file:
            file.write("\n".join(texts))


if __name__ == "__main__":
    main()
