"""Runs the cases of a script with Brian2's NumPy target and writes what they return to SCRIPT.json.

Values are in SI units; `sec` gives milliseconds. An error becomes {"error": its class}. Run a script in this directory
with Brian2 2.10.1 installed: `python linked.py`.
"""
import atexit
import gc
import json
import os
import sys

import brian2 as b2
import numpy as np
from brian2 import *

b2.prefs.codegen.target = 'numpy'
b2.prefs.logging.file_log = False
b2.BrianLogger.log_level_error()
results = {}
kept = []  # every object of a case lives until its results are copied
make_object = b2.BrianObject.__init__


def keep_object(self, *arguments, **options):
    kept.append(self)
    make_object(self, *arguments, **options)


b2.BrianObject.__init__ = keep_object


def plain(x):
    """Numbers, texts, lists and dictionaries of them."""
    if isinstance(x, dict):
        return {str(k): plain(v) for k, v in x.items()}
    if isinstance(x, Quantity):
        x = np.asarray(x)
    if isinstance(x, np.ndarray):
        x = x.tolist()
    if isinstance(x, np.generic):
        x = x.item()
    if isinstance(x, (list, tuple)):
        return [plain(v) for v in x]
    if isinstance(x, float) and not np.isfinite(x):
        return str(x)
    if x is None or isinstance(x, (bool, int, float, str)):
        return x
    try:
        return plain(np.asarray(x if getattr(x, 'scalar', False) else x[:]))
    except Exception:
        return repr(x)


def num(x):
    """A number of one element, also a view of one."""
    return float(np.asarray(x))


def sec(t):
    """A time, also a view of one, as a number of milliseconds."""
    return round(float(np.asarray(t)) * 1e3, 6)


def error_of(f):
    """The value of calling f, or the class of its error."""
    try:
        return plain(f())
    except BaseException as error:
        while error.__cause__:
            error = error.__cause__
        return {'error': type(error).__name__}


def case(f):
    """Calls f in a world of its own and keeps what it returns."""
    b2.start_scope()
    b2.defaultclock.dt = 0.1 * b2.ms
    b2.defaultclock._old_dt = None
    b2.defaultclock._set_t_update_dt(0 * b2.second)
    b2.seed(1)
    results[f.__name__] = error_of(f)
    kept.clear()
    gc.collect()
    return f


@atexit.register
def write():
    name = os.path.splitext(os.path.basename(sys.argv[0]))[0]
    with open(name + '.json', 'w') as f:
        f.write('{\n' + ',\n'.join(f'{json.dumps(k)}: {json.dumps(v)}' for k, v in results.items()) + '\n}\n')
