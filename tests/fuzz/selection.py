"""Which cases are run: all that there are, or a fair few of them."""

from collections.abc import Iterable, Iterator

from tests.fuzz import command_lines, runner
from tests.fuzz.case import Case
from tests.fuzz.damage.registry import kinds_of
from tests.fuzz.targets import TARGETS


def every_case(slow: bool, seed: int = 0) -> Iterator[Case]:
    """Give every kind of damage to every input, every wrong value of every option, every broken stream; one seed of each.

    Options and streams know no chance: another seed would be the same again, so that only seed 0 has them.
    """
    yield from file_cases(slow, seed)
    if seed == 0:
        yield from option_cases(slow)
        yield from stream_cases(slow)


def file_cases(slow: bool, seed: int = 0) -> Iterator[Case]:
    for name, target in TARGETS.items():
        if slow or not target.slow:
            for path, type_name in target.inputs.items():
                yield from (Case(name, path, kind, seed) for kind in kinds_of(type_name))


def option_cases(slow: bool) -> Iterator[Case]:
    """Take each command's first target: its options are the command's."""
    seen = set[str]()
    for name, target in TARGETS.items():
        if target.command not in seen and (slow or not target.slow):
            seen.add(target.command)
            for option in command_lines.options_of(target.command):
                yield from (Case(name, option, kind) for kind in command_lines.kinds_of(target, option))


def stream_cases(slow: bool) -> Iterator[Case]:
    seen = set[str]()
    for name, target in TARGETS.items():
        if target.command not in seen and (slow or not target.slow):
            seen.add(target.command)
            yield from (Case(name, "streams", stream) for stream in runner.STREAMS)


def few(cases: Iterable[Case], each: int) -> list[Case]:
    """Choose `each` cases of every subject, so that all kinds get their turn: every subject goes on where the last ended."""
    subjects: dict[tuple[str, str], list[Case]] = {}
    for case in cases:
        subjects.setdefault((case.target, case.subject), []).append(case)
    chosen, turn = list[Case](), 0
    for of_subject in subjects.values():
        for _ in range(min(each, len(of_subject))):
            chosen.append(of_subject[turn % len(of_subject)])
            turn += 1
    return chosen
