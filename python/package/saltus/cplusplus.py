"""Functions that a script has in C++ (``@implementation('cpp', ...)``), put together for the code that calls them.

What they may do is what Brian2 lets them do: ``namespace``, ``dependencies``, ``support_code`` and ``hashdefine_code``,
and the keywords for the compiler. Preferences under ``codegen.cpp`` hold but for its flags, which change numbers.
"""

import itertools
import os
import re

from brian2 import prefs
from brian2.core.functions import DEFAULT_FUNCTIONS, Function
from brian2.utils.stringtools import deindent

#: Keywords for the compiler that implementations may have.
KEYWORDS = "headers define_macros include_dirs library_dirs runtime_library_dirs libraries sources".split()

#: What every source may use.
_HEADERS = ["<cmath>", "<cstdint>", "<cstdlib>", "<climits>", "<limits>", "<algorithm>"]

#: Functions of Brian2 that have another name in C++.
_RENAMED = {"arcsin": "asin", "arccos": "acos", "arctan": "atan", "abs": "std::abs"}

#: Those that are the same there.
_SAME = set("sin cos tan sinh cosh tanh exp log log10 expm1 log1p sqrt ceil floor int".split())

#: Those that C++ does not have.
_DEFINED = {
    "exprel": "static inline double exprel(double x)"
    " { return x == 0 ? 1.0 : x == INFINITY ? x : std::expm1(x)/x; }",
    "clip": "template<typename T> static inline T clip(T x, double low, double high)"
    " { return x < low ? T(low) : x > high ? T(high) : x; }",
    "sign": "template<typename T> static inline int sign(T x) { return (T(0) < x) - (x < T(0)); }",
    "timestep": "static inline int64_t timestep(double t, double dt) { return (int64_t)((t + 1e-3*dt)/dt); }",
}

#: What names are in sources.
_WORD = re.compile(r"\b[A-Za-z_]\w*\b")


class NoCpp(Exception):
    """There is no C++ for a function, and why."""


def _mentions(code, name):
    return name in _WORD.findall(code)


def _renamed(code, names):
    """A source with other names, all at once: the new name of one may be the old name of another."""
    return _WORD.sub(lambda word: names.get(word[0], word[0]), code)


def _blocks(code):
    """The lines of a source that go before and those that define, of a text or a dictionary of texts."""
    blocks = {"support_code": code} if isinstance(code, str) else dict(code or {})
    unknown = set(blocks) - {"support_code", "hashdefine_code"}
    if unknown:
        raise NoCpp(f"nothing is known of its {', '.join(sorted(unknown))}")
    return deindent(blocks.get("hashdefine_code", "")), deindent(blocks.get("support_code", ""))


