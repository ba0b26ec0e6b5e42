"""Preferences of saltus, under ``codegen.runtime.saltus``."""

import os
import shutil

from brian2 import prefs
from brian2.core.preferences import BrianPreference, PreferenceError

from saltus import _core

NAME = "codegen.runtime.saltus"
NAMES = ("cache_dir", "compiler", "tier", "threads", "keep_sources")
_TIERS = ("auto", "compiled", "interpreter")
#: More than machines have; each takes memory whether it has work or not.
_MOST_THREADS = 1024
_registered = False


def _wrong(name, value, hint):
    return PreferenceError(f"Value {value!r} for preference '{NAME}.{name}' is invalid: {hint}.")


def _checked(name, is_right, hint):
    """What Brian2 asks whether a value is right: if it is not, the error says what would be."""

    def check(value):
        if not is_right(value):
            raise _wrong(name, value, hint)
        return True

    return check


def _is_path(value):
    return value is None or (isinstance(value, str) and value != "")


def _is_number(value):
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _MOST_THREADS


def register():
    """Makes them known, once."""
    global _registered
    if _registered:
        return
    prefs.register_preferences(
        NAME,
        "Code on saltus",
        cache_dir=BrianPreference(
            default=None,
            docs="The directory of compiled kernels; the user's cache directory if it is None.",
            validator=_checked("cache_dir", _is_path, "it is a path as text, or None for the user's cache directory"),
        ),
        compiler=BrianPreference(
            default=None,
            docs="The compiler of kernels; the first one that is found if it is None.",
            validator=_checked("compiler", _is_path, "it is a name such as 'clang' or a path as text, or None for any"),
        ),
        tier=BrianPreference(
            default="auto",
            docs="What runs kernels: `auto` (the interpreter until a compiled kernel is there), `compiled` (which is "
            "waited for) or `interpreter`. Results are the same, to the bit.",
            validator=_checked("tier", _TIERS.__contains__, f"it is one of {', '.join(map(repr, _TIERS))}"),
        ),
        threads=BrianPreference(
            default=1,
            docs="How many threads run a large kernel together. Results are the same, to the bit.",
            validator=_checked("threads", _is_number, f"it is a whole number from 1 to {_MOST_THREADS}"),
        ),
        keep_sources=BrianPreference(
            default=False,
            docs="Whether the sources of kernels that a run used are kept as files, in the folder that "
            "`saltus.introspector().globals()` names: `v1/sources` in the directory of compiled kernels.",
            validator=lambda value: isinstance(value, bool),
        ),
    )
    _registered = True


def apply():
    """Lets them hold for code that is made from now on."""
    own = {name: prefs[f"{NAME}.{name}"] for name in NAMES if name != "keep_sources"}
    compiler = own["compiler"]
    # Whoever names a compiler wants this one, so that there is nothing to go on with.
    if compiler is not None and own["tier"] != "interpreter" and shutil.which(compiler) is None:
        raise _wrong("compiler", compiler, "there is no such program")
    if own["cache_dir"] is not None:
        own["cache_dir"] = os.path.expanduser(own["cache_dir"])
    _core.configure(**own)
