"""Looking at the code that a script runs on saltus, and changing it, in a terminal or in a notebook.

Brian2 makes its code objects anew at every ``run``; the number that it puts behind a name which is still taken
(``…_codeobject_1``) is left out here, and of several with one name the newest is meant.
"""

import fnmatch
import itertools
import weakref
from collections import Counter

import numpy as np
from brian2 import prefs
from brian2.core.functions import DEFAULT_CONSTANTS, DEFAULT_FUNCTIONS, Function
from brian2.core.namespace import get_local_namespace
from brian2.core.variables import ArrayVariable, Constant
from brian2.units.fundamentalunits import Quantity

from saltus import _core, preferences, sources
from saltus.views import Page, Table, Text

_alive = weakref.WeakSet()
_numbers = itertools.count()


def note(codeobj):
    """Remembers a code object for as long as it lives."""
    codeobj.number = next(_numbers)
    _alive.add(codeobj)


def forget(codeobj):
    """Remembers it no more: what is made for a look is none of the script's."""
    _alive.discard(codeobj)


def _found(pattern):
    newest = {}
    for codeobj in sorted(_alive, key=lambda codeobj: codeobj.number):
        if any(fnmatch.fnmatchcase(name, pattern) for name in (codeobj.name, codeobj.base)):
            newest[codeobj.base] = codeobj
    return [newest[name] for name in sorted(newest)]


def is_code_object(pattern):
    """Whether a name, or a pattern, fits one that lives."""
    return bool(_found(pattern))


def code_object(pattern):
    """The one that a name, or a pattern, fits."""
    found = _found(pattern)
    if len(found) != 1:
        known = ", ".join(codeobj.base for codeobj in found or _found("*"))
        raise KeyError(f"{pattern!r} fits {len(found)} code objects; there are: {known or 'none before a run'}")
    return found[0]


def _kernel(pattern):
    """Of the one code object that a pattern fits, its name and the kernel that it runs at every step."""
    codeobj = code_object(pattern)
    for kernel in codeobj.kernels():
        if kernel.is_lasting:
            return codeobj.base, kernel
    has_code = "runs once" if codeobj.kernels() else "has no code of its own"
    raise ValueError(f"{codeobj.base} {has_code}: there is no kernel to replace")


def _duration(seconds):
    if seconds is None:
        return ""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1e3:.3g} ms"


def _value(variable):
    """The value of a variable as text: of several the smallest and the largest."""
    values = np.asarray(variable.get_value())
    if values.size == 0:
        return ""
    ends = (values.min(), values.max())
    if values.dtype != bool:
        ends = [Quantity(end, dim=variable.dim) for end in ends]
    return " to ".join(dict.fromkeys(map(str, ends)))


def _of_kernel(kernel):
    """What a row of the list says of a kernel: what runs it, its key, its origin, two durations, a remark."""
    report = kernel.report()
    if report is None:
        return kernel.runs_on(), "", "", "", "", "has not run yet" if kernel.is_lasting else "runs once"
    after = report["swaps"][-1][2] if report["swaps"] else None
    remark = report["reason"] or ""
    origin = report["origin"] if report["key"] else None
    return (
        report["runs_on"],
        report["key"] or "",
        origin or "",
        _duration(report["compile_seconds"] if report["key"] else None),
        _duration(after),
        remark,
    )


