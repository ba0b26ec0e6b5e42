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


#: After so many seconds it is said what the end of the process waits for.
_PATIENCE = 2
#: No compiler takes longer: they have limits of their own.
_LONGEST = 24 * 3600


def finish():
    """Waits for what was begun, and says what stood in its way."""
    warnings = _core.finish(_PATIENCE)
    if warnings is None:
        logger.warn("Kernels are still being compiled, for the next run to find; Ctrl-C ends that.", "finish")
        warnings = _core.finish(_LONGEST)
    for warning in warnings or ():
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
