"""What each template of Brian2 needs to be known of it: the variables it works on and what it may write.

Brian2 reads these from its own templates; ours have no text, so they are told here.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Template:
    """A template, called with the statements of its blocks; what comes out is its :class:`Plan`."""

    name: str
    variables: frozenset = frozenset()
    iterate_all: frozenset = frozenset()
    writes_read_only: frozenset = frozenset()
    allows_scalar_write: bool = False
    template_source: str = ""

    def __call__(self, scalar_code, vector_code, **kwds):
        return Plan(self.name, scalar_code, vector_code, kwds)


@dataclass
class Plan:
    """Statements of a template's blocks, and what it was told besides."""

    template: str
    scalar: dict
    vector: dict
    kwds: dict = field(repr=False)

    def __str__(self):
        text = []
        for title, blocks in (("once", self.scalar), ("for each element", self.vector)):
            for block, statements in blocks.items():
                if not statements:
                    continue
                where = f"{self.template}, {title}" + (f", {block}" if block else "")
                text += [f"# {where}"] + [str(statement) for statement in statements]
        return "\n".join(text)


def _template(name, uses="", *, iterates=False, writes="", scalar_write=False):
    return Template(
        name=name,
        variables=frozenset(uses.split()),
        iterate_all=frozenset({"_idx"} if iterates else ()),
        writes_read_only=frozenset(writes.split()),
        allows_scalar_write=scalar_write,
    )


_ALL = [
    _template("stateupdate", "N", iterates=True, scalar_write=True),
    _template("threshold", "N"),
    _template("reset"),
    _template("spikemonitor", "N _clock_t count _source_start _source_stop"),
    _template("statemonitor", "t _clock_t _indices N"),
    _template(
        "ratemonitor", "N t rate _clock_t _clock_dt _spikespace _num_source_neurons _source_start _source_stop"
    ),
    _template("synapses"),
    _template("synapses_push_spikes"),
    _template(
        "synapses_create_array",
        "_synaptic_pre _synaptic_post sources targets N N_pre N_post _source_offset _target_offset",
        writes="_synaptic_pre _synaptic_post N",
    ),
    _template(
        "synapses_create_generator",
        "_synaptic_pre _synaptic_post rand N N_pre N_post _source_offset _target_offset",
        iterates=True,
        writes="_synaptic_pre _synaptic_post N",
    ),
    _template("summed_variable", "N"),
    _template(
        "spatialstateupdate",
        "Cm dt v N Ic Ri _ab_star0 _ab_star1 _ab_star2 _b_plus _b_minus _v_star _u_plus _u_minus _v_previous _gtot_all "
        "_I0_all _c _P_diag _P_parent _P_children _B _morph_parent_i _starts _ends _morph_children _morph_children_num "
        "_morph_idxchild _invr0 _invrn _invr r_length_1 r_length_2 area",
    ),
    _template("spikegenerator", "_spikespace neuron_index _timebins _period_bins _lastindex t_in_timesteps N"),
    _template("group_get_indices", "N _indices"),
    _template("group_variable_get", "_group_idx"),
    _template("group_variable_get_conditional", "N"),
    _template("group_variable_set", "_group_idx", scalar_write=True),
    _template("group_variable_set_conditional", "N", scalar_write=True),
]


class Templater:
    """Finds templates by name, as attributes."""

    def __init__(self, templates):
        for template in templates:
            setattr(self, template.name, template)


TEMPLATER = Templater(_ALL)
