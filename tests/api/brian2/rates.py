from cases import *

def spikes(**k):
    g = SpikeGeneratorGroup(3, [0, 1, 2, 0, 1, 0, 2, 2, 0], [0, 0.2, 0.2, 0.5, 0.9, 1.0, 1.3, 1.4, 1.9] * ms, name='sg', **k)
    r = PopulationRateMonitor(g, name='r')
    s = SpikeMonitor(g, name='s')
    return (g, r, s, Network(g, r, s))

@case
def smooth_population():
    """rate monitor, 2 ms at 0.1 ms: gaussian, flat (adjusted to an odd number of steps), own windows"""
    g, r, s, net = spikes()
    net.run(2 * ms)
    out = {'rate': r.rate_, 't': r.t_}
    for w in (0.1, 0.15, 0.3, 0.32, 1.0, 5.0):
        out[f'gaussian {w} ms'] = r.smooth_rate('gaussian', w * ms)
    for w in (0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.05, 0.01):
        out[f'flat {w} ms'] = r.smooth_rate('flat', w * ms)
    for n, w in dict(one=[1], three=[1, 2, 1], asymmetric=[1, 0, 0], five=[0.5, 1, 5, 1, 0.25], ints=np.array([1, 1, 1]), longer=np.ones(31)).items():
        out[f'own {n}'] = r.smooth_rate(np.array(w))
    return out

@case
def binned_population():
    """binned_rate: bins of whole steps, a last part that does not fill a bin"""
    g, r, s, net = spikes()
    net.run(2 * ms)
    out = {}
    for b in (0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 2.0, 3.0):
        out[f'{b} ms'] = error_of(lambda: (lambda t, x: {'t': plain(t), 'rate': plain(x)})(*r.binned_rate(b * ms)))
    for n, b in dict(off_grid=0.25 * ms, below=0.05 * ms, zero=0 * ms, unit=1 * mV, negative=-1 * ms).items():
        out[n] = error_of(lambda: (lambda t, x: {'t': plain(t), 'rate': plain(x)})(*r.binned_rate(b)))
    return out

@case
def binned_spikes():
    """binned_rate of a spike monitor: one row per cell"""
    g, r, s, net = spikes()
    net.run(2 * ms)
    out = {}
    for b in (0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 2.0, 3.0):
        out[f'{b} ms'] = error_of(lambda: (lambda t, x: {'t': plain(t), 'rate': plain(x)})(*s.binned_rate(b * ms)))
    for n, b in dict(off_grid=0.25 * ms, below=0.05 * ms, zero=0 * ms).items():
        out[n] = error_of(lambda: (lambda t, x: {'t': plain(t), 'rate': plain(x)})(*s.binned_rate(b)))
    return out

@case
def smooth_spikes():
    """smooth_rate of a spike monitor"""
    g, r, s, net = spikes()
    net.run(2 * ms)
    return {'gaussian 0.3 ms': s.smooth_rate('gaussian', 0.3 * ms), 'flat 0.3 ms': s.smooth_rate('flat', 0.3 * ms), 'flat 0.4 ms': s.smooth_rate('flat', 0.4 * ms), 'own': s.smooth_rate(np.array([1, 2, 1])), 'shape': list(s.smooth_rate('flat', 0.3 * ms).shape)}

@case
def events_and_subgroup():
    """an event monitor of a subgroup of cells with own step"""
    g = NeuronGroup(4, 'dv/dt = (1 + i)/ms : 1', method='euler', events={'e': 'v > 0.35'}, dt=0.2 * ms, name='g')
    g.run_on_event('e', 'v = 0')
    e = EventMonitor(g[1:4], 'e', name='e')
    Network(g, e).run(2 * ms)
    t, x = e.binned_rate(0.4 * ms)
    return {'i': e.i[:], 't': e.t_[:], 'bin_t': t, 'rate': x, 'smooth': e.smooth_rate('gaussian', 0.2 * ms)}

@case
def after_two_runs_and_no_spikes():
    g, r, s, net = spikes()
    net.run(0.55 * ms)
    net.run(0.4 * ms)
    two = {'r': [plain(a) for a in r.binned_rate(0.2 * ms)], 's': error_of(lambda: [plain(a) for a in s.binned_rate(0.2 * ms)]), 's 0.1': [plain(a) for a in s.binned_rate(0.1 * ms)], 'smooth_s': plain(s.smooth_rate('flat', 0.3 * ms))}
    h = SpikeGeneratorGroup(2, [], [] * ms, name='none')
    q = SpikeMonitor(h, name='q')
    qr = PopulationRateMonitor(h, name='qr')
    n2 = Network(h, q, qr)
    n2.run(0.5 * ms)
    return two | {'none_s': error_of(lambda: [plain(a) for a in q.binned_rate(0.1 * ms)]), 'none_r': error_of(lambda: [plain(a) for a in qr.binned_rate(0.1 * ms)]), 'none_smooth': error_of(lambda: q.smooth_rate('flat', 0.3 * ms))}

@case
def late_start():
    """monitors added at 0.5 ms: where do the bins start?"""
    g, r, s, net = spikes()
    net.remove(r)
    net.remove(s)
    net.run(0.5 * ms)
    r2 = PopulationRateMonitor(g, name='r2')
    s2 = SpikeMonitor(g, name='s2')
    net.add(r2, s2)
    net.run(1 * ms)
    return {'r': error_of(lambda: [plain(a) for a in r2.binned_rate(0.2 * ms)]), 's': error_of(lambda: [plain(a) for a in s2.binned_rate(0.2 * ms)]), 's 0.1': error_of(lambda: [plain(a) for a in s2.binned_rate(0.1 * ms)]), 'r_t': r2.t_[:]}
