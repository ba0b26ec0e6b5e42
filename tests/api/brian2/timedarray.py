from cases import *

@case
def call_fine():
    """index over a fine grid of times for several (array dt, clock dt): t in ms -> index"""
    out = {}
    for adt, cdt in ((0.3, 0.1), (0.1, 0.1), (0.05, 0.1), (0.7, 0.25), (1, 0.3), (0.1, 0.03)):
        defaultclock.dt = cdt * ms
        T = TimedArray(np.arange(12.0), dt=adt * ms)
        t = np.arange(0, 61) * 0.03
        out[f'{adt} at {cdt}'] = {'t': plain(np.round(t, 4)), 'index': plain(np.asarray(T(t * ms)).astype(int))}
    return out
