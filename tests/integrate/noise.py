"""Writes noise.json: what the state updaters of Brian2 2.10.1 make of a few steps with given random numbers.

Run it with a Python that has Brian2, in this folder. Its abstract code is evaluated in doubles with `randn()` replaced by
the numbers of the case; `ta` and `tb` are timed arrays, the first of which is constant over a step.
"""

import json
import math
import re

from brian2 import NeuronGroup, Network, TimedArray, defaultclock, ms, prefs, second

prefs.codegen.target = "numpy"
DT = 1e-4
STEPS = 3
defaultclock.dt = DT * second
CONSTANTS = {"tau": 0.01, "sigma": 0.7, "a": 1.5, "b": -0.4, "c": 0.9}
START = {"v": 0.3, "w": -1.2, "u": 2.0}
ARRAYS = {"ta": 1e-4, "tb": 0.3e-4}
VALUES = [1.0, 2.5, -0.5, 4.0, 0.25, 3.0, 1.5, -2.0, 0.75, 6.0, 5.0, 0.5]
# Standard normal numbers, or nearly so.
DRAWS = {
    "xi": [0.5377, 1.8339, -2.2588],
    "xi_1": [0.8622, 0.3188, -1.3077],
    "xi_2": [-0.4336, 0.3426, 3.5784],
}

DECAY = "dv/dt = -v/tau : 1\n"
COUPLED = "dw/dt = (v - w)/tau : 1\n"
CASES = [
    # One noise, additive.
    ("euler heun milstein", "dv/dt = -v/tau + sigma*(2/tau)**0.5*xi : 1"),
    ("euler heun milstein", "dv/dt = (a - v + sigma*second**0.5*xi)/tau : 1\n" + COUPLED),
    ("euler heun milstein", "dv/dt = sigma*xi/tau**0.5 : 1\ndw/dt = b*(v - w)/tau : 1"),
    ("euler heun milstein", DECAY + COUPLED),
    # Factors that depend on time.
    ("euler heun milstein", "dv/dt = -v/tau + ta(t)*xi/tau**0.5 : 1"),
    ("heun milstein", "dv/dt = -v/tau + tb(t)*xi/tau**0.5 : 1"),
    ("heun milstein", "dv/dt = -v/tau + cos(t/ms)*v*xi/tau**0.5 : 1"),
    # Several noises.
    ("euler heun", "dv/dt = -v/tau + (a*xi_1 + b*xi_2)/tau**0.5 : 1\ndw/dt = -w/tau + c*xi_1/tau**0.5 : 1"),
    ("euler heun milstein", "dv/dt = -w/tau + a*xi_2/tau**0.5 : 1\ndw/dt = v/tau + b*xi_1/tau**0.5 : 1"),
    # Products.
    ("heun milstein", "dv/dt = a*v/tau + sigma*v*xi/tau**0.5 : 1"),
    ("heun milstein", "dv/dt = -v/tau + sigma*v*w*xi_1/tau**0.5 : 1\n" + COUPLED),
    ("heun milstein", "dv/dt = -v/tau + sin(v*w*u)*xi_1/tau**0.5 : 1\n"
                      "dw/dt = (u - w)/tau + exp(-v**2)*xi_2/tau**0.5 : 1\ndu/dt = (v - u)/tau : 1"),
    ("heun", "dv/dt = -v/tau + a*v*w*xi_1/tau**0.5 + b*w*xi_2/tau**0.5 : 1\n"
             "dw/dt = -w/tau + c*v*sin(t/ms)*xi_1/tau**0.5 : 1\ndu/dt = (v - u)/tau + v*xi_2/tau**0.5 : 1"),
    ("heun milstein", "dv/dt = (a - v)/tau + xi/(1 + v**2)/tau**0.5 : 1"),
    # Through subexpressions.
    ("heun milstein", "gain = a + w : 1\nI = gain*v*xi_1*(second/tau)**0.5*second**-0.5 : Hz\n"
                      "drive = gain*cos(t/ms) : 1\ndv/dt = (drive - v)/tau + I : 1\n" + COUPLED),
    ("euler heun milstein", "gain = a + b : 1\nI = gain*xi_1/tau**0.5 : Hz\ndv/dt = -v/tau + 2*I : 1"),
    # Refractoriness.
    ("heun milstein", "dv/dt = -v/tau + a*v*xi_1/tau**0.5 : 1 (unless refractory)\n"
                      "dw/dt = -w/tau + c*v*xi_2/tau**0.5 : 1"),
    ("euler", "dv/dt = -v/tau + a*xi_1/tau**0.5 : 1 (unless refractory)\ndw/dt = (v - w)/tau + b*xi_1/tau**0.5 : 1"),
    ("heun", "dv/dt = -v/tau + a*v*w*xi_1/tau**0.5 : 1 (unless refractory)\ndw/dt = -w/tau + v*xi_1/tau**0.5 : 1"),
]


def at(name, seconds):
    """The value of a timed array: the same function is in the test."""
    return VALUES[min(max(math.floor(seconds / ARRAYS[name] + 1e-3), 0), len(VALUES) - 1)]


def code_of(method, equations):
    """The abstract code of one step."""
    protected = "unless refractory" in equations
    namespace = {"tau": CONSTANTS["tau"] * second, **{n: TimedArray(VALUES, dt=dt * second) for n, dt in ARRAYS.items()}}
    namespace.update({n: x for n, x in CONSTANTS.items() if n != "tau"})
    group = NeuronGroup(1, equations, method=method, threshold="v > 1e9" if protected else None,
                        refractory=5 * ms if protected else False, namespace=namespace)
    Network(group).run(0 * ms)
    lines = group.state_updater.abstract_code.splitlines()
    return [line for line in lines if line.strip() and not line.startswith("not_refractory =")]


def steps(method, equations, not_refractory):
    """The values after some steps."""
    code = code_of(method, equations)
    state = {n: x for n, x in START.items() if f"d{n}/dt" in equations}
    for step in range(STEPS):
        names = {"exp": math.exp, "sin": math.sin, "cos": math.cos, "second": 1.0, "ms": 1e-3, "dt": DT, "t": step * DT}
        names |= {n: (lambda seconds, n=n: at(n, seconds)) for n in ARRAYS}
        names |= CONSTANTS | state | {"not_refractory": not_refractory}
        for line in code:
            drawn = re.fullmatch(r"(xi\w*) = dt\*\*\.5 \* randn\(\)", line)
            if drawn:
                names[drawn[1]] = DT**0.5 * DRAWS[drawn[1]][step]
            else:
                exec(line, names)
        state = {n: names[n] for n in state}
    return state


def main():
    """Runs all cases."""
    out = []
    for methods, equations in CASES:
        for method in methods.split():
            for not_refractory in [True, False] if "unless refractory" in equations else [True]:
                end = steps(method, equations, not_refractory)
                out.append({"method": method, "equations": equations, "not_refractory": not_refractory, "end": end})
    given = {"dt": DT, "steps": STEPS, "constants": CONSTANTS, "start": START}
    given |= {"draws": DRAWS, "arrays": ARRAYS, "values": VALUES}
    cases = ",\n".join(json.dumps(case) for case in out)
    with open("noise.json", "w", encoding="utf-8") as file:
        file.write(f'{{"given": {json.dumps(given)},\n"cases": [\n{cases}\n]}}\n')


main()
