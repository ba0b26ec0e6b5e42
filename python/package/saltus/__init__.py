"""Brian2 scripts on saltus: no wait for a compiler before the first time step.

``import saltus; saltus.activate()`` before the first ``run`` lets everything that a script runs use saltus;
``import saltus.auto`` does so at once; ``python -m saltus script.py`` runs a script that was not changed.
"""

from saltus._core import KernelError, __version__
from saltus.activation import activate, deactivate, is_active

__all__ = ["KernelError", "__version__", "activate", "deactivate", "introspector", "is_active"]


def introspector():
    """The code that runs on saltus, to be looked at and changed: names, kernels, sources, parameters, values."""
    from saltus.introspection import introspector

    return introspector()
