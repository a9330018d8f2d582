"""Damaged files, wrong options, broken streams, on every command: one clear line, nothing destroyed, half read or half written.

A few hundred cases here, all of them among the slow tests. `tests/fuzz/case.py` says what is promised, `python -m tests.fuzz`
runs one case by hand.
"""

import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fuzz.case import run
from tests.fuzz.damage import NotApplicable
from tests.fuzz.selection import few, file_cases, option_cases, stream_cases
from tests.fuzz.targets import TARGETS

CASES = [
    *few(list(file_cases(slow=False)), 2),
    *few(list(option_cases(slow=False)), 1),
    *few(list(stream_cases(slow=False)), 1),
]
SEEDS = 3
AT_ONCE = 2


@pytest.fixture(scope="module")
def faults_of(request, valid, tmp_path_factory):
    """Run the cases of the tests that were asked for, some at once; a case -> what will be found to be wrong."""
    folder = tmp_path_factory.mktemp("cases")
    items = [item for item in request.session.items if item.module is request.module]
    asked = [item.callspec.params["case"] for item in items if "case" in getattr(item, "callspec", _NoCase).params]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {case: pool.submit(found, case, valid, folder / str(number)) for number, case in enumerate(asked)}


class _NoCase:
    params = ()


def found(case, valid, folder):
    try:
        faults = run(case, valid, folder)[1]
    except NotApplicable:
        return []
    finally:
        for path in folder.parent.glob(f"{folder.name}*"):
            shutil.rmtree(path, ignore_errors=True)
    return [f"{case.command}\n    {fault}" for fault in faults]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_bad_input_gets_one_clear_line(case, faults_of):
    faults = faults_of[case].result()
    assert not faults, "\n".join(faults)


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_all_kinds_of_damage_everywhere(target, valid, tmp_path):
    every = [case for seed in range(SEEDS) for case in file_cases(slow=True, seed=seed)]
    every += [*option_cases(slow=True), *stream_cases(slow=True)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        futures = [
            pool.submit(found, case, valid, tmp_path / str(number))
            for number, case in enumerate(every)
            if case.target == target
        ]
    faults = [fault for future in futures for fault in future.result()]
    assert not faults, "\n".join(faults)
