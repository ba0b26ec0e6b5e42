from cases import *

@case
def active():
    """S.active or S.pre.active is False for one run of three: its queue stands still, and spikes meanwhile are lost"""
    out = {}
    for what in ('s', 's_pre'):
        g = SpikeGeneratorGroup(1, [0, 0, 0], [0.0, 0.3, 0.6] * ms, name='g')
        h = NeuronGroup(1, 'c : 1', name='h')
        s = Synapses(g, h, 'dx/dt = 1/ms : 1 (clock-driven)', on_pre='c += 1', delay=0.5 * ms, method='euler', name='s')
        s.connect()
        m = StateMonitor(h, 'c', True, when='after_end', name='m')
        n = StateMonitor(s, 'x', True, name='n')
        net = Network(g, h, s, m, n)
        net.run(0.2 * ms)
        (s if what == 's' else s.pre).active = False
        net.run(0.2 * ms)
        (s if what == 's' else s.pre).active = True
        net.run(1.2 * ms)
        out[what] = {'c': m.c[:], 'x': n.x[:]}
    return out
