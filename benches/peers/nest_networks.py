"""The nearest models that NEST has: `nest_networks.py cuba|cobahh|brunel`.

Not the same equations: `cuba` and `brunel` are integrated exactly as in Brian2, but all synapses have a delay of at least a
step; `hh_cond_exp_traub` has its own solver with adaptive steps, and another rule for spikes. Sizes, the chance of a
synapse, weights, time constants and initial values are those of the model files.
"""

import os
import sys
import time

import protocol

STEP = 0.1


def reset(nest):
    nest.ResetKernel()
    nest.resolution = STEP
    nest.local_num_threads = 1
    nest.rng_seed = int.from_bytes(os.urandom(3), "little") + 1


def connect(nest, cells, excitatory, p, weights, delay):
    """The first `excitatory` cells excite, the others inhibit."""
    rule = {"rule": "pairwise_bernoulli", "p": p}
    for sources, weight in zip((cells[:excitatory], cells[excitatory:]), weights):
        nest.Connect(sources, cells, rule, {"weight": weight, "delay": delay})


def cuba(nest):
    # With this capacity, currents in pA are the potentials of the model file in mV.
    constants = dict(tau_m=20.0, C_m=20.0, E_L=-49.0, V_th=-50.0, V_reset=-60.0, t_ref=5.0)
    cells = nest.Create("iaf_psc_exp", 4000, dict(constants, tau_syn_ex=5.0, tau_syn_in=10.0))
    cells.V_m = nest.random.uniform(-60.0, -50.0)
    connect(nest, cells, 3200, 0.02, (1.62, -9.0), STEP)
    return cells, 1000.0


def cobahh(nest):
    constants = dict(C_m=200.0, g_L=10.0, E_L=-60.0, g_Na=20000.0, E_Na=50.0, g_K=6000.0, E_K=-90.0, V_T=-63.0)
    synapses = dict(E_ex=0.0, E_in=-80.0, tau_syn_ex=5.0, tau_syn_in=10.0)
    cells = nest.Create("hh_cond_exp_traub", 4000, dict(constants, **synapses, t_ref=3.0))
    cells.V_m = nest.random.normal(-65.0, 5.0)
    # Conductances cannot be set: spikes within the first step give the mean and the spread of those of the model file.
    for count, weight in ((40.0 / 6.0, 6.0), (200.0 / 67.0, -67.0)):
        kick = nest.Create("poisson_generator", params={"rate": count / (STEP * 1e-3), "start": 0.0, "stop": STEP})
        nest.Connect(kick, cells, syn_spec={"weight": weight, "delay": STEP})
    connect(nest, cells, 3200, 0.02, (6.0, -67.0), STEP)
    return cells, 1000.0


def brunel(nest):
    constants = dict(tau_m=20.0, E_L=0.0, V_th=20.0, V_reset=10.0, t_ref=2.0)
    cells = nest.Create("iaf_psc_delta", 5000, constants)
    cells.V_m = nest.random.uniform(0.0, 20.0)
    # All delays are the same, so that NEST exchanges spikes as rarely as it can; what is random does not mind.
    delay = 1.5
    connect(nest, cells, 4000, 0.1, (0.1, -0.5), delay)
    drive = nest.Create("poisson_generator", params={"rate": 400 * 30.0})
    nest.Connect(drive, cells, syn_spec={"weight": 0.1, "delay": delay})
    rates = [{"rate": 5.0 + 5.0 * i / 1000} for i in range(1000)]
    background = nest.Create("poisson_generator", 1000, rates)
    # Or each target would get spikes of its own.
    repeaters = nest.Create("parrot_neuron", 1000)
    nest.Connect(background, repeaters, "one_to_one", {"delay": delay})
    for k in range(5):
        targets = cells[k::5]
        nest.Connect(repeaters, targets, "one_to_one", {"weight": 0.2, "delay": delay})
    return cells, 500.0


def main():
    answers = protocol.claim_output()
    nest = protocol.require(answers, "nest")
    nest.verbosity = nest.VerbosityLevel.ERROR
    build = {"cuba": cuba, "cobahh": cobahh, "brunel": brunel}[sys.argv[1]]

    def measure():
        reset(nest)
        cells, duration = build(nest)
        counter = nest.Create("spike_recorder", params={"record_to": "memory", "start": 0.0})
        nest.Connect(cells, counter)
        # The first steps sort synapses, which others do while they connect.
        nest.Prepare()
        nest.Run(1.5)
        before = counter.n_events
        started = time.perf_counter()
        nest.Run(duration)
        seconds = time.perf_counter() - started
        nest.Cleanup()
        return {"seconds": seconds, "spikes": int(counter.n_events - before)}

    protocol.serve(answers, f"NEST {nest.__version__}", measure)


main()
