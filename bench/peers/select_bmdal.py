# SPDX-License-Identifier: Apache-2.0
"""bmdal-reg's selection on given features, and the bare matrix product of their sizes. One JSON line for each.

usage: select_bmdal.py POOL.npy TRAIN.npy COUNT METHOD... [--threads 2]     (with torch and bmdal-reg 3.0.2)
       select_bmdal.py --make FILE.npy ROWS DIMS SEED                       writes float32 normal features

METHOD: k_center, kmeans_pp, lcmd, max_det, bait, frank_wolfe, product. max_det and bait are bmdal-reg's feature-space
forms, which do not look at the training points (its default); the others begin with these, one at a time.
"""
import contextlib
import io
import json
import sys
import time

import numpy as np

np.Inf = np.inf  # bmdal-reg 3.0.2 predates NumPy 2

if sys.argv[1] == "--make":
    rows, dims, seed = (int(text) for text in sys.argv[3:6])
    np.save(sys.argv[2], np.random.default_rng(seed).standard_normal((rows, dims), dtype=np.float32))
    sys.exit()

import torch  # noqa: E402

arguments = sys.argv[1:]
threads = 2
if "--threads" in arguments:
    at = arguments.index("--threads")
    threads = int(arguments[at + 1])
    del arguments[at : at + 2]
torch.set_num_threads(threads)
pool, train = (torch.from_numpy(np.load(path)) for path in arguments[:2])
count = int(arguments[2])


def chooser(method):
    from bmdal_reg.bmdal import selection
    from bmdal_reg.bmdal.feature_data import TensorFeatureData
    from bmdal_reg.bmdal.feature_maps import IdentityFeatureMap
    from bmdal_reg.bmdal.features import Features

    cls, options = {
        "k_center": (selection.MaxDistSelectionMethod, {}),
        "kmeans_pp": (selection.KmeansppSelectionMethod, {}),
        "lcmd": (selection.LargestClusterMaxDistSelectionMethod, {}),
        "max_det": (selection.MaxDetFeatureSpaceSelectionMethod, {"noise_sigma": 1e-3}),
        "bait": (selection.BaitFeatureSpaceSelectionMethod, {"noise_sigma": 1e-3}),
        "frank_wolfe": (selection.FrankWolfeSelectionMethod, {}),
    }[method]
    features = [Features(IdentityFeatureMap(n_features=x.shape[1]), TensorFeatureData(x)) for x in (pool, train)]
    return cls(*features, **options)


for method in arguments[3:]:
    torch.manual_seed(0)
    indices = []
    if method == "product":
        torch.mm(pool[:2048], train.t())  # so that starting the threads is not measured
        began = time.perf_counter()
        torch.mm(pool, train.t())
    else:
        with torch.no_grad(), contextlib.redirect_stdout(io.StringIO()):
            began = time.perf_counter()
            indices = chooser(method).select(count).tolist()
    print(json.dumps({"method": method, "seconds": time.perf_counter() - began, "indices": indices}), flush=True)
