from cases import *

def types(g):
    return {v: str(g.variables[v].dtype) for v in sorted(g.variables) if hasattr(g.variables[v], 'dtype') and (not v.startswith('_'))}
EQ = 'dv/dt = (0.1*i + 1.3 - v)/tau : 1 (unless refractory)\n        u : volt\n        n : integer\n        b : boolean\n        s : 1 (shared)\n        sub = v*0.1 + t/ms : 1\n        cc = v*0.1 + t/ms : 1 (constant over dt)'

def run_it(**k):
    tau = 3 * ms
    g = NeuronGroup(3, EQ, threshold='v > 1', reset='v = 0.1; n += 1; u += 0.1*mV', refractory=0.3 * ms, name='g', **k)
    g.run_regularly('s = s + 0.1; u = u*0.9')
    g.v = '0.1*i'
    m = StateMonitor(g, ['v', 'u', 'sub', 'cc', 's'], True)
    s = SpikeMonitor(g, variables=['v', 'sub', 'u', 'lastspike'])
    r = PopulationRateMonitor(g)
    Network(g, m, s, r).run(6 * ms)
    return plain({'types': types(g), 'v': m.v_[:, ::5].copy(), 'u': m.u_[:, ::5].copy(), 'sub': m.sub_[:, ::5].copy(), 'cc': m.cc_[:, ::5].copy(), 's': m.s_[:, ::5].copy(), 'spike_t': s.t_[:].copy(), 'spike_i': s.i[:].copy(), 'spike_v': s.v_[:].copy(), 'spike_lastspike': s.lastspike_[:].copy(), 'final_v': g.v_[:].copy(), 'final_lastspike': g.lastspike_[:].copy(), 'monitor_types': {v: str(getattr(m, v + '_').dtype) for v in m.record_variables} | {'t': str(m.t_[:].dtype), 'spike_v': str(s.v_[:].dtype), 'rate': str(r.rate_[:].dtype), 'lastspike': str(s.lastspike_[:].dtype)}})
for method in ('exact', 'euler', 'rk4', 'exponential_euler'):

    def f(method=method):
        return run_it(method=method, dtype=np.float32)
    f.__name__ = f'float32_{method}'
    f.__doc__ = 'dtype=float32 for the group'
    case(f)

@case
def float64_euler():
    """the same in float64"""
    return run_it(method='euler')

@case
def dtype_by_name():
    """dtype={'v': float32}: the others float64"""
    return run_it(method='euler', dtype={'v': np.float32})

@case
def set_and_get():
    """rounding on setting; values read"""
    g = NeuronGroup(2, 'v : volt\nw : 1', dtype=np.float32, name='g')
    g.v = 0.1 * volt
    g.w = '0.1 + i'
    return {'v': g.v_[:], 'w': [float(x) for x in g.w[:]], 'type': str(g.v_[:].dtype), 'large': error_of(lambda: (setattr(g, 'w', 1e+300), plain(g.w[:]))[1]), 'cond': g.w['w > 0.1']}
