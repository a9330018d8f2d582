"""CUDA's parts beside the driver: the libraries that TensorFlow loads, and what XLA compiles a program with."""

import ctypes
import importlib.util
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from electra_pretrain.core.errors import UserError
from electra_pretrain.gpu.visible import INSTALL

# What TensorFlow 2.21, built with CUDA 12 and cuDNN 9, opens before it registers a GPU (its dlopen_checker.cc; the names as
# LD_DEBUG=libs shows them). Of the wheels' packages each has a folder lib of its own, which the program's runpath names.
LIBRARIES = {
    "12": (
        "libcudart.so.12",
        "libcublas.so.12",
        "libcublasLt.so.12",
        "libcufft.so.11",
        "libcusolver.so.11",
        "libcusparse.so.12",
        "libcudnn.so.9",
    )
}
_LIBDEVICE = Path("nvvm/libdevice/libdevice.10.bc")
_DATA_DIR = re.compile(r"--xla_gpu_cuda_data_dir=(\S+)")


class CudaParts(NamedTuple):
    """Where XLA finds the assembler and the library of mathematical functions; None: nowhere."""

    ptxas: str | None
    libdevice: str | None

    @property
    def missing(self) -> list[str]:
        return [name for name, path in zip(("ptxas", "libdevice.10.bc"), self, strict=True) if path is None]


def site_packages() -> Path:
    """Return the folder that TensorFlow is installed in, without importing it."""
    found = importlib.util.find_spec("tensorflow")
    assert found is not None and found.origin is not None
    return Path(found.origin).parent.parent


def loads(name: str) -> bool:
    """Return whether the system's loader finds a library, in LD_LIBRARY_PATH or its own folders."""
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def missing_libraries(cuda_version: str, site: Path, loads: Callable[[str], bool] = loads) -> list[str]:
    """List the libraries of a CUDA release that neither NVIDIA's wheels nor the system have.

    Args:
        cuda_version: which, such as "12.5.1"; of another major release than is known here, none is looked for.
        site: where packages are installed.
        loads: whether the system's loader finds one.
    """
    names = LIBRARIES.get(cuda_version.split(".")[0], ())
    return [name for name in names if not any(site.glob(f"nvidia/*/lib/{name}")) and not loads(name)]


def find_cuda_parts(site: Path, environment: Mapping[str, str], root: Path = Path("/")) -> CudaParts:
    """Find what XLA needs to compile for a GPU, where XLA itself looks for it.

    Args:
        site: where packages are installed.
        environment: variables, `XLA_FLAGS` and `PATH` among them.
        root: of the file system.
    """
    folders = list(_roots(site, environment, root))
    search = os.pathsep.join([*(str(folder / "bin") for folder in folders), environment.get("PATH", "")])
    libdevice = next((str(folder / _LIBDEVICE) for folder in folders if (folder / _LIBDEVICE).is_file()), None)
    return CudaParts(shutil.which("ptxas", path=search), libdevice)


def _roots(site: Path, environment: Mapping[str, str], root: Path) -> Iterator[Path]:
    """Yield CUDA's possible folders: what `tsl::CandidateCudaRoots` of TensorFlow 2.21 returns, and the flag's.

    The wheel nvidia-cuda-nvcc-cu12 of the extra `cuda` is among them, so that no flag need be set.
    """
    if given := _DATA_DIR.search(environment.get("XLA_FLAGS", "")):
        yield Path(given[1])
    yield from (root / "usr/local/cuda", root / "opt/cuda")
    yield from (site / "nvidia/cuda_nvcc", site.parent / "nvidia/cuda_nvcc", site / "tensorflow/cuda")
    yield from list(site.parents)[2:4]  # of lib/python3.N/site-packages the environment's own folder, as conda fills it


def check_cuda_parts(parts: CudaParts) -> None:
    """Refuse to train where XLA cannot compile.

    Raises:
        UserError: a part is missing.
    """
    if parts.missing:
        raise UserError(
            f"XLA, which compiles the step for the GPU, does not find {' and '.join(parts.missing)}; run: {INSTALL}, or "
            "name the folder of a CUDA toolkit: XLA_FLAGS=--xla_gpu_cuda_data_dir=/usr/local/cuda"
        )
