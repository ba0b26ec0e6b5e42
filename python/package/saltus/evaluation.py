"""The value of an expression as it is between two steps."""

import ast
from contextlib import contextmanager

import numpy as np
from brian2.codegen.codeobject import create_runner_codeobj
from brian2.codegen.translation import is_scalar_expression
from brian2.core.base import BrianObjectException
from brian2.core.functions import Function
from brian2.core.names import Nameable
from brian2.core.namespace import DEFAULT_CONSTANTS, DEFAULT_FUNCTIONS, DEFAULT_UNITS
from brian2.core.variables import ArrayVariable, Constant, Variables
from brian2.devices.device import get_device
from brian2.groups.group import Group
from brian2.parsing.bast import brian_ast
from brian2.parsing.expressions import parse_expression_dimensions
from brian2.units.fundamentalunits import DIMENSIONLESS, Quantity

from saltus import introspection
from saltus.target import SaltusCodeObject

_TYPES = {"boolean": np.bool_, "integer": np.int64, "float": np.float64}

#: Names that mean the same everywhere.
_COMMON = {*DEFAULT_CONSTANTS, *DEFAULT_FUNCTIONS, *DEFAULT_UNITS}


class _Nowhere(Group):
    """A group of one without variables but the time: for expressions over none."""

    add_to_magic_network = False

    def __init__(self):
        Group.__init__(self, name="saltus_nowhere*")
        self.variables = Variables(self)
        self.variables.add_constant("N", 1)
        self.variables.create_clock_variables(get_device().defaultclock)

    def __del__(self):
        # It is in no network on purpose: there is nothing to warn of.
        pass


def evaluate(expression, on, namespace):
    """The value over the elements of ``on``: a group, its name, or a code object; over nothing if it is None.

    Names and units are checked as Brian2 does; names that are no variables are looked for in ``namespace``, and for a
    code object first among what it was made with. saltus' interpreter evaluates it; nothing that runs is changed by
    that, not even the random numbers to come.
    """
    expression = expression.strip()
    if not expression:
        raise SyntaxError("the expression is empty")
    names = {node.id for node in ast.walk(ast.parse(expression, mode="eval")) if isinstance(node, ast.Name)}
    group, known = _scope(on)
    # A variable goes before another thing of its name, as a value of it that was looked at before.
    namespace = {name: value for name, value in {**namespace, **known}.items() if name not in group.variables}
    variables = group.resolve_all(names, run_namespace=namespace, user_identifiers=names)
    dimensions = parse_expression_dimensions(expression, variables)
    dtype = _TYPES[brian_ast(expression, variables).dtype]
    is_scalar = is_scalar_expression(expression, variables)
    outputs = Variables(None)
    outputs.add_auxiliary_variable("_variable", dimensions=dimensions, dtype=dtype, scalar=is_scalar)
    template, code = "group_variable_get_conditional", f"_variable = {expression}\n_cond = True"
    if is_scalar:
        # There is a value even if there are no elements.
        template, code = "group_variable_get", f"_variable = {expression}"
        outputs.add_array("_group_idx", size=1, dtype=np.int32, values=np.zeros(1, dtype=np.int32))
    else:
        outputs.add_auxiliary_variable("_cond", dtype=bool)
    codeobj = create_runner_codeobj(
        group,
        code,
        template,
        run_namespace=namespace,
        user_code=code,
        name="saltus_eval*",
        additional_variables=outputs,
        codeobj_class=SaltusCodeObject,
    )
    introspection.forget(codeobj)
    # With what subexpressions name.
    _check_elements(group, codeobj.variables)
    with _random_numbers_kept(codeobj.variables):
        try:
            values = codeobj()
        except BrianObjectException as exc:
            raise exc.__cause__ from None
    if is_scalar or isinstance(group, _Nowhere):
        values = values[0].item()
    return values if dimensions is DIMENSIONLESS else Quantity(values, dim=dimensions)


def _check_elements(group, variables):
    """Monitors have arrays that are not over their elements: values are told only where each element has one."""
    count = int(np.ravel(group.variables["N"].get_value())[0])
    for name, variable in variables.items():
        if name not in group.variables or not isinstance(variable, ArrayVariable) or variable.scalar:
            continue
        index = group.variables.indices[name]
        shape = np.shape(variable.get_value())
        over = variable if index == "_idx" else group.variables[index]
        elements = np.shape(over.get_value())
        if len(shape) != 1 or elements != (count,):
            values = " x ".join(map(str, shape))
            raise ValueError(f"{name!r} of {group.name} has {values} values, and {group.name} has {count} elements")


def _scope(on):
    """A group, and what is known by names besides its variables."""
    if on is None:
        return _Nowhere(), {}
    if isinstance(on, str):
        on = introspection.code_object(on) if introspection.is_code_object(on) else _group(on)
    if isinstance(on, Group):
        return on, {}
    if not isinstance(on, SaltusCodeObject):
        raise TypeError(f"an expression is evaluated over a group or a code object, or the name of one, not over {on!r}")
    known = {}
    for name, variable in on.variables.items():
        if name in _COMMON:
            continue
        if isinstance(variable, Constant):
            known[name] = variable.get_value_with_unit()
        elif isinstance(variable, Function):
            known[name] = variable
    return on.owner, known


def _group(name):
    groups = {}
    for reference in list(Nameable.__instances__()):
        found = reference()
        if isinstance(found, Group) and "N" in getattr(found, "variables", ()) and not isinstance(found, _Nowhere):
            groups[found.name] = found
    if name not in groups:
        raise KeyError(f"{name!r} is no group and no code object; there are: {', '.join(sorted(groups))}")
    return groups[name]


@contextmanager
def _random_numbers_kept(variables):
    """Lets the numbers that are drawn be drawn again."""
    if all(variable.stateless for variable in variables.values() if isinstance(variable, Function)):
        yield
        return
    device = get_device()
    state = device.get_random_state()
    try:
        yield
    finally:
        device.set_random_state(state)
