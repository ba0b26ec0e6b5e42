"""Looking at the code that a script runs on saltus, in a terminal or in a notebook."""

import fnmatch
import html
import weakref

from brian2.core.variables import ArrayVariable, Constant

_alive = weakref.WeakSet()


def note(codeobj):
    """Remembers a code object for as long as it lives."""
    _alive.add(codeobj)


class Text(str):
    """A text that is shown as it is."""

    def __repr__(self):
        return str(self)

    def _repr_html_(self):
        return f"<pre>{html.escape(str(self))}</pre>"


class Table:
    """Rows under headings."""

    def __init__(self, headings, rows):
        self.headings, self.rows = headings, [tuple(map(str, row)) for row in rows]

    def __iter__(self):
        return iter(self.rows)

    def __len__(self):
        return len(self.rows)

    def __repr__(self):
        rows = [self.headings, *self.rows]
        widths = [max(len(row[k]) for row in rows) for k in range(len(self.headings))]
        return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip() for row in rows)

    def _repr_html_(self):
        def row(cells, tag):
            return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

        rows = [row(self.headings, "th"), *(row(cells, "td") for cells in self.rows)]
        return "<table>" + "".join(rows) + "</table>"


class Introspector:
    """The code objects that live; names may be patterns with ``*`` and ``?``."""

    def _found(self, pattern):
        return sorted((c for c in _alive if fnmatch.fnmatchcase(c.name, pattern)), key=lambda c: c.name)

    def _one(self, name):
        found = self._found(name)
        if len(found) != 1:
            known = ", ".join(c.name for c in found or self._found("*"))
            raise KeyError(f"{name!r} fits {len(found)} code objects; there are: {known}")
        return found[0]

    def list(self, pattern="*"):
        """Name, template and what runs it: the interpreter, or a kernel by the start of its key."""
        rows = []
        for codeobj in self._found(pattern):
            runs = [kernel.runs_on() for kernel in codeobj.kernels()]
            rows.append((codeobj.name, codeobj.template_name, ", ".join(runs) or "compiled ahead"))
        return Table(("name", "template", "runs on"), rows)

    def inspect(self, pattern="*", language="c"):
        """Statements, kernel as text, and its source in ``c`` or ``rust``."""
        parts = []
        for codeobj in self._found(pattern):
            parts += [f"==== {codeobj.name} ({codeobj.template_name})", str(codeobj.code)]
            for kernel in codeobj.kernels():
                parts += ["", "---- kernel", kernel.ir().rstrip(), "", f"---- {language}", kernel.source(language).rstrip()]
            parts.append("")
        return Text("\n".join(parts))

    def params(self, name):
        """The arrays that a code object works on: name, type, elements, whether it is written, and whose they are."""
        codeobj, rows = self._one(name), []
        for kernel in codeobj.kernels():
            for variable, dtype, _, written in kernel.bindings():
                own = codeobj.variables.get(variable)
                size = own.get_len() if isinstance(own, ArrayVariable) and not own.scalar else 1
                owner = getattr(getattr(own, "owner", None), "name", "")
                rows.append((variable, dtype, size, "yes" if written else "", owner))
        return Table(("name", "type", "elements", "written", "owner"), rows)

    def namespace(self, name):
        """The constants and functions that a code object knows."""
        rows = []
        for key, variable in sorted(self._one(name).variables.items()):
            if isinstance(variable, Constant):
                rows.append((key, variable.get_value_with_unit()))
            elif not hasattr(variable, "get_value"):
                rows.append((key, type(variable).__name__))
        return Table(("name", "value"), rows)

    def __repr__(self):
        return repr(self.list())

    def _repr_html_(self):
        return self.list()._repr_html_()


def introspector():
    """The code that runs on saltus, to be looked at."""
    return Introspector()
