# SPDX-License-Identifier: Apache-2.0
"""Rounds of faults between two hosts that share a directory over NFS; run by `run`, which makes the hosts.

What has to hold in every round: each sample that a writer reported as accepted stands in the ledger, as that writer's; none
was reported twice; the samples of a writer stand together (no two wrote at the same time); every reader read whole rows.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
import traceback
import xmlrpc.client

VERSIONS = ("v3", "v3_nolock", "v4")
FAULTS = ("undisturbed", "readers", "kill", "race", "clock", "pause")
WITH_COMMAND = "campaign"  # only where --assay names the command, and the hosts have memory for it
ADDRESSES = {"alpha": "10.77.0.11", "beta": "10.77.0.12"}
LEASE_MS = 2000
PATIENCE = 600  # seconds that anything may take, on a machine that has much else to do


class Broken(Exception):
    """A guarantee that did not hold."""


class Process:
    def __init__(self, host, *arguments, step_at=0, step_signal=signal.SIGSTOP, folder="",
                 program="/mnt/files/two_hosts_writer"):
        self.host = xmlrpc.client.ServerProxy(f"http://{ADDRESSES[host]}:7000", allow_none=True)
        environment = {}
        if step_at:
            environment = {"LD_PRELOAD": "/mnt/files/libtwo_hosts_steps.so", "STEP_AT": str(step_at),
                           "STEP_SIGNAL": str(int(step_signal)), "STEP_FOLDER": folder}
        self.what = f"{host}: {' '.join(map(str, arguments))} {environment.get('STEP_AT', '')}"
        self.number = self.host.start([program, *map(str, arguments)], environment)

    def lines(self):
        return self.host.lines(self.number)

    def signal(self, which):
        self.host.signal(self.number, int(which))

    def ended(self):
        status = self.host.ended(self.number)
        return None if status == -1000 else status

    def wait(self, *beginnings, at_most=None):
        """Until a line begins so, or the process has ended. Returns whether there is such a line."""
        end = time.monotonic() + (at_most or PATIENCE)
        while time.monotonic() < end:
            status = self.ended()
            if any(line.startswith(beginning) for line in self.lines() for beginning in beginnings):
                return True
            if status is not None:
                return False
            time.sleep(0.05)
        if at_most:
            return False
        raise TimeoutError(f"{self.what}: {self.lines()}")

    def finish(self, *statuses):
        end = time.monotonic() + PATIENCE
        while self.ended() is None:
            if time.monotonic() > end:
                raise TimeoutError(f"{self.what}: {self.lines()}")
            time.sleep(0.05)
        if self.ended() not in statuses:
            raise Broken(f"{self.what}: ended with {self.ended()}: {self.lines()}")
        return self.ended()


def judge(folder, writers, at_least):
    """The guarantees, against the ledger as a third process reads it."""
    reader = Process("beta", "list", folder)
    reader.finish(0)
    ledger = [tuple(line.split()) for line in reader.lines()]
    accepted = {}
    for writer in writers:
        for line in writer.lines():
            if line.startswith("accepted "):
                _, sample, name = line.split()
                if sample in accepted:
                    raise Broken(f"sample {sample} accepted by {accepted[sample]} and by {name}")
                accepted[sample] = name
    for sample, name in accepted.items():
        if (sample, name) not in ledger:
            raise Broken(f"sample {sample} was accepted by {name} and is lost: {ledger}")
    if len(ledger) < at_least:
        raise Broken(f"{len(ledger)} samples of {at_least}")
    seen, last = set(), None
    for _, name in ledger:
        if name != last and name in seen:
            raise Broken(f"two wrote at the same time: {ledger}")
        seen.add(name)
        last = name
    return len(accepted)


def undisturbed(folder, n):
    a = Process("alpha", "run", folder, "a", 4, LEASE_MS)
    a.finish(0)
    b = Process("beta", "run", folder, "b", 8, LEASE_MS)
    b.finish(0)
    c = Process("alpha", "run", folder, "c", 12, LEASE_MS)
    c.finish(0)
    return judge(folder, [a, b, c], 12)


def readers(folder, n):
    looks = 1000 if n == 1 else 100
    # A look reads all that there is: a writer without pauses would make each slower than the one before.
    a = Process("alpha", "run", folder, "a", 100000, LEASE_MS, 1000)
    a.wait("accepted")
    b = Process("beta", "look", folder, looks)
    c = Process("alpha", "look", folder, looks // 10)
    end = time.monotonic() + 20 * PATIENCE
    while b.ended() is None and time.monotonic() < end:
        time.sleep(0.1)
    b.finish(0)
    c.finish(0)
    if a.ended() is not None:
        raise Broken(f"the writer ended: {a.lines()[-1]}")
    a.signal(signal.SIGKILL)
    d = Process("beta", "run", folder, "d", 1, LEASE_MS)
    d.finish(0)
    return judge(folder, [a, d], 1)


def kill(folder, n):
    a = Process("alpha", "run", folder, "a", 6, LEASE_MS, step_at=n, step_signal=signal.SIGKILL, folder=folder)
    a.finish(0, -9)
    b = Process("beta", "run", folder, "b", 9, LEASE_MS)
    b.finish(0)
    c = Process("alpha", "run", folder, "c", 12, LEASE_MS)
    c.finish(0)
    return judge(folder, [a, b, c], 12)


def race(folder, n):
    """Four take over from one that is dead; one of them stops before its n-th step, and goes on when others have written."""
    a = Process("alpha", "run", folder, "a", 100000, LEASE_MS)
    a.wait("accepted 1 ")
    a.signal(signal.SIGKILL)
    # The one that is delayed waits for the old lease to age by itself: its first steps come again with each try.
    b = Process("beta", "run", folder, "b", 20, LEASE_MS, 50, step_at=n, folder=folder)
    b.wait("step", "done")
    others = [Process(host, "run", folder, name, 20, LEASE_MS, 50)
              for host, name in (("alpha", "c"), ("beta", "d"), ("alpha", "e"))]
    others[n % 3].wait("accepted", "done")
    time.sleep(random.uniform(0, 1))
    b.signal(signal.SIGCONT)
    for process in others:
        process.finish(0, 3)
    b.finish(0, 3, 4)
    last = Process("beta", "run", folder, "f", 24, LEASE_MS)
    last.finish(0)
    return judge(folder, [a, b, *others, last], 24)


def clock(folder, n):
    """One host's clock is an hour ahead, the other's an hour behind (set before the rounds): nobody takes over from one
    who lives; from one who is dead the other does at once."""
    first, second = ("alpha", "beta") if n % 2 else ("beta", "alpha")
    a = Process(first, "run", folder, "a", 100000, LEASE_MS, 100)
    a.wait("accepted")
    b = Process(second, "run", folder, "b", 1000000, LEASE_MS, 20)
    time.sleep(2.5 * LEASE_MS / 1000)
    if a.ended() is not None or any(line.startswith("holds") for line in b.lines()):
        raise Broken(f"taken over from one who lives: {a.lines()[-1]} {b.lines()}")
    a.signal(signal.SIGKILL)
    b.wait("holds")
    b.wait("accepted")
    b.signal(signal.SIGKILL)
    c = Process(first, "run", folder, "c", 1, LEASE_MS)
    c.finish(0)
    return judge(folder, [a, b, c], 1)


def pause(folder, n):
    """A holder stops before its n-th step, loses the campaign meanwhile, and goes on."""
    a = Process("alpha", "run", folder, "a", 6, LEASE_MS, step_at=n, folder=folder)
    a.wait("step")
    b = Process("beta", "run", folder, "b", 12, LEASE_MS, 30)
    # One that stopped before it had a lease may hold the server's lock on "lock": then nobody gets past it.
    if b.wait("accepted", "done", at_most=8 * LEASE_MS / 1000):
        if n % 2:
            b.finish(0)
    a.signal(signal.SIGCONT)
    b.finish(0)
    # It had lost, or had not begun; one that goes on finds nothing left to do.
    status = a.finish(0, 3, 4)
    if status == 4 and not any("lease" in line or "ledger" in line for line in a.lines()):
        raise Broken(f"{a.lines()}")
    c = Process("alpha", "run", folder, "c", 15, LEASE_MS)
    c.finish(0)
    return judge(folder, [a, b, c], 15)


SOLVER = """#!/bin/sh
read x y <in.txt
echo "$x $y" >>{folder}/calls
sleep 0.3
awk -v x="$x" -v y="$y" 'BEGIN {{ printf "{{\\"drag\\": %.17g}}\\n", sin(3 * x) * y }}' >out.json
"""
SAMPLES = 8 + 3 * 6


def campaign_files(folder, seed):
    """A campaign of 26 simulations whose solver writes down what it was called for."""
    space = [{"name": "x", "low": -1, "high": 1}, {"name": "y", "low": 0, "high": 2}]
    folder = pathlib.Path(folder)
    (folder / "solver").write_text(SOLVER.format(folder=folder))
    (folder / "solver").chmod(0o755)
    (folder / "in.txt.in").write_text("{{x}} {{y}}\n")
    (folder / "config.json").write_text(json.dumps({
        "driver": {"max_rounds": 3, "seed": seed},
        "pools": {"labeled": {"type": "sobol", "count": 8, "space": space},
                  "unlabeled": {"type": "sobol", "count": 200, "skip": 8, "space": space}},
        "learner": {"type": "ensemble", "inputs": ["x", "y"], "targets": ["drag"], "members": 2, "hidden": [8]},
        "query": {"type": "variance", "max_samples": 6},
        "label": {"type": "process", "command": [str(folder / "solver")], "provides": ["drag"], "parallel": 2,
                  "templates": {"in.txt": str(folder / "in.txt.in")}, "outputs": {"drag": "out.json#/drag"}},
        "loop": {"type": "default", "epochs": 4, "fine_tuning_epochs": 3}}))


def command(assay, *arguments):
    return subprocess.run([assay, *arguments], check=True, capture_output=True, text=True).stdout


def campaign(folder, n, seen, assay):
    """The whole command: a campaign is killed on one host, gone on with on the other, killed there, and ended on the
    first. \param folder as the hosts see it, and `seen` as the server does."""
    first, second = ("alpha", "beta") if n % 2 else ("beta", "alpha")
    seen.mkdir()
    whole = seen.parent.parent / "files" / seen.name  # the same without any fault, on the server
    for place in (whole, seen):
        place.mkdir(exist_ok=True)
        campaign_files(place, seed=n)
    text = (seen / "config.json").read_text()  # the hosts have it elsewhere
    (seen / "config.json").write_text(text.replace(str(seen), folder))
    solver = (seen / "solver").read_text()
    (seen / "solver").write_text(solver.replace(str(seen), folder))
    command(assay, "new", whole / "c", "--config", whole / "config.json")
    command(assay, "run", whole / "c")
    Process(first, "new", f"{folder}/c", "--config", f"{folder}/config.json", program=assay).finish(0)
    calls = seen / "calls"

    def called():
        return calls.read_text().count("\n") if calls.exists() else 0

    def run(host, until):
        """Until so many calls, then it is killed; without, until it ends. The lease of who was killed has to age."""
        end = time.monotonic() + PATIENCE
        while True:
            process = Process(host, "run", f"{folder}/c", program=assay)
            while process.ended() is None and time.monotonic() < end:
                if until and called() >= until:
                    process.signal(signal.SIGKILL)
                time.sleep(0.1)
            if process.ended() in (0, -9):
                return
            if time.monotonic() > end or not any("assay.campaign.locked" in line for line in process.lines()):
                raise Broken(f"{process.what}: ended with {process.ended()}: {process.lines()}")
            Process(first, "show", f"{folder}/c", program=assay).finish(0)
            time.sleep(1)

    run(first, 5 + n % 7)
    run(second, 14 + n % 9)
    run(first, None)
    lines = calls.read_text().splitlines()
    if len(lines) != SAMPLES or len(set(lines)) != SAMPLES:
        raise Broken(f"{SAMPLES} simulations, {len(lines)} calls of the solver for {len(set(lines))} designs")
    command(assay, "check", seen / "c")
    hashes = {command(assay, "hash", place / "c").split()[0] for place in (whole, seen)}
    if len(hashes) != 1:
        raise Broken(f"the campaign that was killed is another: {hashes}")
    return len(lines)


def one(version, fault, n, options):
    folder = f"/mnt/{version}/{version}_{fault}_{n}"
    began = time.monotonic()
    try:
        if fault == WITH_COMMAND:
            accepted = campaign(folder, n, pathlib.Path(options.work) / "export" / f"{version}_{fault}_{n}", options.assay)
        else:
            accepted = globals()[fault](folder, n)
        return version, fault, n, accepted, None, time.monotonic() - began
    except Exception as error:  # pylint: disable=broad-except
        what = f"{type(error).__name__}: {error}"
        if not isinstance(error, (Broken, TimeoutError)):
            what += "\n" + traceback.format_exc()
        return version, fault, n, 0, what, time.monotonic() - began


def wait_for_hosts():
    end = time.monotonic() + PATIENCE
    for name, address in ADDRESSES.items():
        host = xmlrpc.client.ServerProxy(f"http://{address}:7000", allow_none=True)
        while True:
            try:
                host.clock()
                break
            except OSError:
                if time.monotonic() > end:
                    raise TimeoutError(f"{name} did not start") from None
                time.sleep(0.2)
        for line in host.mounts():
            print(f"{name}: {line}", flush=True)
        if len(host.mounts()) != len(VERSIONS):
            raise Broken(f"{name} did not mount all versions")
        host.set_clock(3600.0 * (1 if name == "alpha" else -1) + 1.8e9)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", required=True)
    parser.add_argument("--versions", nargs="+", default=VERSIONS, choices=VERSIONS)
    parser.add_argument("--faults", nargs="+", default=FAULTS, choices=(*FAULTS, WITH_COMMAND))
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--first", type=int, default=1, help="the first step that is stopped at")
    parser.add_argument("--every", type=int, default=1, help="steps from one round to the next")
    parser.add_argument("--assay", help="the command, as hosts and server see it: for the fault 'campaign'")
    parser.add_argument("--at-once", type=int, default=4)
    options = parser.parse_args()
    wait_for_hosts()
    table = {}
    with concurrent.futures.ThreadPoolExecutor(options.at_once) as pool:
        # One of each before the second of any: a run that is cut short has tried them all.
        waiting = [pool.submit(one, version, fault, options.first + options.every * i, options)
                   for i in range(options.rounds) for fault in options.faults for version in options.versions
                   if i < 5 or fault not in ("undisturbed", "readers")]
        for done in concurrent.futures.as_completed(waiting):
            version, fault, n, accepted, problem, seconds = done.result()
            row = table.setdefault((version, fault), [0, 0, 0])
            row[0] += 1
            row[1] += problem is not None
            row[2] += accepted
            print(f"{'FAILED' if problem else 'passed'} {version} {fault} {n} ({seconds:.1f} s) {problem or ''}", flush=True)
    for (version, fault), (rounds, failed, accepted) in sorted(table.items()):
        print(f"{version:10} {fault:12} {rounds:4} rounds, {failed} failed, {accepted} samples accepted", flush=True)
    broken = sum(row[1] for row in table.values())
    print(f"{sum(row[0] for row in table.values()) - broken} passed, {broken} failed", flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
