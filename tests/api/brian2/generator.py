from cases import *

def monitored(*a, **k):
    g = SpikeGeneratorGroup(*a, name='sg', **k)
    m = SpikeMonitor(g, name='m')
    return (g, m, Network(g, m))

def seen(m):
    return plain([[int(i), round(float(t) * 1000.0, 6)] for i, t in zip(m.i[:], m.t_[:])])

@case
def periodic_runs():
    """a period across runs that end inside it; spikes of the period before t = 0.5 ms count as in the past"""
    g, m, net = monitored(3, [0, 1, 2], [0, 0.1, 0.3] * ms, period=0.4 * ms)
    net.run(0.5 * ms)
    net.run(0.6 * ms)
    a = seen(m)
    return {'a': a}

@case
def period_infinite_or_long():
    g, m, net = monitored(1, [0], [0.1] * ms, period=1000000.0 * second)
    net.run(0.3 * ms)
    return {'seen': seen(m)}
