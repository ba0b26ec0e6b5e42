"""What a script runs can be looked at."""

import pytest
from brian2 import NeuronGroup, SpikeMonitor, defaultclock, nS, run

import saltus


def test_code_is_listed_and_shown():
    g = 3 * nS
    cells = NeuronGroup(
        7, "dv/dt = (g/nS - v)/(7*ms) : 1", threshold="v > 1", reset="v = 0", method="euler", name="seen"
    )
    spikes = SpikeMonitor(cells, name="watching")
    run(defaultclock.dt)
    look = saltus.introspector()
    names = [name for name, _, _ in look.list("seen_*")]
    assert names == ["seen_spike_resetter_codeobject", "seen_spike_thresholder_codeobject", "seen_stateupdater_codeobject"]
    shown = look.inspect("seen_stateupdater*")
    assert "v = _v" in shown and "saltus_kernel" in shown and "<pre>" in shown._repr_html_()
    params = {name: (dtype, size, owner) for name, dtype, size, _, owner in look.params("seen_stateupdater*")}
    assert params["v"] == ("float64", "7", "seen")
    assert ("g", "3. nS") in list(look.namespace("seen_stateupdater*"))
    assert "<table>" in look._repr_html_() and "watching_codeobject" in repr(look)
    with pytest.raises(KeyError, match="fits 3 code objects"):
        look.params("seen_*")
    assert spikes.num_spikes == 0
