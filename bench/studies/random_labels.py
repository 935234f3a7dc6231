# SPDX-License-Identifier: Apache-2.0
"""Networks trained anew on more and more labels drawn at random, by `assay compare`: what studies of training measure."""
import json
import math
import subprocess

INITIAL, BATCH, ROUNDS = 40, 80, 2
SIZES = range(INITIAL, INITIAL + BATCH * ROUNDS + 1, BATCH)


def errors(arguments, file, learner, loop, report, seeds):
    """The log RMSE, in units of the target's deviation, and the seconds of training, by labels and seed. What `report` holds is
    gone on with."""
    config = arguments.folder / f"{report.stem}.json"
    config.write_text(json.dumps({"learner": learner, "loop": loop}))
    subprocess.run([arguments.assay, "compare", "--data", file, "--target", "y", "--config", config, "--strategies", "random",
                    "--seeds", str(seeds), "--initial", str(INITIAL), "--batch", str(BATCH), "--rounds", str(ROUNDS),
                    "--validation", "0", "--report", report, "--plot", arguments.folder / f"{report.stem}.svg",
                    *(["--jobs", str(arguments.jobs)] if arguments.jobs else [])],
                   check=True, stdout=subprocess.DEVNULL)
    rows = [row for row in map(json.loads, report.read_text().splitlines()) if "round" in row and row["seed"] < seeds]
    return {(row["labels"], row["seed"]): (math.log(row["rmse"]), row["train_seconds"]) for row in rows}
