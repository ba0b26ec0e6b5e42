"""What the introspector shows: as text in a terminal, with colours and folds in a notebook."""

import html

from saltus import _core

#: For the page that a notebook is: colours are those of ``saltus inspect --html``. Without it, all is still there.
_STYLE = """<style>
.saltus-view { font-size: 13px; line-height: 1.5; }
.saltus-view .saltus-wide { overflow-x: auto; }
.saltus-view table { border-collapse: collapse; margin: 4px 0; font-size: 13px; white-space: nowrap; }
.saltus-view tr, .saltus-view tr:hover { background: none; }
.saltus-view th, .saltus-view td { padding: 2px 16px 2px 0; text-align: left; vertical-align: top; background: none;
    white-space: nowrap; }
.saltus-view td { border: 0; border-top: 1px solid #8883; }
.saltus-view td:last-child { white-space: normal; max-width: 60ch; }
.saltus-view th { font-weight: 600; border: 0; }
.saltus-view .n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.saltus-view h4 { font-size: 14px; margin: 12px 0 4px; }
.saltus-view h4 span, .saltus-view summary { font-weight: 400; opacity: 0.7; }
.saltus-view summary { cursor: pointer; }
.saltus-view details details { margin-left: 12px; }
.saltus-view pre { font: 12px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
    margin: 4px 0 8px; padding: 8px 12px; overflow: auto; max-height: 480px; tab-size: 4;
    background: #8881; border-radius: 6px; }
.saltus-view .c { opacity: 0.65; font-style: italic; }
.saltus-view .k { color: #9333a8; }
.saltus-view .t { color: #0f7285; }
.saltus-view .l { color: #a65314; }
.saltus-view .q { color: #2f7d32; }
.saltus-view .f { color: #2357b8; }
.saltus-view .d { color: #8a6d1a; }
:is([data-jp-theme-light="false"], .vscode-dark) .saltus-view .k { color: #d4a2e3; }
:is([data-jp-theme-light="false"], .vscode-dark) .saltus-view .t { color: #7cc7d6; }
:is([data-jp-theme-light="false"], .vscode-dark) .saltus-view .l { color: #e0a672; }
:is([data-jp-theme-light="false"], .vscode-dark) .saltus-view .q { color: #93c996; }
:is([data-jp-theme-light="false"], .vscode-dark) .saltus-view .f { color: #8fb4f0; }
:is([data-jp-theme-light="false"], .vscode-dark) .saltus-view .d { color: #cdb66b; }
</style>"""


def _framed(markup):
    return f'{_STYLE}<div class="saltus-view">{markup}</div>'


#: Where the code of a kernel begins: before it are the ABI and the functions of the maths library that it calls.
_ENTRIES = {"c": "__attribute__((visibility", "rust": "#[no_mangle]"}


class Text(str):
    """A text that is shown as it is; ``syntax``: what it is written in, if that is known."""

    syntax = None

    def __new__(cls, text, syntax=None):
        self = super().__new__(cls, text)
        self.syntax = syntax
        return self

    def __repr__(self):
        return str(self)

    def _markup(self):
        entry = self.find(_ENTRIES[self.syntax]) if self.syntax in _ENTRIES else -1
        if entry <= 0:
            return self._marked(self)
        head, code = self[:entry].rstrip(), self[entry:]
        lines = f"<summary>what comes before: {len(head.splitlines())} lines</summary>"
        return f"<details>{lines}{self._marked(head)}</details>{self._marked(code)}"

    def _marked(self, text):
        return f"<pre>{html.escape(text) if self.syntax is None else _core.highlighted(self.syntax, text)}</pre>"

    def _repr_html_(self):
        return _framed(self._markup())


class Page(Text):
    """The parts of code objects, one below the other: a text, and in a notebook one that folds.

    ``sections``: of each code object its name, what it is, and its parts: title, :class:`Text`, whether it is open.
    """

    def __new__(cls, sections):
        lines = []
        for name, what, parts in sections:
            lines += [f"==== {name} ({what})", ""]
            for title, text, _ in parts:
                lines += [f"---- {title}", text.rstrip(), ""]
        self = super().__new__(cls, "\n".join(lines))
        self.sections = sections
        return self

    def _markup(self):
        found = []
        for name, what, parts in self.sections:
            found.append(f"<h4>{html.escape(name)} <span>{html.escape(what)}</span></h4>")
            for title, text, is_open in parts:
                found.append(f"<details{' open' if is_open else ''}><summary>{html.escape(title)}</summary>")
                found.append(f"{text._markup()}</details>")
        return "".join(found)


class Table:
    """Rows under headings, of texts; those under the headings named ``numbers`` are shown at the right."""

    def __init__(self, headings, rows, numbers=()):
        self.headings, self.rows = headings, [tuple(map(str, row)) for row in rows]
        self.numbers = tuple(heading in numbers for heading in headings)

    def __iter__(self):
        return iter(self.rows)

    def __len__(self):
        return len(self.rows)

    def __repr__(self):
        rows = [self.headings, *self.rows]
        widths = [max(len(row[k]) for row in rows) for k in range(len(self.headings))]

        def line(row):
            cells = zip(row, widths, self.numbers)
            return "  ".join(cell.rjust(w) if right else cell.ljust(w) for cell, w, right in cells).rstrip()

        return "\n".join(map(line, rows))

    def _markup(self):
        def row(cells, tag):
            marked = (
                f"<{tag}{' class=n' if right else ''}>{html.escape(cell)}</{tag}>"
                for right, cell in zip(self.numbers, cells)
            )
            return "<tr>" + "".join(marked) + "</tr>"

        rows = [f"<thead>{row(self.headings, 'th')}</thead>", "<tbody>", *(row(cells, "td") for cells in self.rows)]
        return f'<div class="saltus-wide"><table>{"".join(rows)}</tbody></table></div>'

    def _repr_html_(self):
        return _framed(self._markup())
