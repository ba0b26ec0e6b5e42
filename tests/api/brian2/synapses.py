from cases import *


def make():
    a = NeuronGroup(4, 'x : 1', threshold='False', name='a')
    b = NeuronGroup(3, 'y : 1', name='b')
    s = Synapses(a, b, 'w : 1', on_pre='y_post += w', multisynaptic_index='k', name='s')
    s.connect(condition='i != j')
    s.connect(i=[0, 3, 3], j=[1, 0, 0])
    s.w = 'i + 10*j + 100*k'
    return s


FORMS = ['0, 1', '3, 0', '0, 0', ':, 2', '0, :', '1, 0:2', '1:3, 0', '[3, 0], [1, 0]', ':, :', ':, :, 0', ':, :, 1']


def at(values, form):
    return eval(f'values[{form}]', {'values': values})


@case
def read():
    """S.w[FORM], S.w['...']; degrees of cells and of synapses"""
    s = make()
    out = {form: at(s.w, form) for form in FORMS}
    out['i == 3'] = s.w['i == 3']
    out['degrees'] = {'pre': s.N_outgoing_pre, 'post': s.N_incoming_post, 'in': s.N_incoming[:], 'out': s.N_outgoing[:]}
    return out


@case
def write():
    """S.w[FORM] = expression, for each form on synapses of weight 0; a value each, ascending"""
    out = {}
    for form in FORMS:
        s = make()
        s.w = 0
        exec(f"s.w[{form}] = 'i + 10*j + 0.5'", {'s': s})
        out[form] = s.w[:]
    s = make()
    s.w[3, :] = [1, 2, 3, 4, 5]
    out['each'] = s.w[:]
    return out


@case
def subgroups():
    """cells are counted from the first ones of subgroups"""
    g = NeuronGroup(6, 'x : 1', threshold='False', name='g')
    s = Synapses(g[2:], g[:3], 'w : 1', on_pre='x_post += w', name='s')
    s.connect()
    s.w = 'i*10 + j'
    return {'pair': s.w[3, 2], 'in': s.N_incoming[:], 'i': s.i[:], 'j': s.j[:]}


@case
def more_between_runs():
    """connect between runs: new synapses have 0 everywhere; degrees, numbers of pairs and monitors"""
    g = SpikeGeneratorGroup(2, [0, 1, 0, 1, 0, 1], [0, 0, 0.3, 0.3, 0.6, 0.6]*ms, name='g')
    h = NeuronGroup(2, 'v : 1', name='h')
    s = Synapses(g, h, 'w : 1\ndx/dt = -x/ms : 1 (event-driven)\ndy/dt = 1/ms : 1 (clock-driven)',
                 on_pre='v_post += w; x += 1', multisynaptic_index='k', method='euler', name='s')
    s.connect(i=[0, 1], j=[0, 1])
    s.w = 1
    s.delay = 0.1*ms
    m = StateMonitor(s, ['w', 'y'], True, name='m')
    net = Network(g, h, s, m)
    net.run(0.3*ms)
    names = ('i', 'j', 'w', 'x', 'k', 'lastupdate', 'y')
    after = {name: np.array(getattr(s, name)[:]) for name in names}
    s.connect(i=[0, 0], j=[0, 1])
    more = {name: np.array(getattr(s, name)[:]) for name in names}
    more['delay'] = s.delay[:]
    more['in'], more['out'] = s.N_incoming_post, np.array(s.N_outgoing_pre)
    s.w['i == 0'] = 10
    net.run(0.6*ms)
    end = {name: np.array(getattr(s, name)[:]) for name in names}
    return {'after': after, 'more': more, 'end': end, 'v': h.v[:], 'w': m.w[:], 'y': m.y[:]}


@case
def more_with_spikes_on_their_way():
    """spikes on their way when synapses are added act through the old ones"""
    g = SpikeGeneratorGroup(1, [0], [0]*ms, name='g')
    h = NeuronGroup(2, 'v : 1', name='h')
    s = Synapses(g, h, on_pre='v_post += 1', name='s')
    s.connect(i=0, j=0)
    s.delay = 0.5*ms
    net = Network(g, h, s)
    net.run(0.2*ms)
    s.connect(i=0, j=1)
    net.run(1*ms)
    return h.v[:]


@case
def other_delays_between_runs():
    """one delay, then one each, then one again; with spikes on their way"""
    g = SpikeGeneratorGroup(2, [0, 1, 0, 1, 0, 1], [0, 0.1, 0.5, 0.6, 1.0, 1.1]*ms, name='g')
    h = NeuronGroup(6, 'v : 1', name='h')
    s = Synapses(g, h, on_pre='v_post = 2*v_post + 1', name='s')
    s.connect()
    s.delay = 0.3*ms
    m = StateMonitor(h, 'v', True, name='m')
    net = Network(g, h, s, m)
    net.run(0.5*ms)
    s.delay = 'j*0.1*ms'
    net.run(0.5*ms)
    s.delay = 0.2*ms
    net.run(1*ms)
    return m.v[:]


@case
def float32():
    """dtype=float32: weights, traces and a shared factor are rounded when they are stored"""
    g = SpikeGeneratorGroup(3, [0, 1, 2, 0, 1, 2], [0, 0.1, 0.2, 0.5, 0.7, 0.9]*ms, name='g')
    h = NeuronGroup(2, 'dv/dt = 300/second : 1', threshold='v > 0.3', reset='v = 0', method='euler', name='h')
    s = Synapses(g, h, 'w : 1\nf : 1 (shared)\ndx/dt = -x/ms : 1 (event-driven)\ndy/dt = -y/(2*ms) : 1 (event-driven)',
                 on_pre='v_post += 0.1*w; x += f; w = clip(w + y, 0, 2)', on_post='y -= 0.1; w = clip(w + x, 0, 2)',
                 dtype=np.float32, name='s')
    s.connect()
    s.w = '0.1*(i + 1) + 0.01*j'
    s.f = 0.1
    m = StateMonitor(s, ['w', 'x', 'y'], True, name='m')
    Network(g, h, s, m).run(3*ms)
    return {'w': m.w[:], 'x': m.x[:], 'y': m.y[:], 'v': h.v[:], 'type': str(s.variables['w'].dtype)}
