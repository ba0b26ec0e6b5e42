from cases import *

def cells():
    g = NeuronGroup(6, 'v : volt\n                          w : 1\n                          n : integer\n                          b : boolean\n                          s : 1 (shared)\n                          k : 1 (constant)\n                          p : integer (shared, constant)\n                          sub = 2*w + i : 1\n                          ssub = s*3 : 1 (shared)\n                          dx/dt = -x/ms : 1 (unless refractory)', threshold='x > 1', refractory=1 * ms, method='exact', name='g')
    g.v = 'i*mV'
    g.w = [5, 4, 3, 2, 1, 0]
    g.n = 'i*2'
    g.b = 'i > 2'
    g.s = 1.5
    g.k = 'i*0.1'
    return g
KEYS = dict(number=2, negative=-1, slice=slice(1, 4), slice_step=slice(0, 6, 2), slice_open=slice(-2, None), slice_reverse=slice(None, None, -1), slice_beyond=slice(4, 99), slice_empty=slice(3, 3), all=slice(None), list=[4, 0, 4], array=np.array([1, 3]), negatives=[-1, -6], booleans=np.array([True, False, False, True, False, True]), bool_list=[True, False, False, True, False, True], bool_short=np.array([True, False]), bool_none=np.zeros(6, bool), string='w > 2', string_none='w > 100', string_index='i % 2 == 0', string_not_bool='w', string_unknown='nope > 1', string_units='v > 2', string_ok_units='v > 2*mV', string_sub='sub > 4', string_time='t > 0*ms or i == 1', beyond=6, negative_beyond=-7, list_beyond=[0, 6], list_negative_beyond=[-7], floats=[0.0, 1.0], float_=1.0, ellipsis=..., none=None, tuple2=(1, 2), two_d=np.array([[0, 1], [2, 3]]), empty_list=[], np_int=np.int64(3), bool_=True, index_view='__view__')

def key(g, k):
    return g.n if isinstance(k, str) and k == '__view__' else k

@case
def get():
    """g.w[key]; vector"""
    g = cells()
    return {n: error_of(lambda: g.w[key(g, k)]) for n, k in KEYS.items() if n != 'index_view'}

@case
def set_number():
    """g.w[key] = 9: the array afterwards"""
    out = {}
    for n, k in KEYS.items():
        if n == 'index_view':
            continue
        g = cells()
        out[n] = error_of(lambda: (g.w.__setitem__(k, 9), plain(g.w[:].copy()))[1])
    return out

@case
def set_string():
    """g.w[key] = '10 + i + w'"""
    out = {}
    for n, k in KEYS.items():
        if n == 'index_view':
            continue
        g = cells()
        out[n] = error_of(lambda: (g.w.__setitem__(k, '10 + i + w'), plain(g.w[:].copy()))[1])
    return out

@case
def set_array():
    """g.w[key] = an array of as many numbers (100, 101, …)"""
    out = {}
    for n, k in KEYS.items():
        if n == 'index_view':
            continue
        g = cells()
        m = np.size(np.arange(6)[k]) if isinstance(k, (slice, list, np.ndarray)) and (not n in ('list_beyond', 'list_negative_beyond', 'floats', 'bool_short', 'empty_list')) else 3 if n == 'string' else 1
        out[n] = error_of(lambda: (g.w.__setitem__(k, np.arange(m) + 100), plain(g.w[:].copy()))[1])
    return out

@case
def set_shared():
    """forms of setting a shared variable"""
    out = {}

    def t(name, f):
        g = cells()
        out[name] = error_of(lambda: (f(g), num(g.s))[1])
    t('attribute', lambda g: setattr(g, 's', 4))
    t('attribute_string', lambda g: setattr(g, 's', '2 + N + t/ms'))
    t('string_vector', lambda g: setattr(g, 's', '2 + w'))
    t('string_i', lambda g: setattr(g, 's', 'i'))
    for n in ('all', 'number', 'negative', 'slice', 'list', 'string'):
        t('at ' + n, lambda g: g.s.__setitem__(KEYS[n], 4))
    t('zero', lambda g: g.s.__setitem__(0, 4))
    t('array1', lambda g: setattr(g, 's', [4]))
    t('array2', lambda g: setattr(g, 's', [4, 5]))
    t('all_string', lambda g: g.s.__setitem__(slice(None), '4*N'))
    t('string_condition', lambda g: g.s.__setitem__('s > 1', 4))
    t('string_condition_value', lambda g: g.s.__setitem__('s > 1', '4'))
    t('constant_shared', lambda g: (setattr(g, 'p', 7), setattr(g, 's', g.p)))
    return out

