"""Makes saltus known to Brian2, and chooses it."""

import threading

from saltus import _core

_OLDEST = (2, 10)
_TARGETS = ("codegen.target", "codegen.string_expression_target")

_lock = threading.Lock()
#: What the preferences were before saltus was chosen.
_before = {}


def _brian2():
    try:
        import brian2
    except ImportError as exc:
        raise ImportError("saltus runs scripts for Brian2, which is not installed: pip install brian2") from exc
    version = tuple(int(part) for part in brian2.__version__.split(".")[:2] if part.isdigit())
    if version < _OLDEST:
        wanted = ".".join(map(str, _OLDEST))
        raise ImportError(f"saltus needs Brian2 {wanted} or later, and this is {brian2.__version__}")
    return brian2


def register():
    """Makes the target known; what runs is not changed."""
    with _lock:
        _brian2()
        from saltus import preferences, target

        preferences.register()
        target.register()


def activate(string_expressions=False):
    """Lets code of networks run on saltus from now on.

    ``string_expressions``: also what is written as text in assignments and indices (``G.v = 'rand()'``), which Brian2
    leaves to NumPy otherwise.
    """
    register()
    from brian2 import prefs
    from brian2.devices.device import runtime_device

    _core.use_device(runtime_device)
    chosen = _TARGETS if string_expressions else _TARGETS[:1]
    for name in chosen:
        _before.setdefault(name, prefs[name])
        prefs[name] = "saltus"


def deactivate():
    """Lets code run on what was chosen before."""
    from brian2 import prefs

    for name, value in _before.items():
        prefs[name] = value
    _before.clear()


def is_active():
    """Whether code of networks runs on saltus."""
    from brian2 import prefs

    return prefs["codegen.target"] == "saltus"