class Introspector:
    """The code objects that live; names may be patterns with ``*`` and ``?``."""

    def list(self, pattern="*"):
        """Each with its template and what runs it.

        That is ``interpreter``, ``compiled``, ``preliminary`` (until a better kernel is there), ``by hand``, or
        ``compiled ahead`` if its template has no code of its own; for a kernel, the beginning of its key, where it is
        from, how long the compiler took for it, and how long after the first call of its run it was swapped in.
        """
        rows = []
        for codeobj in _found(pattern):
            kernels = codeobj.kernels()
            told = _of_kernel(kernels[0]) if kernels else ("compiled ahead", "", "", "", "", "")
            rows.append((codeobj.base, codeobj.template_name, *told))
        headings = ("name", "template", "runs on", "kernel", "from", "compiled in", "in use after", "remark")
        return Table(headings, rows, numbers=("compiled in", "in use after"))

    def inspect(self, pattern="*", language="c"):
        """Statements, kernel as text, and its source in ``c`` or ``rust``; the source by hand, where one runs."""
        sections = []
        for codeobj in _found(pattern):
            parts = [("statements", Text(str(codeobj.code), "model"), True)]
            for kernel in codeobj.kernels():
                parts.append(("kernel", Text(kernel.ir(), "ir"), False))
                versions, current = kernel.versions() if kernel.is_lasting else ([], 0)
                title = f"{language}, generated" if current else language
                parts.append((title, Text(kernel.source(language), language), not current))
                if current:
                    written, text = versions[current - 1]
                    parts.append((f"{written}, by hand: version {current}", Text(text, written), True))
            sections.append((codeobj.base, codeobj.template_name, parts))
        return Page(sections)

    def source(self, name, language="c"):
        """The source that a kernel is compiled from as it is generated: what one by hand starts from."""
        codeobj = code_object(name)
        if not codeobj.kernels():
            raise ValueError(f"{codeobj.base} has no code of its own")
        return Text(codeobj.kernels()[0].source(language), language)

    def params(self, name):
        """What a kernel works on, in the order in which code gets it.

        That is name, type, elements, whether it is written, whose it is, and its value now: of several elements the
        smallest and the largest. ``saltus`` owns what only the kernel has: what it is given of random numbers and
        functions, and what it gives to its template.
        """
        codeobj, rows = code_object(name), []
        for kernel in codeobj.kernels():
            for place, (variable, dtype, _, written) in enumerate(kernel.params()):
                own = codeobj.variables.get(variable)
                size, owner, value = 1, "saltus", ""
                if isinstance(own, Constant):
                    owner, value = "", _value(own)
                elif isinstance(own, ArrayVariable):
                    size, owner, value = np.size(own.get_value()), getattr(own.owner, "name", ""), _value(own)
                rows.append((f"arrays[{place}]", variable, dtype, size, "yes" if written else "", owner, value))
        headings = ("place", "name", "type", "elements", "written", "owner", "value")
        return Table(headings, rows, numbers=("elements",))

    def namespace(self, name):
        """The constants and functions that a code object knows."""
        rows = []
        for key, variable in sorted(code_object(name).variables.items()):
            if isinstance(variable, Constant):
                rows.append((key, variable.get_value_with_unit()))
            elif isinstance(variable, Function):
                rows.append((key, "function"))
            elif not hasattr(variable, "get_value"):
                rows.append((key, type(variable).__name__))
        return Table(("name", "value"), rows)

    def globals(self):
        """What is common to all code: constants and functions of the language, preferences, compiler, store, counts."""
        preferences.apply()
        program, version = _core.compiler()
        kept = sources.directory()
        rows = [("constant", name, f"{constant.get_value()!r}") for name, constant in sorted(DEFAULT_CONSTANTS.items())]
        rows.append(("functions", "", ", ".join(sorted(DEFAULT_FUNCTIONS))))
        rows += [("preference", name, repr(prefs[f"{preferences.NAME}.{name}"])) for name in preferences.NAMES]
        rows.append(("compiler", program or "none", version))
        rows.append(("store", "directory", _core.store_directory() or "none"))
        rows.append(("store", "sources", kept or "none"))
        counts = Counter(row[2] for row in self.list())
        rows += [("code objects", what, count) for what, count in sorted(counts.items())]
        return Table(("what", "name", "value"), rows)

    def eval(self, expression, on=None):
        """The value of an expression of Brian2's language as it is now, with its unit.

        It is evaluated for each element of ``on``: a group or its name, or the name of a code object, whose constants
        are known then. Other names are looked for where this is called, as Brian2 does. Without ``on``, there are
        constants, units, functions and the time. Nothing that runs is changed by it, not even the random numbers to
        come, so that it can be called between any two steps, such as from a network operation.
        """
        from saltus.evaluation import evaluate

        return evaluate(expression, on, get_local_namespace(level=1))

    def replace(self, name, source, language="c"):
        """Lets a source by hand run in the place of the one that is generated; the number of its version.

        What it has to keep is the entry: start from :meth:`source`. It is compiled as any other, and swapped in between
        two calls; if it is wrong, :class:`saltus.KernelError` says where and nothing is changed. It is for the kernel
        that the code object has now: the next ``run`` uses it as well, unless the kernel has changed, which a warning
        tells. To call this is the permission to run native code: nobody can check what it computes, or that it stays
        within its arrays.
        """
        preferences.apply()
        _, kernel = _kernel(name)
        return kernel.replace(str(source), language)

    def revert(self, name, version=0):
        """Lets the generated source run again, or the version of this number."""
        base, kernel = _kernel(name)
        if version < 0 or not kernel.choose(version):
            raise ValueError(f"{base} has no version {version}; there are 0 to {len(kernel.versions()[0])}")

    def versions(self, name):
        """The sources by hand that a kernel has had, and which one runs; 0 is what is generated."""
        _, kernel = _kernel(name)
        versions, current = kernel.versions()
        rows = [(0, "generated", "", "")]
        rows += [(k, "by hand", language, len(text.splitlines())) for k, (language, text) in enumerate(versions, 1)]
        rows = [(*row, "yes" if row[0] == current else "") for row in rows]
        return Table(("version", "written", "language", "lines", "runs"), rows, numbers=("version", "lines"))

    def __repr__(self):
        return repr(self.list())

    def _repr_html_(self):
        return self.list()._repr_html_()


def introspector():
    """The code that runs on saltus, to be looked at."""
    return Introspector()