class CppFunctions:
    """The functions in C++ of one piece of code."""

    def __init__(self, codeobj, is_lasting):
        #: Whether the code runs at every step.
        self.is_lasting = is_lasting
        self._codeobj, self._owner = type(codeobj), codeobj.owner
        self._keywords = codeobj.compiler_kwds
        self._definitions, self._arrays, self._functions = {}, {}, []

    def add(self, name, function, arguments):
        """Adds a function that statements call by this name, with these types of arguments.

        Raises `NoCpp` if there is no C++ for it.
        """
        definitions, arrays = {}, {}
        called = self._define(name, function, definitions, arrays)
        for key, array in arrays.items():
            if self._arrays.get(key, array) is not array:
                raise NoCpp(f"two of its arrays are called `{key}`")
        self._definitions.update(definitions)
        self._arrays.update(arrays)
        self._functions.append((name, called, arguments, bool(function.auto_vectorise)))

    def _define(self, name, function, definitions, arrays):
        """The name of a function in C++; what defines it is added, after what it needs."""
        builtin = next((key for key, known in DEFAULT_FUNCTIONS.items() if known is function), None)
        if builtin is not None:
            return self._builtin(builtin, definitions)
        implementation = function.implementations[self._codeobj]
        code = implementation.get_code(self._owner)
        if not isinstance(code, (str, dict)) or hasattr(code, "what"):
            raise NoCpp(f"there is no C++ for `{name}`")
        before, source = _blocks(code)
        names = {}
        for other, dependency in (implementation.dependencies or {}).items():
            if not isinstance(dependency, Function):
                raise NoCpp(f"`{other}`, which it needs, is no function")
            names[other] = self._define(other, dependency, definitions, arrays)
        source = _renamed(source, names)
        arrays.update(self._namespace(implementation))
        text = f"{before}\n{source}" if before else source
        python_name = getattr(function.pyfunc, "__name__", name)
        candidates = [implementation.name, name, python_name]
        called = next((c for c in candidates if c is not None and _mentions(source, c)), name)
        return self._defined(name, text, called, definitions)

    def _defined(self, name, text, called, definitions):
        """Adds a text that defines what is called so; the name that it has then.

        One text is there once, whatever the names that statements have for it; of two that define the same name, the
        second one gets another.
        """
        known = {**self._definitions, **definitions}
        if text not in known:
            taken = {other for _, _, other in known.values()}
            free = next(n for k in itertools.count(1) if (n := called if k == 1 else f"{called}_{k}") not in taken)
            definitions[text] = (name, _renamed(text, {called: free}), free)
            return free
        return known[text][-1]

    def _builtin(self, name, definitions):
        if name in _DEFINED:
            definitions.setdefault(_DEFINED[name], (name, _DEFINED[name], name))
        elif name not in _SAME and name not in _RENAMED:
            raise NoCpp(f"functions in C++ cannot call `{name}`")
        return _RENAMED.get(name, name)

    def _namespace(self, implementation):
        """The arrays that it knows, by their names there."""
        namespace = implementation.get_namespace(self._owner) or {}
        for key, value in namespace.items():
            if not hasattr(value, "dtype") or value.shape == ():
                raise NoCpp(f"`{key}` of its namespace is no array")
        return {f"_namespace{key}": value for key, value in namespace.items()}

    def told(self):
        """What `_core.Code` is told; None if there are no functions."""
        if not self._functions:
            return None

        own = {name: list(self._keywords.get(name, [])) for name in KEYWORDS}
        more = {name: list(prefs[f"codegen.cpp.{name}"]) for name in KEYWORDS if name != "sources"}
        headers = [header if header[:1] in ('<', '"') else f'"{header}"' for header in more["headers"] + own["headers"]]
        libraries = more["libraries"] + own["libraries"]
        # The directories of the preferences are those of this installation of Python, of which code is independent unless
        # it asks for more than the language has.
        if not (headers or libraries or own["sources"] or any("#" in text for text in self._definitions)):
            more.update(include_dirs=[], library_dirs=[], runtime_library_dirs=[])
        return {
            "headers": _HEADERS + headers,
            "definitions": [(name, source) for name, source, _ in self._definitions.values()],
            "arrays": [(name, value.dtype.name, value) for name, value in self._arrays.items()],
            "functions": self._functions,
            "define_macros": [_macro(definition) for definition in more["define_macros"] + own["define_macros"]],
            "libraries": libraries,
            "include_dirs": _absolute(own["include_dirs"]),
            "system_include_dirs": _absolute(more["include_dirs"]),
            "library_dirs": _absolute(more["library_dirs"] + own["library_dirs"]),
            "runtime_library_dirs": _absolute(more["runtime_library_dirs"] + own["runtime_library_dirs"]),
            "sources": _absolute(own["sources"]),
        }


def _absolute(paths):
    return [os.path.abspath(path) for path in paths]


def _macro(definition):
    """A name, or a name and its value, as the compiler takes it."""
    if isinstance(definition, str):
        return definition
    name, value = definition
    return name if value is None else f"{name}={value}"
