"""Makes numpy.json beside this file: numbers of NumPy's RandomState, which tests/random.rs compares with.

Whole numbers and bits of doubles are digested, since every one must be equal; normal numbers are given as they are.
"""

import json
import pathlib

import numpy as np

SEEDS = [0, 1, 42, 12345, 2**31, 2**32 - 1]
MEANS = [0.0, 1e-3, 0.5, 3.0, 9.99, 10.0, 12.5, 30.0, 1e3, 1e6]
BINOMIALS = [
    (0, 0.3), (1, 0.5), (5, 0.0), (5, 1.0), (10, 0.5), (10, 0.8), (60, 0.5), (61, 0.5), (62, 0.5), (40, 0.25),
    (100, 0.2), (100, 0.35), (100, 0.65), (100, 0.999), (1000, 0.01), (1000, 0.0300001), (1000, 0.5), (1000, 0.8),
    (10**5, 0.3), (10**6, 1e-6), (10**6, 0.97), (10**9, 1e-3), (10**12, 0.4), (10**17, 1e-16),
]  # fmt: skip
DRAWS = 20_000


def digest(words):
    """FNV-1a over words of 64 bits."""
    value = 0xCBF29CE484222325
    for word in words:
        value = ((value ^ (int(word) % 2**64)) * 0x100000001B3) % 2**64
    return value


def bits(doubles):
    return [int(x) for x in np.asarray(doubles, dtype="<f8").view("<u8")]


def seeded(seed):
    random = np.random.RandomState(seed)
    uniforms = bits(random.random_sample(DRAWS))
    random = np.random.RandomState(seed)
    normals = bits(random.randn(301))
    after = random.get_state()
    return {
        "seed": seed,
        "first": uniforms[:3],
        "uniforms": digest(uniforms),
        "normals": normals,
        "words": digest(after[1]),
        "position": int(after[2]),
        "second_normal": bits([after[4]])[0] if after[3] else None,
        "then": bits(random.random_sample(2))[1],
    }


def poisson(mean, seed):
    random = np.random.RandomState(seed)
    numbers = random.poisson(mean, size=DRAWS)
    return {"mean": mean, "seed": seed, "first": numbers[:5].tolist(), "digest": digest(numbers),
            "then": bits([random.random_sample()])[0]}  # fmt: skip


def binomial(trials, probability, seed):
    random = np.random.RandomState(seed)
    numbers = random.binomial(trials, probability, size=DRAWS)
    return {"trials": trials, "probability": probability, "seed": seed, "first": numbers[:5].tolist(),
            "digest": digest(numbers), "then": bits([random.random_sample()])[0]}  # fmt: skip


def interleaved(seed):
    """Direct draws of every kind from one generator, whose order decides about the second normal number."""
    random = np.random.RandomState(seed)
    draws = {
        "uniform": random.random_sample,
        "normal": random.randn,
        "poisson": lambda: float(random.poisson(20.0)),
        "binomial": lambda: float(random.binomial(300, 0.7)),
    }
    kinds = ["normal", "uniform", "normal", "poisson", "normal", "binomial", "uniform", "normal", "uniform", "normal"]
    return {"seed": seed, "draws": [[kind, bits([draws[kind]()])[0]] for kind in kinds]}


class Blocks:
    """Numbers taken one by one from blocks of 20,000, fetched when the first of them is asked for."""

    def __init__(self, seed):
        self.random = np.random.RandomState(seed)
        self.rest = {"next_uniform": [], "next_normal": []}

    def draw(self, kind):
        if kind == "uniform":
            return self.random.random_sample()
        if kind == "normal":
            return self.random.randn()
        if not self.rest[kind]:
            fetch = self.random.random_sample if kind == "next_uniform" else self.random.standard_normal
            self.rest[kind] = fetch(20_000).tolist()[::-1]
        return self.rest[kind].pop()


def blocks(seed):
    blocks = Blocks(seed)
    steps = [
        ("next_uniform", 1), ("uniform", 2), ("next_uniform", 2), ("normal", 1), ("next_normal", 1), ("uniform", 1),
        ("next_uniform", 19_997), ("normal", 1), ("uniform", 3), ("next_uniform", 1), ("next_normal", 19_999),
        ("uniform", 1), ("next_normal", 1), ("next_uniform", 45_000), ("next_normal", 20_000), ("normal", 1),
    ]  # fmt: skip
    draws = []
    for kind, count in steps:
        last = [blocks.draw(kind) for _ in range(count)][-1]
        draws.append([kind, count, bits([last])[0]])
    return {"seed": seed, "draws": draws}


fixtures = {
    "seeded": [seeded(seed) for seed in SEEDS],
    "poisson": [poisson(mean, 7 + k) for k, mean in enumerate(MEANS)],
    "binomial": [binomial(trials, probability, 100 + k) for k, (trials, probability) in enumerate(BINOMIALS)],
    "interleaved": [interleaved(seed) for seed in SEEDS],
    "blocks": [blocks(seed) for seed in (3, 2**32 - 1)],
}
path = pathlib.Path(__file__).with_name("numpy.json")
sections = [f'"{name}": [\n' + ",\n".join(map(json.dumps, cases)) + "\n]" for name, cases in fixtures.items()]
path.write_text("{\n" + ",\n".join(sections) + "\n}\n")
