"""The code generation target: Brian2's statements become kernels of saltus, over Brian2's own arrays."""

import numpy as np
from brian2.codegen.codeobject import CodeObject, check_compiler_kwds
from brian2.codegen.generators.base import CodeGenerator
from brian2.codegen.generators.cpp_generator import CPPCodeGenerator
from brian2.codegen.generators.numpy_generator import NumpyCodeGenerator
from brian2.codegen.targets import codegen_targets
from brian2.core.base import BrianObjectException
from brian2.core.variables import (
    ArrayVariable,
    AuxiliaryVariable,
    Constant,
    DynamicArrayVariable,
    Subexpression,
)
from brian2.devices.device import get_device
from brian2.parsing.bast import brian_dtype_from_dtype
from brian2.utils.logger import get_logger

import brian2
from saltus import _core, cache, functions, introspection, preferences, runs, sources
from saltus.cplusplus import KEYWORDS, CppFunctions
from saltus.templates import TEMPLATER

logger = get_logger("saltus")


class _Statement(tuple):
    """Target, operator and expression of a statement, and the expression for the values of booleans in it."""

    def __new__(cls, target, op, expression, cases=()):
        return super().__new__(cls, (target, op, expression, list(cases)))

    def __str__(self):
        return " ".join(self[:3])


class _UserFunctions(CPPCodeGenerator, NumpyCodeGenerator):
    """Where Brian2 looks for implementations that users gave: C++ first, then Python."""

    class_name = "saltus user functions"


class SaltusCodeGenerator(CodeGenerator):
    """Hands statements on as they are: what compiles them reads them itself."""

    class_name = "saltus"

    def translate_expression(self, expr):
        return str(expr).strip()

    def translate_statement(self, statement):
        expression = self.translate_expression(statement.expr)
        return _Statement(statement.var, statement.op, expression, self._cases(statement))

    def _cases(self, statement):
        """The expression for the values of booleans, where all of them together are no more work than the whole."""
        cases = statement.boolean_simplified_expressions
        if not statement.used_boolean_variables or brian_dtype_from_dtype(statement.dtype) != "float":
            return []
        if sum(statement.complexities.values()) > statement.complexity_std:
            return []
        return [(list(booleans), self.translate_expression(expression)) for booleans, expression in cases.items()]

    def translate_statement_sequence(self, scalar_statements, vector_statements):
        def block(statements):
            return {name: [self.translate_statement(s) for s in of] for name, of in statements.items()}

        return block(scalar_statements), block(vector_statements), {"_guards": self.get_conditional_write_vars()}


class SaltusCodeObject(CodeObject):
    """Code of a template, run by saltus."""

    templater = TEMPLATER
    generator_class = SaltusCodeGenerator
    original_generator_class = _UserFunctions
    class_name = "saltus"

    #: How many code objects there were, for those who doubt.
    count = 0

    def __init__(
        self,
        owner,
        code,
        variables,
        variable_indices,
        template_name,
        template_source,
        compiler_kwds,
        name="saltus_code_object*",
    ):
        check_compiler_kwds(compiler_kwds, KEYWORDS, self.class_name)
        self.device = get_device()
        self.namespace = {}
        super().__init__(
            owner,
            code,
            variables,
            variable_indices,
            template_name,
            template_source,
            compiler_kwds=compiler_kwds,
            name=name,
        )
        SaltusCodeObject.count += 1
        self._blocks = {}
        self._kernels = []
        introspection.note(self)

    @classmethod
    def is_available(cls):
        return True

    def compile_block(self, block):
        return None

    def compile(self):
        preferences.apply()
        self._blocks = runs.blocks(self)
        self._run = self._blocks["run"]
        self.compiled_code = dict.fromkeys(("before_run", "run", "after_run"))

    def run_block(self, block):
        run = self._blocks.get(block)
        if block == "after_run":
            self._tell()
            sources.keep(self)
        if run is None:
            return None
        try:
            return run()
        except Exception as exc:
            raise self._fault(block) from exc

    def __call__(self, **kwds):
        # What runs at every step goes no other way than this.
        try:
            return self._run()
        except Exception as exc:
            raise self._fault("run") from exc

    def _fault(self, block):
        message = f"An exception occured during the execution of the '{block}' block of code object '{self.name}'.\n"
        return BrianObjectException(message, self.owner)

    def _tell(self):
        """Says once what kept kernels from being compiled, and what became of sources by hand."""
        for kernel in self._kernels:
            for warning in kernel.warnings():
                logger.warn(warning, "engine", once=True)
            for text in kernel.take_notes():
                logger.warn(text, "by_hand")

    @property
    def base(self):
        """Its name without the number that tells it from the one of the run before."""
        return _core.base_name(self.name)

    def kernels(self):
        """The code that the template runs."""
        return list(self._kernels)

    def keep(self, kernel):
        """Notes code that the template runs."""
        self._kernels.append(kernel)
        return kernel

    # What a kernel works on.

    def array(self, variable):
        """What holds the values of a variable: an array, or an object that has the array of the moment."""
        return self.device.get_value(variable, access_data=False)

    def count_of(self, name):
        """A number of elements: fixed, or the array that has it."""
        variable = self.variables[name]
        return self.array(variable) if isinstance(variable, ArrayVariable) else int(variable.get_value())

    def changing_indices(self):
        """Names of indices that code or a user may change while a network runs."""
        found = {self.variables.get(index) for index in self.variable_indices.values()}
        return [name for name, variable in self.variables.items() if variable in found and not _is_settled(variable)]

    def meanings(self, is_lasting):
        """What each name stands for, the arrays that are no variables, what Python evaluates, and what is in C++."""
        meanings, arrays, called = {}, {}, {}
        cpp = CppFunctions(self, is_lasting)
        guards = self.code.kwds["_guards"]
        indices = {self.variable_indices[name] for name in self.variables}
        for name, variable in self.variables.items():
            if functions.is_function(variable):
                meanings[name], more, evaluate = functions.meaning(name, variable, type(self), self.owner, cpp)
                for array, values in more.items():
                    arrays[array] = values
                if evaluate is not None:
                    called[name] = evaluate
            elif isinstance(variable, (AuxiliaryVariable, Subexpression)):
                continue
            elif isinstance(variable, ArrayVariable):
                index = self.variable_indices[name]
                index = None if index == "_idx" else index
                if variable.scalar:
                    index = "0"
                dtype = np.dtype(variable.dtype).name
                if name in indices and dtype != "int32":
                    # Kernels follow indices of 32 bits; those of linked variables do not change.
                    dtype, arrays[name] = "int32", np.ascontiguousarray(variable.get_value(), dtype=np.int32)
                meanings[name] = ("array", str(id(variable)), dtype, index, guards.get(name))
            elif isinstance(variable, Constant):
                meanings[name] = ("constant", variable.get_value())
        return meanings, arrays, called, cpp.told()


def _is_settled(variable):
    return not isinstance(variable, ArrayVariable) or variable.constant or variable.read_only


def register():
    """Makes the target known to Brian2."""
    if SaltusCodeObject not in codegen_targets:
        functions.register(SaltusCodeObject)
        codegen_targets.add(SaltusCodeObject)
        brian2._cache_dirs_and_extensions["saltus"] = cache.Cache()
