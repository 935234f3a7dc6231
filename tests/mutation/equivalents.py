# SPDX-License-Identifier: Apache-2.0
"""Mutants that are argued to be the program itself: the entries of tests/equivalent_mutants.txt, and the mutants they
mean.

    FILE | RULE | SOURCE LINE | WHY                 the first place on the line that the rule changes
    FILE | RULE | SOURCE LINE | OCCURRENCE | WHY    another one, counted from 1

An entry means this place on every line of the file that reads like SOURCE LINE.
"""
from mutants import ROOT, mutants_of

LIST = ROOT / "tests" / "equivalent_mutants.txt"


class Entry:
    def __init__(self, number, line):
        parts = [part.strip() for part in line.split(" | ", 3)]
        self.place = f"{LIST.name}:{number}"
        self.problem = None if len(parts) == 4 and all(parts) else "expected FILE | RULE | SOURCE LINE | WHY"
        self.file, self.rule, self.source, self.why = parts if len(parts) == 4 else ("", "", "", "")
        self.occurrence = 1
        first, _, rest = self.why.partition(" | ")
        if rest and first.strip().isdigit():
            self.occurrence, self.why = int(first), rest.strip()

    def key(self):
        return self.file, self.rule, self.source, self.occurrence

    def means(self, mutant):
        return self.key() == (mutant.file, mutant.rule, mutant.source, mutant.occurrence)


def entries(text):
    return [Entry(number, line) for number, line in enumerate(text.splitlines(), 1)
            if line.strip() and not line.startswith("#")]


def argued(text=None):
    """Keys of the mutants that are meant, and a line for each entry that means none or stands twice."""
    found, problems, seen, by_file = {}, [], set(), {}
    if text is None:
        text = LIST.read_text() if LIST.exists() else ""
    for entry in entries(text):
        if entry.problem:
            problems.append(f"{entry.place}: {entry.problem}")
            continue
        if entry.key() in seen:
            problems.append(f"{entry.place}: the mutant of an entry before it")
        seen.add(entry.key())
        path = ROOT / entry.file
        if entry.file not in by_file:
            by_file[entry.file] = mutants_of(path) if path.exists() else []
        meant = [m for m in by_file[entry.file] if entry.means(m)]
        if not meant:
            problems.append(f"{entry.place}: fits no mutant: {entry.file} | {entry.rule} | {entry.source} | "
                            f"{entry.occurrence}")
        found.update((m.key(), entry.why) for m in meant)
    return found, problems
