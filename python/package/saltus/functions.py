"""Functions that statements call: those of the language, tables, random numbers, and what users wrote."""

import functools

import numpy as np
from brian2.core.functions import DEFAULT_FUNCTIONS, Function, FunctionImplementationContainer
from brian2.input.binomial import BinomialFunction
from brian2.input.timedarray import TimedArray, _find_K
from brian2.utils.logger import get_logger

from saltus.cplusplus import NoCpp

logger = get_logger("saltus.functions")

#: Functions of the language of models, by their names there, which are Brian2's.
BUILTINS = (
    "sin cos tan sinh cosh tanh exp log log10 expm1 log1p exprel sqrt ceil floor arcsin arccos arctan abs sign clip int "
    "timestep rand randn poisson"
).split()

#: What Brian2 means by these names; tests put others in their places.
_ORIGINALS = {name: DEFAULT_FUNCTIONS[name] for name in BUILTINS if name in DEFAULT_FUNCTIONS}


class Told(str):
    """The implementation of a function as Brian2 keeps it, a text, with what it was made from."""

    def __new__(cls, text, **what):
        told = super().__new__(cls, text)
        told.what = what
        return told


def _timed_array(values, dt, name):
    def code(owner):
        return Told(f"timed array {name}", values=values, dt=dt)

    return code


def _binomial(n, p, use_normal, name):
    return Told(f"binomial {name}", n=n, p=p), {}


def register(codeobj_class):
    """Gives the functions of the language an implementation for this class."""
    use_python(FunctionImplementationContainer, codeobj_class)
    for name, function in _ORIGINALS.items():
        function.implementations.add_implementation(codeobj_class, code=Told(name))
    TimedArray.implementations[codeobj_class.class_name] = (_timed_array, _timed_array)
    BinomialFunction.implementations[codeobj_class.class_name] = _binomial


def use_python(container_class, codeobj_class):
    """Lets functions that are written in Python alone be an implementation for this class, as they are for NumPy's."""
    find = container_class.__getitem__
    if hasattr(find, "saltus"):
        return

    @functools.wraps(find)
    def find_or_use_python(self, key):
        try:
            return find(self, key)
        except KeyError:
            if key is not codeobj_class or self._function.pyfunc is None:
                raise
            self.add_numpy_implementation(self._function.pyfunc)
            return find(self, key)

    find_or_use_python.saltus = True
    container_class.__getitem__ = find_or_use_python


def _closed_over(function, *names):
    """Values that a function closes over, by their names."""
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or ()))
    return [cells[name].cell_contents for name in names]


def _binomial_numbers(function):
    sample = _closed_over(function.pyfunc, "sample_function")[0]
    n, p = sample.__code__.co_freevars, sample.__closure__
    cells = {name: cell.cell_contents for name, cell in zip(n, p)}
    if "n" in cells:
        return cells["n"], cells["p"]
    # The normal approximation keeps the mean and the deviation only.
    p = 1 - cells["scale"] ** 2 / cells["loc"]
    return round(cells["loc"] / p), p


def timed_array_arrays(name, array, owner):
    """The arrays that code for a timed array reads, and what they are called there."""
    steps = _find_K(owner.clock.dt_, array.dt)
    values = np.ascontiguousarray(array.values, dtype=np.float64)
    arrays = {
        f"_{name}_epsilon": np.array([array.dt / steps]),
        f"_{name}_steps": np.array([float(steps)]),
        f"_{name}_last": np.array([float(len(values) - 1)]),
        f"_{name}_values": values.ravel(),
    }
    if values.ndim == 2:
        arrays[f"_{name}_columns"] = np.array([values.shape[1]], dtype=np.int64)
    return arrays


def builtin_name(function):
    """The name of a function of the language, whatever it is called; None if it is none."""
    return next((name for name, original in _ORIGINALS.items() if original is function), None)


def _type_of(name):
    return name if name in ("boolean", "integer") else "float"


def meaning(name, function, codeobj, owner, cpp):
    """What a function stands for in code, the arrays that it brings, and what evaluates it if no kernel does.

    ``cpp``: gets it if it is in C++.
    """
    builtin = builtin_name(function)
    if builtin is not None:
        return ("builtin", builtin), {}, None
    if isinstance(function, TimedArray):
        return ("timed", function.values.ndim == 2), timed_array_arrays(name, function, owner), None
    if isinstance(function, BinomialFunction):
        implementation = function.implementations[codeobj]
        told = getattr(implementation.get_code(owner), "what", None)
        n, p = (told["n"], told["p"]) if told else _binomial_numbers(function)
        return ("binomial", int(n), float(p)), {}, None
    arguments = [_type_of(kind) for kind in function._arg_types]
    result = function._return_type if isinstance(function._return_type, str) else "float"
    is_compiled = _is_compiled(name, function, codeobj, arguments, cpp)
    # With a state, numbers depend on who is called when.
    in_order = is_compiled and not function.stateless
    told = ("host", arguments, _type_of(result), not function.stateless, in_order)
    return told, {}, _called_back(function, codeobj, owner)


def _is_compiled(name, function, codeobj, arguments, cpp):
    """Whether a function has an implementation in C++ that can be used; it is said once why not."""
    try:
        cpp.add(name, function, arguments)
    except NoCpp as fault:
        if cpp.is_lasting:
            logger.warn(
                f"The function '{name}' is evaluated in Python, once a step for all elements, which is slow: {fault}. "
                "An implementation of it for 'cpp' would be compiled.",
                "python_function",
                once=True,
            )
        return False
    return True


def tell_no_code(names, fault):
    """Says once that functions in C++ are evaluated in Python."""
    listed = ", ".join(f"'{name}'" for name in names)
    logger.warn(
        f"The C++ of {listed} cannot be used, so that Python evaluates it, once a step for all elements, which is slow: {fault}",
        "no_cpp",
        once=True,
    )


def _called_back(function, codeobj, owner):
    implementations = function.implementations
    if "numpy" not in implementations._implementations:
        # As Brian2 does for NumPy: what checks units is left out, since arguments have none.
        implementations.add_numpy_implementation(function.pyfunc)
    called = implementations["numpy"].get_code(owner)
    kinds = function._arg_types

    def evaluate(arguments, elements):
        values = [
            values.astype(np.int32) if kind == "integer" else values.astype(bool) if kind == "boolean" else values
            for values, kind in zip(arguments, kinds)
        ]
        if function.auto_vectorise:
            values.append(elements)
        results = np.asarray(called(*values), dtype=np.float64)
        return np.ascontiguousarray(np.broadcast_to(results, (len(elements),)))

    return evaluate


def is_function(value):
    """Whether a variable is a function."""
    return isinstance(value, Function)