@case
def set_whole():
    """attribute assignment of a vector"""
    out = {}

    def t(name, f, v='w'):
        g = cells()
        out[name] = error_of(lambda: (f(g), plain(np.asarray(getattr(g, v + '_')[:]).copy()))[1])
    t('number', lambda g: setattr(g, 'w', 3))
    t('list', lambda g: setattr(g, 'w', [1, 2, 3, 4, 5, 6]))
    t('short', lambda g: setattr(g, 'w', [1, 2]))
    t('one', lambda g: setattr(g, 'w', [7]))
    t('long', lambda g: setattr(g, 'w', range(7)))
    t('two_d', lambda g: setattr(g, 'w', np.ones((2, 3))))
    t('view', lambda g: setattr(g, 'w', g.n))
    t('own', lambda g: setattr(g, 'w', g.w + 1))
    t('in_place', lambda g: g.w.__iadd__(1))
    t('string_whole', lambda g: setattr(g, 'w', 'i/N + s'))
    t('string_number', lambda g: setattr(g, 'w', '3'))
    t('quantity', lambda g: setattr(g, 'w', 3 * mV))
    t('nan', lambda g: setattr(g, 'w', np.nan))
    t('bool', lambda g: setattr(g, 'w', True))
    t('none', lambda g: setattr(g, 'w', None))
    t('complex', lambda g: setattr(g, 'w', 1j))
    t('volt', lambda g: setattr(g, 'v', 3 * mV), 'v')
    t('volt_list', lambda g: setattr(g, 'v', [1, 2, 3, 4, 5, 6] * mV), 'v')
    t('volt_bare', lambda g: setattr(g, 'v', 3), 'v')
    t('volt_zero', lambda g: setattr(g, 'v', 0), 'v')
    t('volt_bare_list', lambda g: setattr(g, 'v', [1, 2, 3, 4, 5, 6]), 'v')
    t('volt_zeros', lambda g: setattr(g, 'v', np.zeros(6)), 'v')
    t('volt_wrong', lambda g: setattr(g, 'v', 3 * nA), 'v')
    t('volt_underscore', lambda g: setattr(g, 'v_', 3), 'v')
    t('volt_underscore_unit', lambda g: setattr(g, 'v_', 3 * mV), 'v')
    t('volt_string_bare', lambda g: setattr(g, 'v', '3'), 'v')
    t('volt_string_zero', lambda g: setattr(g, 'v', '0'), 'v')
    t('volt_inf', lambda g: setattr(g, 'v', np.inf), 'v')
    t('volt_nan', lambda g: setattr(g, 'v', np.nan), 'v')
    t('volt_string_inf', lambda g: setattr(g, 'v', 'inf*volt'), 'v')
    t('volt_string_underscore', lambda g: setattr(g, 'v_', '3'), 'v')
    t('int_float', lambda g: setattr(g, 'n', 2.7), 'n')
    t('int_floats', lambda g: setattr(g, 'n', [0.5, 1.5, 2.5, -0.5, -1.5, 10000000000.0]), 'n')
    t('int_string_float', lambda g: setattr(g, 'n', '2.7*i'), 'n')
    t('int_bool', lambda g: setattr(g, 'n', True), 'n')
    t('int_large', lambda g: setattr(g, 'n', 2 ** 31), 'n')
    t('int_nan', lambda g: setattr(g, 'n', np.nan), 'n')
    t('int_string_bool', lambda g: setattr(g, 'n', 'b'), 'n')
    t('bool_number', lambda g: setattr(g, 'b', 2), 'b')
    t('bool_zero', lambda g: setattr(g, 'b', 0.0), 'b')
    t('bool_string_number', lambda g: setattr(g, 'b', 'i'), 'b')
    t('bool_string', lambda g: setattr(g, 'b', 'w > 2 and not b'), 'b')
    t('bool_list', lambda g: setattr(g, 'b', [0, 1, 2, 0, 0, 3]), 'b')
    t('subexpression', lambda g: setattr(g, 'sub', 3))
    t('index', lambda g: setattr(g, 'i', 3))
    t('time', lambda g: setattr(g, 't', 3 * ms))
    t('dt', lambda g: setattr(g, 'dt', 3 * ms))
    t('N', lambda g: setattr(g, 'N', 3))
    t('unknown', lambda g: setattr(g, 'nope', 3))
    t('unknown_like', lambda g: setattr(g, 'ww', 3))
    t('constant', lambda g: setattr(g, 'k', 3), 'k')
    t('constant_string', lambda g: setattr(g, 'k', 'i*2'), 'k')
    t('lastspike', lambda g: setattr(g, 'lastspike', 3 * ms), 'lastspike')
    t('not_refractory', lambda g: setattr(g, 'not_refractory', False), 'not_refractory')
    t('protected_while_refractory', lambda g: (setattr(g, 'not_refractory', False), setattr(g, 'x', 5)), 'x')
    t('protected_string', lambda g: (setattr(g, 'not_refractory', False), setattr(g, 'x', '5 + i')), 'x')
    t('two_statements', lambda g: setattr(g, 'w', '3; n = 4'))
    t('assignment', lambda g: setattr(g, 'w', 'w = 3'))
    t('empty', lambda g: setattr(g, 'w', ''))
    return out

