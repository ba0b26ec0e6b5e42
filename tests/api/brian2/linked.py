from cases import *

def source(n=3, dt=None):
    h = NeuronGroup(n, 'dy/dt = (1 + i)/ms : 1\n                          k : 1\n                          s : 1 (shared)\n                          sub = y*2 + i : 1\n                          n : integer', threshold='y > 0.45', reset='y = 0; n += 1', method='euler', name='h', dt=dt)
    h.k = '10*i'
    h.s = 7
    return h

def trace(g, v, *more, ms_=0.8, when='start', **k):
    m = StateMonitor(g, v, record=True, name='m', when=when, **k)
    net = Network(g, m, *more)
    net.run(ms_ * ms)
    return {n: getattr(m, n + '_') for n in ([v] if isinstance(v, str) else v)} | {'t': m.t_}

@case
def direct():
    """x of g is linked to y of h, same size; used in an equation, a threshold and a reset; h named after g: h's update comes after g's within a slot"""
    h = source()
    g = NeuronGroup(3, 'x : 1 (linked)\ndv/dt = (x - v)/ms : 1\nz = x + v : 1', threshold='x > 0.4', reset='v = x', method='euler', name='g')
    g.x = linked_var(h, 'y')
    s = SpikeMonitor(g, name='s')
    r = trace(g, ['x', 'v', 'z'], h, s)
    return r | {'spikes_i': s.i[:], 'spikes_t': s.t_[:], 'len': len(g.x), 'x': g.x_[:], 'hy': h.y_[:]}

@case
def direct_source_first():
    """as above with the source named a (updated before g)"""
    h = NeuronGroup(3, 'dy/dt = (1 + i)/ms : 1', method='euler', name='a')
    g = NeuronGroup(3, 'x : 1 (linked)\ndv/dt = (x - v)/ms : 1', method='euler', name='g')
    g.x = linked_var(h, 'y')
    return trace(g, ['x', 'v'], h)

@case
def index_array():
    """index=[2, 0, 0, 1, 2]: five cells linked to three"""
    h = source()
    g = NeuronGroup(5, 'x : 1 (linked)\ndv/dt = x/ms : 1', method='euler', name='g')
    g.x = linked_var(h, 'y', index=np.array([2, 0, 0, 1, 2]))
    return trace(g, ['x', 'v'], h) | {'string': g.x['i > 2'], 'item': g.x_[4], 'slice': g.x_[1:3]}

@case
def index_list():
    """index as a plain list"""
    h = source()
    g = NeuronGroup(2, 'x : 1 (linked)', name='g')
    g.x = linked_var(h, 'k', index=[2, 1])
    return {'x': g.x_[:]}

@case
def index_variable_constant():
    """index variable declared (constant)"""
    h = source()
    g = NeuronGroup(4, 'x : 1 (linked)\nidx : integer (constant)', name='g')
    g.x = linked_var(h, 'k', index='idx')
    g.idx = [0, 2, 1, 1]
    return {'x': g.x_[:]}

@case
def shared_to_vector():
    """a shared variable of h"""
    h = source()
    g = NeuronGroup(4, 'x : 1 (linked)\ndv/dt = x/ms : 1', method='euler', name='g')
    g.x = linked_var(h, 's')
    h.run_regularly('s = s + 1')
    return trace(g, ['x', 'v'], h) | {'x': error_of(lambda: g.x_[:]), 'x2': error_of(lambda: g.x[2]), 'len': error_of(lambda: len(g.x)), 'repr': repr(g.x)}

@case
def one_cell_to_vector():
    """a group of one cell"""
    h = source(1)
    g = NeuronGroup(4, 'x : 1 (linked)\ndv/dt = x/ms : 1', method='euler', name='g')
    g.x = linked_var(h, 'y')
    return trace(g, ['x', 'v'], h)

@case
def one_cell_to_one():
    h = source(1)
    g = NeuronGroup(1, 'x : 1 (linked)', name='g')
    g.x = linked_var(h, 'y')
    return trace(g, ['x'], h)

