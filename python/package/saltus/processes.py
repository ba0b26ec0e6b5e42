"""The end of a process, and processes that are forked off.

Kernels that are being made are finished before a process ends, so that the next one finds them. In a process that was
forked off nobody makes them any more: what it runs gets its own.
"""

import atexit
import os
from multiprocessing import util

from brian2.utils.logger import get_logger

from saltus import _core

logger = get_logger("saltus")
_registered = False


def finish():
    """Waits for what was begun, and says what stood in its way."""
    for warning in _core.finish():
        logger.warn(warning, "engine", once=True)


def _finish_forked(_):
    # What the standard library forks off ends without what is registered to be done at exit.
    util.Finalize(None, finish, exitpriority=0)


def register():
    """Lets this process, and those that it forks off, end so; once."""
    global _registered
    if _registered:
        return
    atexit.register(finish)
    os.register_at_fork(after_in_child=_core.was_forked)
    util.register_after_fork(_core, _finish_forked)
    _registered = True
