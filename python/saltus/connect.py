"""Making synapses: from lists, and from generators."""

import numpy as np

from saltus import _core, runs


def _append(codeobj, sources, targets):
    """Adds synapses between these cells, counted in their whole groups."""
    owner, variables = codeobj.owner, codeobj.variables
    old = int(variables["N"].get_value()[0])
    new = old + len(sources)
    for name, cells in (("_synaptic_pre", sources), ("_synaptic_post", targets)):
        array = codeobj.array(variables[name])
        array.resize(new)
        array.data[old:] = cells
    owner._resize(new)
    owner._update_synapse_numbers(old)


def create_array(codeobj):
    """Synapses between the cells of two lists."""
    n = len(codeobj.variables["sources"].get_value())
    outputs = [("_real_sources", "int32"), ("_real_targets", "int32")]
    made = runs.code(codeobj, "each", outputs=outputs, room=n, lasting=False)
    made.run(n)
    _append(codeobj, *(runs._output(made, name, np.int32, None, n) for name, _ in outputs))
