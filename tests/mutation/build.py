# SPDX-License-Identifier: Apache-2.0
"""Compiles changed sources by the commands of a build that is there, and links its test programs with them."""
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mutants import ROOT, mutated

HERE = Path(__file__).resolve().parent


def without_launcher(words):
    """A compiler's command line without ccache and the like before it."""
    while words and not re.search(r"(\+\+|clang|gcc|cc)[-\d.]*$", words[0]):
        words = words[1:]
    return words


def sources_in(file):
    """What a compiled file stands for: itself, or the sources that a unity file includes."""
    if "/Unity/unity_" not in file:
        return [file]
    return re.findall(r'^#include "(/.+)"$', Path(file).read_text(), re.M)


class Build:
    def __init__(self, build, work, jobs):
        self.build, self.work, self.jobs = build, work, jobs
        self.source = work / "src"
        self.refused = work / "refused.txt"  # mutants that do not compile
        entries = json.loads((build / "compile_commands.json").read_text())
        self.commands = {file: e["command"].replace(e["file"], file) for e in entries for file in sources_in(e["file"])}
        # A library of unity objects has every source in the company of others, whose mutants its own would not reach.
        self.unity = any("/Unity/unity_" in e["file"] for e in entries)

    def run(self, command, **kwargs):
        return subprocess.run(command, cwd=self.build, capture_output=True, text=True, errors="replace", **kwargs)

    def write(self, file, mutants):
        text = (ROOT / file).read_text()
        new, lines = mutated(text, mutants)
        target = self.work / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(new)
        return lines

    def users(self, files):
        """Sources that include one of the files, by whatever way."""
        texts = {str(p.relative_to(ROOT)): p.read_text() for p in (ROOT / "src").rglob("*.[ch]pp")}
        found, changed = set(files), True
        while changed:
            changed = False
            for file, text in texts.items():
                if file in found:
                    continue
                for include in re.findall(r'#include "([^"]+)"', text):
                    if os.path.normpath(os.path.join(os.path.dirname(file), include)) in found:
                        found.add(file)
                        changed = True
                        break
        return sorted(f for f in found if f.endswith(".cpp") and str(ROOT / f) in self.commands)

    def sources(self):
        """Those of the library."""
        return sorted(os.path.relpath(f, ROOT) for f in self.commands
                      if f.startswith(f"{ROOT}/src/") and not re.search("/(runner|cuda|client)/", f))

    def compile(self, file):
        object_file = self.work / "objects" / (file.replace("/", "_") + ".o")
        object_file.parent.mkdir(exist_ok=True)
        words = without_launcher(shlex.split(self.commands[str(ROOT / file)]))
        words[words.index("-o") + 1] = str(object_file)
        words[words.index("-c") + 1] = str(self.work / file)
        words = [w.replace(f"-I{ROOT}/src", f"-I{self.source}") for w in words if not w.startswith("-W")]
        words += ["-w", "-fmax-errors=200", "-include", str(HERE / "mutation.hpp")]
        made_of, known = self.digest(file, words), object_file.with_suffix(".made_of")
        if object_file.exists() and known.exists() and known.read_text() == made_of:
            return object_file, None  # by an earlier call
        known.unlink(missing_ok=True)
        done = self.run(words)
        if done.returncode != 0:
            return object_file, done.stdout + done.stderr
        known.write_text(made_of)
        return object_file, None

    def digest(self, file, words):
        """Of all that goes into an object: its source, every header of the project, and the command."""
        found = hashlib.sha256(" ".join(words).encode())
        headers = [p for folder in (self.source, ROOT / "include") for p in sorted(folder.rglob("*.hpp"))]
        for path in [self.work / file, HERE / "mutation.hpp", *headers]:
            found.update(path.read_bytes())
        return found.hexdigest()

    def compile_all(self, mutants):
        """Objects of all sources with mutants in them or in their headers. Gives them, and the mutants that compile."""
        by_file = defaultdict(list)
        for mutant in mutants:
            by_file[mutant.file].append(mutant)
        refused = set(self.refused.read_text().splitlines()) if self.refused.exists() else set()
        for file in by_file:
            by_file[file] = [m for m in by_file[file] if m.key() not in refused]
        subprocess.run(["rm", "-rf", str(self.source)], check=True)
        subprocess.run(["cp", "-r", str(ROOT / "src"), str(self.source)], check=True)
        lines = {file: self.write(file, some) for file, some in by_file.items()}
        waiting, objects, tries = self.sources() if self.unity else self.users(by_file), {}, defaultdict(int)
        while waiting:
            with ThreadPoolExecutor(self.jobs) as pool:
                results = list(pool.map(self.compile, waiting))
            failed, rewritten = [], set()
            for file, (made, errors) in zip(waiting, results):
                if errors is None:
                    objects[file] = made
                    continue
                failed.append(file)
                rewritten |= self.drop_refused(file, errors, by_file, lines, tries)
            for file in rewritten:
                lines[file] = self.write(file, by_file[file])
            waiting = sorted(set(failed) | {u for u in self.users(rewritten)}) if rewritten else failed
            if waiting:
                print(f"  {len(waiting)} sources again", flush=True)
        return list(objects.values()), [m for some in by_file.values() for m in some]

    def drop_refused(self, file, errors, by_file, lines, tries):
        """Drops the mutants that the compiler's errors point at; if at none, half of those that are left."""
        tries[file] += 1
        refused, rewritten = set(), set()
        for name, line in re.findall(r"^(?:In file included from |\s+from )?([^\s:]+):(\d+)(?::\d+)?:", errors, re.M):
            path = os.path.normpath(os.path.join(str(self.build), name))
            if not path.startswith(str(self.work)):
                continue
            own = os.path.relpath(path, self.work)
            refused |= {(own, n) for n in lines.get(own, {}).get(int(line), ())}
        refused |= {(own, int(n)) for n in re.findall(r"assay_mutation::\w+<(\d+)", errors)
                    for own in by_file if any(m.id == int(n) for m in by_file[own])}
        if not refused or tries[file] > 25:
            left = by_file.get(file) or next((by_file[f] for f in by_file if by_file[f] and file in self.users([f])), [])
            if not left:
                sys.exit(f"{file} does not compile without mutants:\n{errors[:3000]}")
            refused = {(m.file, m.id) for m in left[:max(1, len(left) // 2)]}
        for own, number in refused:
            gone = [m for m in by_file[own] if m.id == number]
            by_file[own] = [m for m in by_file[own] if m.id != number]
            if gone:
                rewritten.add(own)
                with self.refused.open("a") as out:
                    out.write(gone[0].key() + "\n")
        return rewritten

    def link(self, objects, count):
        some_test = next(c for f, c in self.commands.items() if f.endswith("tests/support/main.cpp"))
        words = without_launcher(shlex.split(some_test))
        made = self.work / "runtime.o"
        words[words.index("-o") + 1] = str(made)
        words[words.index("-c") + 1] = str(HERE / "runtime.cpp")
        done = self.run([w for w in words if not w.startswith("-W")] + [f"-I{ROOT}/tests", f"-DASSAY_MUTANTS={count}", "-w"])
        if done.returncode != 0:
            sys.exit(done.stderr)
        return self.link_programs([made, *objects])

    def link_programs(self, objects, extra=(), names=("assay_tests", "assay_disk_tests")):
        """Programs of the build with these objects in place of those in the library."""
        programs = []
        for name in names:
            command = self.run(["ninja", "-t", "commands", "-s", f"bin/{name}"]).stdout.strip().splitlines()
            if not command or not (self.build / "bin" / name).exists():
                continue
            program = self.work / name
            text = command[-1].replace(f" -o bin/{name} ", f" -o {shlex.quote(str(program))} ")
            own = " ".join([*extra, *(shlex.quote(str(o)) for o in objects)])
            first = re.search(r"\s\S+\.o\s", text)
            text = text[:first.start()] + " " + own + text[first.start():]
            done = self.run(["sh", "-c", text])
            if done.returncode != 0:
                sys.exit(f"{name} does not link:\n{done.stdout}{done.stderr}"[:4000])
            programs.append(program)
        return programs
