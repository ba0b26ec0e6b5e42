from cases import *

def cells(n=4, **k):
    g = NeuronGroup(n, 'dv/dt = (1 + i)/ms : 1 (unless refractory)\n                          k : integer\n                          b : boolean\n                          s : volt (shared)\n                          sub = v*2 + i : 1\n                          c = v + 1 : 1 (constant over dt)', threshold='v > 0.35', reset='v = 0; k += 1', refractory=0.2 * ms, method='euler', name='g', **k)
    return g

@case
def state_record_forms():
    """record = False, True, int, list, array, slice?, subgroup, negative, out of range, boolean list, float"""
    g = cells()
    out = {}
    for n, r in dict(false=False, true=True, one=2, zero=0, list=[3, 1], array=np.array([1, 1, 0]), subgroup=g[1:3], empty=[], tuple=(0, 2), negative=[-1], negative_int=-1, beyond=[4], boolean=[True, False, True, False], float=[1.7], range_=range(2), none=None, string='v>0', slice_=slice(0, 2)).items():

        def f():
            m = StateMonitor(g, 'v', record=r, name='m')
            Network((g2 := cells()), (m2 := StateMonitor(g2, 'v', record=g2[1:3] if n == 'subgroup' else r, name='m2'))).run(0.3 * ms)
            return {'record': plain(m2.record), 'v': plain(m2.v_.copy()), 't': plain(m2.t_[:].copy()), 'shape': list(m2.v_.shape)}
        out[n] = error_of(f)
    return out

@case
def state_variables_forms():
    """variables = True, a string, a list, unknown, empty, twice the same"""
    g = cells()
    return {n: error_of(lambda: list(StateMonitor(g, v, record=True).record_variables)) for n, v in {'True': True, 'string': 'v', 'list': ['k', 'v'], 'unknown': ['v', 'nope'], 'empty': [], 'twice': ['v', 'v'], 't': ['t'], 'i': ['i'], 'N': ['N'], 'lastspike': 'lastspike', '_spikespace': '_spikespace', 'False': False, 'xi': 'xi'}.items()}

@case
def state_types():
    """types of the recorded arrays"""
    g = cells()
    m = StateMonitor(g, True, record=True)
    n = Network(g, m)
    n.run(0.2 * ms)
    return {v: str(getattr(m, v + '_').dtype) for v in m.record_variables} | {'t': str(m.t_[:].dtype)}

@case
def state_subgroup():
    """source a subgroup: record relative; record=subgroup of the subgroup's parent"""
    g = cells()
    s = g[1:4]
    m = StateMonitor(s, ['v', 'sub', 'i'], record=[2, 0])
    q = StateMonitor(g, 'v', record=s)
    p = StateMonitor(s, 'v', record=s[1:3])
    Network(g, m, q, p).run(0.3 * ms)
    return {'v': m.v_.copy(), 'sub': m.sub_.copy(), 'i': m.i.copy(), 'q': q.record, 'p': p.record, 'p_v': p.v_.copy(), 'beyond': error_of(lambda: StateMonitor(s, 'v', record=[3]))}

@case
def spike_forms():
    """SpikeMonitor: record=False keeps counts; record variants; variables; when and order"""
    g = cells()
    a = SpikeMonitor(g, record=False, name='a')
    b = SpikeMonitor(g, variables=['v', 'sub', 'k', 's', 'c', 'lastspike', 'not_refractory'], name='b')
    c = SpikeMonitor(g, variables='v', when='after_resets', name='c')
    d = SpikeMonitor(g, variables='v', when='resets', order=1, name='d')
    e = SpikeMonitor(g, variables=['v'], when='end', name='e')
    f = SpikeMonitor(g, when='start', name='f')
    Network(g, a, b, c, d, e, f).run(1 * ms)
    return {'a_count': a.count[:], 'a_N': num(a.N), 'a_num': a.num_spikes, 'a_i': error_of(lambda: a.i[:]), 'a_t': error_of(lambda: a.t_[:]), 'a_trains': error_of(lambda: a.spike_trains()), 'b': {v: plain(getattr(b, v + '_')[:].copy()) for v in ('i', 't', 'v', 'sub', 'k', 's', 'c', 'lastspike')}, 'b_nr': b.not_refractory[:], 'c': c.v_[:], 'c_when': [c.when, c.order], 'd': d.v_[:], 'e': e.v_[:], 'f_t': f.t_[:], 'b_when': [b.when, b.order]}

@case
def spike_access():
    """spike_trains, values, all_values, it, num_spikes, count, string index"""
    g = cells()
    m = SpikeMonitor(g, variables='k')
    Network(g, m).run(1 * ms)
    return {'trains': {k: plain(v) for k, v in m.spike_trains().items()}, 'values': {k: plain(v) for k, v in m.values('k').items()}, 'all_values': {k: {a: plain(b) for a, b in v.items()} for k, v in m.all_values().items()}, 'it': [plain(x) for x in m.it_], 'num': m.num_spikes, 'count': m.count[:], 'string': m.t_['i == 2'], 'unknown': error_of(lambda: m.values('nope')), 'train_of': error_of(lambda: m.event_trains()), 'types': [str(m.i[:].dtype), str(m.t_[:].dtype), str(m.k[:].dtype), str(m.count[:].dtype)]}

@case
def event_access():
    g = NeuronGroup(2, 'dv/dt = (1 + i)/ms : 1', method='euler', events={'e': 'v > 0.25'}, name='g')
    m = EventMonitor(g, 'e', variables='v')
    Network(g, m).run(0.4 * ms)
    return {'i': m.i[:], 'num': m.num_events, 'trains': {k: plain(v) for k, v in m.event_trains().items()}, 'no_spike_trains': error_of(lambda: m.spike_trains()), 'no_num_spikes': error_of(lambda: m.num_spikes)}

@case
def subgroup_spikes():
    g = cells()
    s = g[2:4]
    m = SpikeMonitor(s, variables=['k', 'sub'])
    r = PopulationRateMonitor(s)
    Network(g, m, r).run(0.6 * ms)
    return {'i': m.i[:], 'count': m.count[:], 'sub': m.sub_[:], 'rate': r.rate_[:], 'trains': sorted(m.spike_trains())}
