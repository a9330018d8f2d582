"""The package as it is installed: built as a wheel, and in place; configs and corpus are found from any folder."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LOOK = """
import electra_pretrain, json
from pathlib import Path
from electra_pretrain.config.load import load_config
from electra_pretrain.tokenization.tokenizer import find_vocab
from electra_pretrain.tokenization.wordpiece import read_vocab
from electra_pretrain.finetuning.config import load_finetune_config
assert load_finetune_config("korquad_base", []).train_batch_size == 8
assert load_config("base_v3.json").data.vocab_size == 35000
assert load_config("tiny").data.max_seq_length == 32
package = Path(electra_pretrain.__file__).parent
from electra_pretrain.corpus.cleaning import recipe
assert {"koelectra_v1", "koelectra_v2", "koelectra_v3"} < set(recipe.shipped_names())
assert len(read_vocab(find_vocab("reviews_32200"))) == 32200
print(package, len(list((package / "sample_corpus").glob("*.txt"))))
"""


def python(arguments, cwd, **environment):
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env={**clean, **environment}, capture_output=True, text=True, timeout=300
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder, source = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("source") / "copy"
    # From a copy: building in place would leave its remains in the checkout, and take old ones along.
    shutil.copytree(
        ROOT, source, ignore=shutil.ignore_patterns(".*", "build", "*.egg-info", "quickstart-output", "__pycache__")
    )
    build = ["-m", "pip", "wheel", str(source), "--no-deps", "--no-build-isolation", "--no-index", "-q", "-w", str(folder)]
    result = python(build, folder)
    assert result.returncode == 0, result.stderr[-3000:]
    return next(folder.glob("*.whl"))


def test_wheel_holds_configs_corpus_and_licence(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {"electra_pretrain/configs/base_v3.json", "electra_pretrain/configs/finetune/nsmc_small.json"} <= set(names)
    assert {"electra_pretrain/sample_corpus/news.txt", "electra_pretrain/plot/healthy.json"} <= set(names)
    assert {"electra_pretrain/vocab/reviews_32200.txt", "electra_pretrain/vocab/reviews_32200.txt.json"} <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if name.startswith(("tests/", "configs/", "scripts/", "vocab/"))]


def test_installed_package_finds_its_files_from_any_folder(wheel, tmp_path):
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    zipfile.ZipFile(wheel).extractall(site)
    elsewhere.mkdir()
    result = python(["-c", LOOK], elsewhere, PYTHONPATH=str(site))
    assert result.stdout.split() == [str(site / "electra_pretrain"), "8"], result.stderr[-2000:]


def test_in_place_package_finds_its_files_from_any_folder(tmp_path):
    result = python(["-c", LOOK], tmp_path, PYTHONPATH=str(ROOT))
    assert result.stdout.split() == [str(ROOT / "electra_pretrain"), "8"], result.stderr[-2000:]


def test_console_script_is_declared(wheel):
    archive = zipfile.ZipFile(wheel)
    entry_points = next(name for name in archive.namelist() if name.endswith("entry_points.txt"))
    assert "run_pretraining = electra_pretrain.run_pretraining:main" in archive.read(entry_points).decode()


def test_the_extras_that_errors_name_are_declared(wheel):
    archive = zipfile.ZipFile(wheel)
    metadata = archive.read(next(name for name in archive.namelist() if name.endswith("METADATA"))).decode()
    declared = {line.split()[-1] for line in metadata.splitlines() if line.startswith("Provides-Extra:")}
    source = "\n".join(path.read_text() for path in sorted((ROOT / "electra_pretrain").rglob("*.py")))
    found = re.findall(r"""(?i:\bextra) ?= ?['"]([\w-]+)|\bextra_name\(['"]([\w-]+)|electra_pretrain\[([\w-]+)\]""", source)
    named = {name for names in found for name in names if name}
    assert named >= {"beam", "cuda", "dedup", "finetune", "hub", "kiwi", "mecab", "parquet", "plot", "torch", "tpu-check"}
    assert named <= declared
    required = [line.removeprefix("Requires-Dist: ") for line in metadata.splitlines() if line.startswith("Requires-Dist:")]
    (plain,) = [line for line in required if line.startswith("tensorflow==") and "extra" not in line]
    (cuda,) = [line for line in required if line.startswith("tensorflow[")]
    assert cuda == f'{plain.replace("tensorflow", "tensorflow[and-cuda]")}; extra == "cuda"'


def test_tensorflow_is_that_of_the_environment_and_not_required_where_its_tpu_build_lies(tmp_path, monkeypatch):
    """A TPU machine must not have plain TensorFlow put over `tensorflow-tpu`."""
    import setuptools

    declared = {}
    monkeypatch.setattr(setuptools, "setup", lambda **values: declared.update(values))

    def requirements(site):
        monkeypatch.setattr("sysconfig.get_path", lambda name: str(site))
        exec(compile((ROOT / "setup.py").read_text(), str(ROOT / "setup.py"), "exec"), {"__file__": str(ROOT / "setup.py")})
        return [name for name in declared["install_requires"] if name.startswith("tensorflow")]

    newest, older = (["tensorflow==2.21.0", "tensorflow-text==2.21.1"], ["tensorflow==2.18.0", "tensorflow-text==2.18.0"])
    assert requirements(tmp_path) == newest
    plain = tmp_path / "tensorflow-0.dist-info"
    plain.mkdir()
    for version, expected in (
        ("2.18.0", older),
        ("2.18.1", older),
        ("2.21.0", newest),
        ("2.20.0", newest),
        ("2.180.0", newest),
    ):
        (plain / "METADATA").write_text(f"Metadata-Version: 2.1\nName: tensorflow\nVersion: {version}\n")
        assert requirements(tmp_path) == expected, version
        assert declared["extras_require"]["cuda"] == [expected[0].replace("tensorflow", "tensorflow[and-cuda]")]
    info = tmp_path / "tensorflow_tpu-2.20.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tensorflow_tpu\nVersion: 2.20.0\n")
    assert requirements(tmp_path) == []
