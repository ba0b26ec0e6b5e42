"""Every test starts with Brian2 as it is after being imported, but for the target."""

import os

os.environ.setdefault("MPLBACKEND", "Agg")

import pytest


@pytest.fixture(autouse=True)
def fresh():
    import brian2
    from brian2.devices.device import reinit_devices

    import saltus

    reinit_devices()
    brian2.defaultclock.dt = 0.1 * brian2.ms
    saltus.activate(string_expressions=True)
    brian2.start_scope()
    yield
    brian2.start_scope()
    saltus.deactivate()
