"""Runs one script for Brian2 on one target, in a process of its own, and keeps all that it computed.

``python record_script.py JOB``, where JOB is a JSON text: ``script``, ``target``, ``results`` (a file of NumPy arrays
to be written), ``cache`` (a directory for what is compiled), ``functions`` (whether Cython is to call our elementary
functions, which are loaded before those of C), and, null if not wanted, ``seed`` and ``longest`` (milliseconds that any
run lasts at most). The script itself is not changed.
"""

import collections
import itertools
import json
import os
import runpy
import sys
import traceback
import weakref

import numpy as np

#: What the compiler of Brian2's own targets is told: no arithmetic but what is written, and no long wait for it.
STRICT = ["-w", "-O1", "-ffp-contract=off", "-std=c++17"]


class Record:
    """The arrays of every object as they were after the last run that it took part in, and the code objects made."""

    def __init__(self):
        self.arrays, self.code = {}, collections.Counter()
        self._numbers, self._next = weakref.WeakKeyDictionary(), itertools.count()

    def keep(self, objects):
        """Copies what these objects hold; they are told apart by when they were first seen, and by name."""
        from brian2.core.variables import ArrayVariable

        for owner in sorted(objects, key=lambda owner: owner.name):
            known = getattr(owner, "variables", {}).items()
            arrays = {name: variable for name, variable in known if isinstance(variable, ArrayVariable)}
            own = {
                name: variable
                for name, variable in arrays.items()
                if not name.startswith("_") and variable.owner.name == owner.name
            }
            if not own:
                continue
            if owner not in self._numbers:
                self._numbers[owner] = next(self._next)
            title = f"{self._numbers[owner]:03} {type(owner).__name__} {owner.name}"
            for name, variable in own.items():
                self.arrays[f"{title}.{name}"] = np.array(variable.get_value())

    def watch(self, longest):
        """Lets every run of a network be recorded, and last no longer than this."""
        from brian2 import Network, ms
        from brian2.codegen.codeobject import CodeObject

        record, run, after_run, made = self, Network.run, Network.after_run, CodeObject.__init__

        def run_not_longer(self, duration, *args, level=0, **kwds):
            if longest is not None:
                duration = min(duration, longest * ms)
            return run(self, duration, *args, level=level + 1, **kwds)

        def record_after_run(self):
            objects = list(self.sorted_objects)
            after_run(self)
            record.keep(objects)

        def count(self, *args, **kwds):
            record.code[type(self).__name__] += 1
            made(self, *args, **kwds)

        Network.run, Network.after_run, CodeObject.__init__ = run_not_longer, record_after_run, count


def choose(target, cache):
    """Lets networks run on this target, also where a script chooses another."""
    from brian2 import prefs

    if target == "saltus":
        from saltus.activation import register

        register()
        prefs.codegen.runtime.saltus.cache_dir = cache
    else:
        prefs.codegen.cpp.extra_compile_args_gcc = STRICT
        prefs.codegen.runtime.cython.cache_dir = cache
    prefs.codegen.target = target
    put = type(prefs).__setitem__

    def put_but_for_target(self, name, value):
        put(self, name, target if name == "codegen.target" else value)

    type(prefs).__setitem__ = put_but_for_target


def take_our_exprel():
    """Lets Cython call the one function of ours that takes the place of none in the library of C."""
    from brian2.codegen.generators.cython_generator import CythonCodeGenerator
    from brian2.core.functions import DEFAULT_FUNCTIONS

    name = "saltus_exprel_of_kernels"
    declared = f'''
cdef extern from *:
    """
    extern "C" double {name}(double);
    """
    double {name}(double) nogil
'''
    exprel = DEFAULT_FUNCTIONS["exprel"].implementations
    exprel.add_implementation(CythonCodeGenerator, code=declared, name=name)


def main(job):
    import brian2

    choose(job["target"], job["cache"])
    if job["functions"]:
        take_our_exprel()
    record = Record()
    record.watch(job["longest"])
    if job["seed"] is not None:
        brian2.seed(job["seed"])
    script, ended = job["script"], ""
    # As Python does for a script that it is given.
    sys.argv, sys.path[0] = [script], os.path.dirname(script)
    try:
        runpy.run_path(script, run_name="__main__")
    except Exception as exc:
        # Some draw with what newer releases of libraries lack; what they computed before is there all the same.
        ended = "".join(traceback.format_exception_only(exc)).strip()
        traceback.print_exc()
    told = {"code": record.code, "ended": ended}
    np.savez(job["results"], told=np.array(json.dumps(told)), **record.arrays)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
