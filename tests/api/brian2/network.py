from cases import *

def chain(n=2, **k):
    g = NeuronGroup(n, 'dv/dt = 1/ms : 1\n                          n : integer', threshold='v > 0.25', reset='v = 0', method='euler', name='g', **k)
    return g

def full(text):
    return f'n = (n*3 + {text}) % 100003'

@case
def event_schedule():
    """set_event_schedule: the spike test before the update, an event in two places"""
    out = {}
    for when in ('after_thresholds', 'before_groups', 'start', 'end'):
        g = NeuronGroup(1, 'dv/dt = 1/ms : 1\nu : 1', method='euler', threshold='v > 0.25', reset='v = 0', events={'e': 'v > 0.15'}, name='g')
        g.run_on_event('e', 'u += 1 + v')
        g.set_event_schedule('e', when=when)
        m = StateMonitor(g, ['v', 'u'], True, name='m')
        e = EventMonitor(g, 'e', variables='v', name='e')
        s = SpikeMonitor(g, variables='v', name='s')
        Network(g, m, e, s).run(0.8 * ms)
        out[when] = {'v': m.v_[0], 'u': m.u_[0], 'e_t': e.t_[:], 'e_v': e.v_[:], 's_t': s.t_[:], 'e_when': e.when, 'e_order': e.order}
    return out

@case
def event_schedule_spike():
    """set_event_schedule('spike', 'before_groups')"""
    g = chain(1)
    g.set_event_schedule('spike', when='before_groups')
    s = SpikeMonitor(g, variables='v')
    m = StateMonitor(g, 'v', True)
    Network(g, s, m).run(0.8 * ms)
    return {'v': m.v_[0], 's_t': s.t_[:], 's_v': s.v_[:], 's_when': s.when, 's_order': s.order}

@case
def on_event_when_order():
    """run_on_event with when and order: two pieces around the reset"""
    g = NeuronGroup(1, 'dv/dt = 1/ms : 1\nu : 1', method='euler', threshold='v > 0.25', reset='v = 0', events={'e': 'v > 0.25', 'f': 'v > 0.25'}, name='g')
    g.run_on_event('e', 'u += v', when='resets', order=-1)
    g.run_on_event('f', 'u += 100 + v', when='resets', order=1)
    Network(g).run(0.3 * ms)
    return {'u': g.u_[:], 'v': g.v_[:]}

@case
def schedule_custom():
    """net.schedule with thresholds and resets before groups; extra slot"""
    g = chain(1)
    calls = []

    def op(name, **k):

        def f():
            calls.append([name, round(float(g.v_[0]), 9)])
        return NetworkOperation(f, name=name, **k)
    net = Network(g, op('x', when='extra'), op('bx', when='before_extra'), op('s', when='start'))
    net.schedule = ['start', 'thresholds', 'resets', 'extra', 'groups', 'synapses', 'end']
    m = StateMonitor(g, 'v', True, when='after_groups')
    net.add(m)
    net.run(0.5 * ms)
    return {'v': m.v_[0], 'calls': calls, 'schedule': net.schedule}