@case
def subgroup_source():
    """linked to h[1:4] of five"""
    h = source(5)
    g = NeuronGroup(3, 'x : 1 (linked)', name='g')
    g.x = linked_var(h[1:4], 'y')
    return trace(g, 'x', h) | {'hy': h.y_[:]}

@case
def subgroup_source_index():
    """linked to h[1:4] of five with index [2, 0]"""
    h = source(5)
    g = NeuronGroup(2, 'x : 1 (linked)', name='g')
    g.x = linked_var(h[1:4], 'k', index=[2, 0])
    return {'x': g.x_[:]}

@case
def subexpression():
    """linked to sub = y*2 + i : i is the source's"""
    h = source()
    g = NeuronGroup(3, 'x : 1 (linked)\nz = x + 100*i : 1', name='g')
    g.x = linked_var(h, 'sub')
    return trace(g, ['x', 'z'], h)

@case
def subexpression_index():
    """linked to sub with an index"""
    h = source()
    g = NeuronGroup(4, 'x : 1 (linked)\nz = x + 100*i : 1', name='g')
    g.x = linked_var(h, 'sub', index=[2, 0, 1, 2])
    return trace(g, ['x', 'z'], h)

@case
def own_group():
    """a group linked to its own neighbour variable, index (i+1)%N, and to its own i"""
    g = NeuronGroup(4, 'x : 1 (linked)\nnr : integer (linked)\ndv/dt = (x - v)/ms : 1', method='euler', name='g')
    g.v = 'i'
    g.x = linked_var(g, 'v', index=[1, 2, 3, 0])
    g.nr = linked_var(g, 'i', index=[3, 2, 1, 0])
    return trace(g, ['x', 'v', 'nr'])

@case
def link_of_link():
    """g.x links h.y, f.z links g.x"""
    h = source()
    g = NeuronGroup(2, 'x : 1 (linked)', name='g')
    g.x = linked_var(h, 'k', index=[2, 1])
    f = NeuronGroup(3, 'z : 1 (linked)', name='f')
    f.z = linked_var(g, 'x', index=[1, 1, 0])
    return {'z': f.z_[:]}

@case
def link_to_lastspike():
    h = NeuronGroup(2, 'v:1', threshold='v>0', refractory=1 * ms, name='h')
    g = NeuronGroup(2, 'x : second (linked)\nb : boolean (linked)', name='g')
    g.x = linked_var(h, 'lastspike')
    g.b = linked_var(h, 'not_refractory')
    return {'x': g.x_[:], 'b': g.b_[:]}

@case
def other_clock():
    """the source has dt 0.3 ms: the value stays until its next update"""
    h = source(dt=0.3 * ms)
    g = NeuronGroup(3, 'x : 1 (linked)\ndv/dt = x/ms : 1', method='euler', name='g')
    g.x = linked_var(h, 'y')
    return trace(g, ['x', 'v'], h)

@case
def other_clock_subexpression_t():
    """a subexpression of t of a source of another step: whose t?"""
    h = NeuronGroup(2, 'tt = t/ms + i : 1\nd = dt/ms : 1', name='h', dt=0.3 * ms)
    g = NeuronGroup(2, 'x : 1 (linked)\ny : 1 (linked)', name='g')
    g.x = linked_var(h, 'tt')
    g.y = linked_var(h, 'd')
    return trace(g, ['x', 'y'], h)

@case
def linked_in_subexpression_and_exact():
    """a linked variable as a coefficient with the default method"""
    h = source()
    g = NeuronGroup(3, 'x : 1 (linked)\ndv/dt = (1 - v)*(1 + x)/ms : 1', name='g')
    g.x = linked_var(h, 'k')
    return trace(g, ['v'], h)

@case
def to_poisson_rates():
    p = PoissonGroup(3, rates='(i+1)*10*Hz', name='p')
    g = NeuronGroup(3, 'x : Hz (linked)', name='g')
    g.x = linked_var(p, 'rates')
    return trace(g, 'x', p, ms_=0.2)

@case
def const_over_dt_source():
    h = NeuronGroup(2, 'c = i + t/ms : 1 (constant over dt)', name='h')
    g = NeuronGroup(2, 'x : 1 (linked)', name='g')
    g.x = linked_var(h, 'c')
    return trace(g, 'x', h, ms_=0.3)
