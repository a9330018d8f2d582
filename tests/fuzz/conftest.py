"""What the cases damage, as it should be."""

import pytest

from tests.fuzz import material


@pytest.fixture(scope="module")
def valid(tmp_path_factory):
    folder = tmp_path_factory.mktemp("valid")
    material.make(folder)
    return folder
