"""Which TensorFlow this environment has: the TPU build, whole and with the libtpu that it was built with, or the plain one."""

import importlib.metadata
import os
import sys
from typing import NamedTuple

from electra_pretrain.tpu.generations import REQUIREMENTS

_LIBRARY = "tensorflow/libtensorflow_cc.so.2"  # both packages have one
# The libtpu that goes with each release, as the requirements pin it; another one ends Python at the import, or finds no TPU.
_LIBTPU = {"2.18": ("2.18.0",), "2.20": ("0.0.21.1", "0.0.21")}


class Wheel(NamedTuple):
    """The packages at hand.

    Attributes:
        tpu: version of tensorflow-tpu; None where it is missing.
        plain: version of tensorflow, or tensorflow-cpu.
        libtpu: version of the package libtpu.
        is_overwritten: another package's files lie where tensorflow-tpu's were.
    """

    tpu: str | None
    plain: str | None
    libtpu: str | None
    is_overwritten: bool

    @property
    def words(self) -> str:
        """What there is, in words."""
        tensorflow = f"tensorflow-tpu {self.tpu}" if self.tpu else f"tensorflow {self.plain}" if self.plain else "no TensorFlow"
        return f"{tensorflow}, libtpu {self.libtpu or 'missing'}"

    @property
    def release(self) -> str:
        """Return what is before the second dot, such as "2.20"; empty without the TPU build."""
        return ".".join((self.tpu or "").split(".")[:2])


def installed() -> Wheel:
    """Look at this environment's packages, without importing any."""
    plain = next(filter(None, map(_version, ("tensorflow", "tensorflow-cpu", "tf-nightly"))), None)
    return Wheel(_version("tensorflow-tpu"), plain, _version("libtpu"), _is_overwritten())


def libtpu_that_fits(wheel: Wheel) -> tuple[str, ...]:
    """Return versions of libtpu that go with the TPU build; none where that is not known."""
    return _LIBTPU.get(wheel.release, ())


def way_to(*releases: str) -> str:
    """Say how to install a release, or one of several, alone, into this very environment, so that no other lies over it."""
    pip = f"{sys.executable} -m pip"
    files = " or ".join(REQUIREMENTS[release] for release in releases)
    return (
        f"{pip} uninstall -y tensorflow tensorflow-cpu tensorflow-tpu libtpu, then {pip} install -r {files} (of the "
        "repository: where setup.sh was run, in ~/electra_pretrain/source; in a notebook run the cell that installs again)"
    )


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _is_overwritten() -> bool:
    """Tell by its size whether the library that is there is the one that tensorflow-tpu came with."""
    try:
        listed = importlib.metadata.files("tensorflow-tpu") or []
    except importlib.metadata.PackageNotFoundError:
        return False
    known = [each for each in listed if str(each) == _LIBRARY and each.size is not None]
    return any(not os.path.isfile(path := str(each.locate())) or os.path.getsize(path) != each.size for each in known)
