"""Preferences of saltus, under ``codegen.runtime.saltus``."""

from brian2 import prefs
from brian2.core.preferences import BrianPreference

from saltus import _core

NAME = "codegen.runtime.saltus"
NAMES = ("cache_dir", "compiler", "tier", "threads", "keep_sources")
_registered = False


def _is_path(value):
    return value is None or isinstance(value, str)


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
            validator=_is_path,
        ),
        compiler=BrianPreference(
            default=None,
            docs="The compiler of kernels; the first one that is found if it is None.",
            validator=_is_path,
        ),
        tier=BrianPreference(
            default="auto",
            docs="What runs kernels: `auto` (the interpreter until a compiled kernel is there), `compiled` (which is "
            "waited for) or `interpreter`. Results are the same, to the bit.",
            validator=lambda value: value in ("auto", "compiled", "interpreter"),
        ),
        threads=BrianPreference(
            default=1,
            docs="How many threads run a large kernel together. Results are the same, to the bit.",
            validator=lambda value: isinstance(value, int) and value > 0,
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
    _core.configure(**own)
