"""CUDA's libraries and XLA's parts are found where TensorFlow looks for them, and missed by name."""

import pytest

from electra_pretrain.core.errors import UserError
from electra_pretrain.gpu.cuda_parts import (
    LIBRARIES,
    CudaParts,
    check_cuda_parts,
    find_cuda_parts,
    missing_libraries,
    site_packages,
)

LIBDEVICE = "nvvm/libdevice/libdevice.10.bc"


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "env" / "lib" / "python3.11" / "site-packages"
    folder.mkdir(parents=True)
    return folder


def toolkit(folder):
    """What the wheel nvidia-cuda-nvcc-cu12, or a CUDA toolkit, has."""
    for name in ("bin/ptxas", LIBDEVICE):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch(mode=0o755)
    return CudaParts(str(folder / "bin/ptxas"), str(folder / LIBDEVICE))


@pytest.mark.parametrize(
    "place", ["env/lib/python3.11/site-packages/nvidia/cuda_nvcc", "root/usr/local/cuda", "root/opt/cuda", "env"]
)
def test_parts_are_found_where_xla_looks(site, tmp_path, place):
    assert find_cuda_parts(site, {}, tmp_path / "root") == (None, None)
    assert find_cuda_parts(site, {}, tmp_path / "root") != toolkit(tmp_path / place)
    assert find_cuda_parts(site, {}, tmp_path / "root") == toolkit(tmp_path / place)


def test_the_flag_names_a_toolkit(site, tmp_path):
    parts = toolkit(tmp_path / "cuda-12.8")
    flags = f"--xla_dump_to=/x --xla_gpu_cuda_data_dir={tmp_path / 'cuda-12.8'}"
    assert find_cuda_parts(site, {"XLA_FLAGS": flags}, tmp_path / "root") == parts


def test_the_assembler_may_be_on_the_path_but_not_the_library(site, tmp_path):
    toolkit(tmp_path / "cuda")
    parts = find_cuda_parts(site, {"PATH": str(tmp_path / "cuda" / "bin")}, tmp_path / "root")
    assert parts == (str(tmp_path / "cuda" / "bin" / "ptxas"), None)
    with pytest.raises(UserError, match=r"does not find libdevice.10.bc; run: pip install 'electra_pretrain\[cuda\]'"):
        check_cuda_parts(parts)


def test_what_is_missing_is_named():
    check_cuda_parts(CudaParts("a", "b"))
    with pytest.raises(UserError, match=r"ptxas and libdevice.10.bc; .*XLA_FLAGS=--xla_gpu_cuda_data_dir="):
        check_cuda_parts(CudaParts(None, None))


def test_libraries_come_from_wheels_or_the_system(site):
    names = list(LIBRARIES["12"])
    assert missing_libraries("12.5.1", site, lambda name: False) == names
    library = site / "nvidia" / "cudnn" / "lib" / "libcudnn.so.9"
    library.parent.mkdir(parents=True)
    library.touch()
    assert missing_libraries("12.5.1", site, lambda name: name.startswith("libcublas")) == [
        name for name in names if "cublas" not in name and "cudnn" not in name
    ]
    assert missing_libraries("12.5.1", site, lambda name: True) == []
    assert missing_libraries("", site, lambda name: False) == []


def test_tensorflows_folder_is_found_without_importing_it():
    assert (site_packages() / "tensorflow" / "__init__.py").exists()
