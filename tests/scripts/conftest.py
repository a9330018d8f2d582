"""What tests of `ablate.py` share."""

import importlib
from types import SimpleNamespace

import pytest

from tests.conftest import ROOT

MODULES = ("studies", "results", "runs", "plan", "prepare", "cell", "workers", "compare", "page", "pictures", "score")


@pytest.fixture
def parts(monkeypatch):
    """The script's modules."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return SimpleNamespace(**{name: importlib.import_module(f"ablation.{name}") for name in MODULES})
