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


class _Column:
    """Values for a chunk of candidates, where a kernel looks for a dynamic array."""

    resize_along_first = None

    def __init__(self):
        self.data = np.empty(0, dtype=np.int32)

    def set(self, values):
        self.data = np.ascontiguousarray(values, dtype=np.int32)


#: Candidates that are looked at together, unless one row has more.
_CHUNK = 1 << 20


class _Block:
    """The statements of a block, over columns that are set before each run."""

    def __init__(self, codeobj, name, columns, outputs):
        plan = codeobj.code
        scalar, vector = plan.scalar[name], plan.vector[name]
        written = {statement[0] for statement in (*scalar, *vector)}
        self.outputs = [(output, dtype) for output, dtype in outputs if output in written]
        self.room = _Column()
        self.room.set([0])
        more = {
            column: (("array", column, "int32", None, None), values)
            for column, values in columns.items()
            if column not in written
        }
        self._code = runs.code(
            codeobj,
            "each",
            scalar=scalar,
            vector=vector,
            outputs=self.outputs,
            room=self.room,
            lasting=False,
            more=more,
        )

    def run(self, n):
        """The values of the outputs, by their names, for the candidates that the columns have."""
        self.room.set([n])
        self._code.run(n)
        return {name: runs._output(self._code, name, np.dtype(dtype), None, n) for name, dtype in self.outputs}


def create_generator(codeobj):
    """Synapses that a generator makes: for each cell at one end, those at the other end."""
    kwds = codeobj.code.kwds
    outer, result, inner = kwds["outer_index"], kwds["result_index"], kwds["inner_variable"]
    outer_array, result_array = kwds["outer_index_array"], kwds["result_index_array"]
    outer_size, result_size = (runs._length(codeobj, kwds[name]) for name in ("outer_index_size", "result_index_size"))
    outer_offset, result_offset = (
        runs._length(codeobj, kwds[name]) for name in ("outer_index_offset", "result_index_offset")
    )
    skips, is_sample = kwds["skip_if_invalid"], kwds["iterator_func"] == "sample"
    is_fixed = is_sample and kwds["iterator_kwds"]["sample_size"] == "fixed"
    of_result, used = kwds["result_index_condition"], kwds["result_index_used"]

    rows = {f"_{outer}": _Column(), f"_raw{outer_array}": _Column(), outer_array: _Column()}
    candidates = {name: _Column() for name in rows}
    candidates[inner] = _Column()
    results = {**candidates, f"_{result}": _Column(), f"_raw{result_array}": _Column(), result_array: _Column()}
    iterators = [("_iter_low", "int32"), ("_iter_high", "int32"), ("_iter_step", "int32")]
    iterators += [("_iter_size", "int32") if is_fixed else ("_iter_p", "float64")] if is_sample else []
    setup = _Block(codeobj, "setup_iterator", rows, iterators)
    condition = _Block(codeobj, "create_cond", results if of_result else rows, [("_cond", "bool")])
    generator = _Block(codeobj, "generator_expr", candidates, [(f"_{result}", "int32")])
    update = _Block(codeobj, "update", results, [("_n", "int32")])

    def check(found):
        """Which of the results are cells at the other end."""
        there = (found >= 0) & (found < result_size)
        if not skips and not there.all():
            wrong = found[np.argmin(there)]
            raise IndexError(f"index {result}={wrong} outside allowed range from 0 to {result_size - 1}")
        return there

    def set_rows(columns, numbers):
        for name in rows:
            columns[name].set(numbers if name == f"_{outer}" else numbers + outer_offset)

    def set_results(kept, found):
        for name in (inner, *rows):
            candidates[name].set(candidates[name].data[kept])
        results[f"_{result}"].set(found)
        results[f"_raw{result_array}"].set(found + result_offset)
        results[result_array].set(found + result_offset)

    def chunk(numbers):
        set_rows(rows, numbers)
        if not of_result and condition.outputs:
            numbers = numbers[condition.run(len(numbers))["_cond"]]
            set_rows(rows, numbers)
        told = setup.run(len(numbers))
        low = told.get("_iter_low", np.zeros(len(numbers), np.int32))
        step = told.get("_iter_step", np.ones(len(numbers), np.int32))
        return numbers, low, told["_iter_high"], step, told.get("_iter_p"), told.get("_iter_size")

    sources, targets = [], []

    def grow(numbers, counts, values):
        set_rows(candidates, np.repeat(numbers, counts))
        candidates[inner].set(values)
        found = generator.run(len(values))[f"_{result}"]
        kept = np.ones(len(found), dtype=bool)
        if of_result:
            if used:
                kept = check(found)
                set_results(kept, found[kept])
                found = found[kept]
            else:
                set_results(kept, found)
            if condition.outputs:
                kept = condition.run(len(found))["_cond"]
                set_results(kept, found[kept])
                found = found[kept]
        if not used:
            kept = check(found)
            set_results(kept, found[kept])
            found = found[kept]
        n = update.run(len(found)).get("_n", np.ones(len(found), np.int32))
        ends = {
            outer: np.repeat(candidates[f"_raw{outer_array}"].data, np.maximum(n, 0)),
            result: np.repeat(found + result_offset, np.maximum(n, 0)),
        }
        sources.append(ends["i"])
        targets.append(ends["j"])

    # Rows are set up together; what they iterate over is made for as many at once as a chunk has room for.
    numbers, low, high, step, p, size = chunk(np.arange(outer_size, dtype=np.int32))
    most = np.maximum(-(-(high.astype(np.int64) - low) // np.where(step == 0, 1, step)), 0)
    expected = most if not is_sample else (most * p if p is not None else np.maximum(size, 0))
    bounds = np.searchsorted(np.cumsum(expected), np.arange(_CHUNK, np.sum(expected) + _CHUNK, _CHUNK), side="right")
    begin = 0
    for end in [*bounds.tolist(), len(numbers)]:
        end = min(max(end, begin + 1), len(numbers))
        if begin >= end:
            continue
        part = slice(begin, end)
        counts, values = _core.iterate(
            low[part],
            high[part],
            step[part],
            None if p is None else p[part],
            None if size is None else size[part],
            skips,
        )
        grow(numbers[part], np.frombuffer(counts, np.int32), np.frombuffer(values, np.int32))
        begin = end
    empty = [np.empty(0, dtype=np.int32)]
    _append(codeobj, np.concatenate(sources or empty), np.concatenate(targets or empty))
