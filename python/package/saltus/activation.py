"""Makes saltus known to Brian2, and chooses it."""

import functools
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


def _keep_random_numbers(device_class):
    """Lets the state of random numbers have the numbers that are fetched and not yet drawn.

    Brian2 keeps their address, which leads nowhere once another block was fetched, or in another process.
    """
    get, put = device_class.get_random_state, device_class.set_random_state
    if hasattr(get, "saltus"):
        return

    @functools.wraps(get)
    def get_random_state(self):
        return {**get(self), "saltus_blocks": _core.blocks()}

    @functools.wraps(put)
    def set_random_state(self, state):
        blocks = state.get("saltus_blocks")
        if blocks is not None:
            now = {name: getattr(self, name).copy() for name in ("rand_buffer", "randn_buffer")}
            state = {**state, **now}
        put(self, state)
        if blocks is not None:
            _core.set_blocks(*blocks)

    get_random_state.saltus = True
    device_class.get_random_state, device_class.set_random_state = get_random_state, set_random_state


def register():
    """Makes the target known; what runs is not changed."""
    with _lock:
        _brian2()
        from brian2.devices.device import RuntimeDevice, runtime_device

        _core.use_device(runtime_device)
        _keep_random_numbers(RuntimeDevice)
        from saltus import preferences, processes, target

        preferences.register()
        target.register()
        processes.register()


def activate(string_expressions=False):
    """Lets code of networks run on saltus from now on.

    ``string_expressions``: also what is written as text in assignments and indices (``G.v = 'rand()'``), which Brian2
    leaves to NumPy otherwise.
    """
    register()
    from brian2 import prefs

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
