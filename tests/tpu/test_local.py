"""Which TPU this machine has, and what TensorFlow is told for it: tested for each generation, against a PCI bus of files."""

import os
import subprocess
import sys

import pytest

from electra_pretrain import evaluate_pretraining, run_pretraining
from electra_pretrain.core import gfile, tensorflow_startup
from electra_pretrain.core.tensorflow_startup import PJRT_VARIABLES
from electra_pretrain.tpu import hosts, local, metadata
from electra_pretrain.tpu.chips import SLICES
from electra_pretrain.tpu.generations import GENERATIONS, generation_of
from tests.conftest import ROOT

IDS = {"v2": "0x0027", "v3": "0x0027", "v4": "0x005e", "v5e": "0x0063", "v5p": "0x0062", "v6e": "0x006f"}
NAMES = {"v2": "v2-8", "v3": "v3-32", "v4": "v4-8", "v5e": "v5litepod-8", "v5p": "v5p-8", "v6e": "v6e-8"}
WITH_PJRT = ("v5e", "v5p", "v6e")


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine with chips of a generation on its PCI bus, with a name, a library, or none of them."""
    monkeypatch.setattr(tensorflow_startup, "_takes_tpu", False)
    monkeypatch.setattr(tensorflow_startup, "_left_tpu", False)
    for name in (*local.TYPE_VARIABLES, *PJRT_VARIABLES, local.LIBRARY_VARIABLE, tensorflow_startup.LOAD_LIBRARY):
        monkeypatch.setenv(name, "")  # so that it is as before at the end
        monkeypatch.delenv(name)
    monkeypatch.setattr(local, "_PCI", tmp_path / "pci")
    monkeypatch.setattr(metadata, "ask_quietly", lambda path: None)

    def make(device=None, name=None, library="/x/libtpu.so", vendor="0x1ae0"):
        for number, (made_by, kind) in enumerate([("0x8086", "0x0063"), *([(vendor, device)] if device else [])]):
            folder = tmp_path / "pci" / f"0000:00:0{number}.0"
            folder.mkdir(parents=True)
            (folder / "vendor").write_text(f"{made_by}\n")
            (folder / "device").write_text(f"{kind}\n")
        monkeypatch.setattr(local, "library", lambda: library)
        if name:
            monkeypatch.setenv(local.TYPE_VARIABLES[0], name)

    return make


def variables_now():
    return {name: os.environ[name] for name in PJRT_VARIABLES if name in os.environ}


PJRT = dict(zip(PJRT_VARIABLES, ("true", "/x/libtpu.so", "TPU"), strict=True))


def test_every_generation_is_here():
    assert {name.split("-")[0] for name in SLICES} == set(GENERATIONS) == set(IDS)
    assert [name for name, each in GENERATIONS.items() if each.has_pjrt] == list(WITH_PJRT)


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("seen", ["chips", "name"])
def test_pjrts_variables_are_set_from_v5_on_and_never_before(machine, generation, seen):
    machine(**{"chips": {"device": IDS[generation]}, "name": {"name": NAMES[generation]}}[seen])
    hosts.prepare("local")
    assert variables_now() == (PJRT if generation in WITH_PJRT else {})


@pytest.mark.parametrize("generation", GENERATIONS)
def test_what_an_image_has_set_is_replaced_or_unset(machine, monkeypatch, caplog, generation):
    machine(device=IDS[generation])
    for name in PJRT_VARIABLES:
        monkeypatch.setenv(name, "/lib/libtpu.so")
    hosts.prepare("local")
    assert variables_now() == (PJRT if generation in WITH_PJRT else {})
    assert [record.levelname for record in caplog.records] == ([] if generation in WITH_PJRT else ["WARNING"])


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_server_that_is_not_ours_is_told_the_same(machine, generation):
    machine(device=IDS[generation])
    said = local.env_arguments()
    environment = {"PATH": os.environ["PATH"], "PJRT_DEVICE": "CPU"}
    shown = subprocess.run(["env", *said, "env"], env=environment, capture_output=True, text=True, check=True).stdout
    found = dict(line.split("=", 1) for line in shown.splitlines())
    assert {name: found[name] for name in PJRT_VARIABLES if name in found} == (PJRT if generation in WITH_PJRT else {})


@pytest.mark.parametrize("tpu", ["local", None, "grpc://a:1"])
def test_without_a_tpu_here_nothing_is_set(machine, tpu):
    """PJRT's variables end Python on a machine without chips."""
    machine(device="0x0063" if tpu != "local" else None)
    hosts.prepare(tpu)
    assert variables_now() == {} and local.generation() == (None if tpu == "local" else "v5e")
    os.environ.pop("TPU_LOAD_LIBRARY", None)


