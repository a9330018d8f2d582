"""Memory that was freed is kept: seen by the pages that the system had to clear."""

import platform
import subprocess
import sys

import pytest

PAGES = """
import resource
import numpy as np
from electra_pretrain.execution import memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

memory.{function}()
for _ in range(2):  # the first has the memory to get
    before = faults()
    for _ in range(20):
        np.ones({megabytes} << 17)
print(faults() - before)
"""


def pages_cleared(function, megabytes):
    code = PAGES.format(function=function, megabytes=megabytes)
    return int(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library is left as it is")
@pytest.mark.parametrize(("function", "megabytes"), [("keep_freed", 30), ("keep_all_freed", 30), ("keep_all_freed", 200)])
def test_pages_are_cleared_once(function, megabytes):
    assert pages_cleared(function, megabytes) < 20 * (megabytes << 8) / 100