@case
def set_with_condition_and_values():
    """g.w['cond'] = number, array, string, view; other variables' conditions; wrong sizes"""
    out = {}

    def t(name, f):
        g = cells()
        out[name] = error_of(lambda: (f(g), plain(g.w[:].copy()))[1])
    t('number', lambda g: g.w.__setitem__('b', 9))
    t('array', lambda g: g.w.__setitem__('b', [7, 8, 9]))
    t('array_short', lambda g: g.w.__setitem__('b', [7, 8]))
    t('string', lambda g: g.w.__setitem__('b', 'i*10'))
    t('not', lambda g: g.w.__setitem__('not b', 0))
    t('true', lambda g: g.w.__setitem__('True', 0))
    t('false', lambda g: g.w.__setitem__('False', 0))
    t('shared', lambda g: g.w.__setitem__('s > 1', 0))
    t('shared_string', lambda g: g.w.__setitem__('s > 1', 'i'))
    t('shared_false_string', lambda g: g.w.__setitem__('s > 2', 'i'))
    t('own', lambda g: g.w.__setitem__('w > 2', 'w - 2'))
    t('random', lambda g: g.w.__setitem__('rand() < 0', '1'))
    t('bad_value', lambda g: g.w.__setitem__('b', '1*mV'))
    t('assign_in_condition', lambda g: g.w.__setitem__('b = 1', '1'))
    return out

@case
def subgroup_access():
    """s = g[1:5]: reads and number writes by every key"""
    out = {}
    for n, k in KEYS.items():
        if n == 'index_view':
            continue
        g = cells()
        s = g[1:5]
        out['get ' + n] = error_of(lambda: s.w[k])
        out['set ' + n] = error_of(lambda: (s.w.__setitem__(k, 9), plain(g.w[:].copy()))[1])
    return out

@case
def subgroup_whole():
    out = {}

    def t(name, f, v='w'):
        g = cells()
        s = g[1:5]
        out[name] = error_of(lambda: (f(s), plain(np.asarray(getattr(g, v + '_')[:]).copy()))[1])
    t('number', lambda s: setattr(s, 'w', 9))
    t('list', lambda s: setattr(s, 'w', [6, 7, 8, 9]))
    t('long', lambda s: setattr(s, 'w', range(6)))
    t('string', lambda s: setattr(s, 'w', 'i + 100*N'))
    t('string_sub', lambda s: setattr(s, 'w', 'sub'))
    t('condition', lambda s: s.w.__setitem__('i > 1', 'i*100'))
    t('shared', lambda s: setattr(s, 's', 8), 's') if False else None
    t('volt', lambda s: setattr(s, 'v', 3 * mV), 'v')
    t('shared_vector', lambda s: setattr(s, 's', 8))
    g = cells()
    s = g[1:5]
    s.s = 8
    out['shared_s'] = num(g.s)
    return out
