# SPDX-License-Identifier: Apache-2.0
"""What paired seeds say: ratios with 95 % intervals, and how many simulations a rival would have needed."""
import math

import numpy as np
from scipy import stats


def ratio(logs):
    """A ratio and its 95 % interval by Student's t, from its logarithms, one a seed."""
    logs = np.asarray(logs)
    half = stats.t.ppf(0.975, len(logs) - 1) * logs.std(ddof=1) / math.sqrt(len(logs)) if len(logs) > 1 else math.nan
    return tuple(math.exp(logs.mean() + side * half) for side in (0, -1, 1))


def ratio_text(logs):
    return "{:.2f} [{:.2f}, {:.2f}]".format(*ratio(logs))


def needed(curve, goal):
    """Simulations with which a curve {simulations: error} first is as good as the goal, between its points on a line in both
    logarithms; nothing if it never is."""
    points = sorted(curve.items())
    for i, (simulations, error) in enumerate(points):
        if error > goal:
            continue
        if i == 0:
            return simulations
        before, worse = points[i - 1]
        part = math.log(worse / goal) / math.log(worse / error)
        return before * (simulations / before) ** part
    return None