def test_chips_of_others_and_names_that_are_not_known_are_none(machine):
    machine(device="0x0063", vendor="0x10de", name="v9-8")
    assert local.generation() is None and local.env_arguments() == []


def test_chips_say_more_than_a_name(machine):
    machine(device="0x006f", name="v3-8")
    assert local.generation() == "v6e"


@pytest.mark.parametrize(
    ("name", "generation"),
    [("v5litepod-8", "v5e"), ("v5e-8", "v5e"), ("v5litepod-256", "v5e"), ("v5p-8", "v5p"), ("V6E-8\n", "v6e"), ("v3-32", "v3")],
)
def test_a_slices_name_has_its_generation(name, generation):
    assert generation_of(name) == generation


def test_the_library_is_the_users_or_the_environments(monkeypatch, tmp_path):
    (tmp_path / "libtpu").mkdir()
    monkeypatch.delenv(local.LIBRARY_VARIABLE, raising=False)
    monkeypatch.setattr(local, "_IMAGES_LIBRARY", str(tmp_path / "image.so"))
    for name in ("libtpu/__init__.py", "libtpu/libtpu.so", "image.so"):
        (tmp_path / name).touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "libtpu", raising=False)
    assert local.library() == str(tmp_path / "libtpu" / "libtpu.so")
    (tmp_path / "libtpu" / "libtpu.so").unlink()
    assert local.library() == str(tmp_path / "image.so")
    monkeypatch.setenv(local.LIBRARY_VARIABLE, "/own/libtpu.so")
    assert local.library() == "/own/libtpu.so"


@pytest.mark.parametrize("command", [run_pretraining, evaluate_pretraining])
@pytest.mark.parametrize("config", ["tiny.json", "gs://bucket/config.json"])
@pytest.mark.parametrize("folder", ["run", "gs://bucket/run"])
def test_tensorflow_finds_them_at_its_import(machine, monkeypatch, command, config, folder):
    """Whatever is looked at before: TensorFlow reads what lies in a bucket."""
    machine(device=IDS["v5e"])
    monkeypatch.setenv(tensorflow_startup.LOAD_LIBRARY, "0")  # of a parent process that left the TPU alone
    seen = []

    def imported():
        seen.append(variables_now())
        assert tensorflow_startup.LOAD_LIBRARY not in os.environ
        raise InterruptedError

    monkeypatch.setattr(tensorflow_startup, "import_tensorflow", imported)
    monkeypatch.setattr(command, "check_machine", lambda: iter(()))
    monkeypatch.setattr(gfile, "_connect", lambda: None)
    name = command.__name__.rpartition(".")[2]
    arguments = ["--data", "gs://bucket/data", "--model_dir", folder, "--tpu", "local"]
    arguments += ["--config", config] if command is run_pretraining else []
    with pytest.raises(InterruptedError):
        getattr(command, name)(command.parse_args(arguments))
    assert seen == [PJRT]


# Stands where TensorFlow would be, and says what it would have found.
STAND_IN = "import os; print(sorted(name for name in os.environ if name in {names!r}), os.environ.get('TPU_LOAD_LIBRARY'))"


@pytest.mark.parametrize("asked", ["", "hosts.prepare(None)", "hosts.prepare('grpc://a:1')"])
def test_a_process_that_was_given_no_tpu_leaves_it_to_others(tmp_path, asked):
    """An export, or records, beside a training run on the same machine, of which the image has set the variables."""
    (tmp_path / "tensorflow.py").write_text(STAND_IN.format(names=PJRT_VARIABLES))
    script = f"from electra_pretrain.core import tensorflow_startup as t\nfrom electra_pretrain.tpu import hosts\n{asked}\n"
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"} | dict.fromkeys(PJRT_VARIABLES, "x")
    environment.pop(tensorflow_startup.LOAD_LIBRARY, None)
    command = [sys.executable, "-c", script + "t.import_tensorflow()\nt.take_tpu()"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "[] 0\n"
    assert "AssertionError: TensorFlow was imported, without the TPU" in done.stderr, "too late to be given one"
