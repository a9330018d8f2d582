"""What does not fit a TPU is named before TensorFlow is imported: one line each, with what to do."""

import fcntl
import os
import re
import socket
import subprocess
import sys
import threading

import pytest

from electra_pretrain import evaluate_pretraining, run_pretraining
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.finding import Level
from electra_pretrain.core.tensorflow_startup import PJRT_VARIABLES
from electra_pretrain.tpu import holders, local, machine, metadata, refusals, wheel
from electra_pretrain.tpu.generations import GENERATIONS, REQUIREMENTS
from electra_pretrain.tpu.wheel import Wheel
from electra_pretrain.train import devices
from tests.conftest import ROOT

GOOD = {"2.18": Wheel("2.18.0", None, "2.18.0", False), "2.20": Wheel("2.20.0", None, "0.0.21.1", False)}


@pytest.fixture
def vm(monkeypatch, tmp_path):
    """A machine with a TPU that is set up as it should be, but for what a test changes."""
    library = tmp_path / "libtpu.so"
    library.touch()
    for name in (*local.TYPE_VARIABLES, *PJRT_VARIABLES, "TPU_SKIP_MDS_QUERY", *(name for name, _ in holders._NO_LOCK)):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv(local.LIBRARY_VARIABLE, str(library))
    monkeypatch.setattr(holders, "_LOCK", tmp_path / "libtpu_lockfile")
    monkeypatch.setattr(holders, "_PROCESSES", tmp_path / "proc")

    def make(generation, packages=None, image=None):
        monkeypatch.setattr(local, "chip", lambda: generation)
        monkeypatch.setattr(wheel, "installed", lambda: packages)
        monkeypatch.setattr(machine, "installed", lambda: packages or GOOD[GENERATIONS[generation].release])
        said = {"image": image and f"projects/1/global/images/{image}", "attributes/accelerator-type": "v9-8"}
        monkeypatch.setattr(metadata, "ask", lambda path, seconds=1: said.get(path))
        local.prepare()

    return make


def texts(*levels):
    return [finding.text for finding in machine.check_machine() if finding.level in levels]


@pytest.mark.parametrize("generation", GENERATIONS)
def test_what_fits_is_named_and_nothing_else(vm, generation):
    vm(generation, image=GENERATIONS[generation].image.format(pod=""))
    first, second = texts(Level.OK)
    assert texts(Level.WARNING, Level.FAILURE) == []
    packages = GOOD[GENERATIONS[generation].release]
    image = GENERATIONS[generation].image.format(pod="")
    assert first == f"TPU {generation} (v9-8), image {image}, tensorflow-tpu {packages.tpu}, libtpu {packages.libtpu}"
    for name in PJRT_VARIABLES:
        assert (f"{name}=" in second) == GENERATIONS[generation].has_pjrt


@pytest.mark.parametrize(
    ("generation", "packages", "level", "parts"),
    [
        ("v3", Wheel(None, "2.21.0", None, False), Level.FAILURE, ["has no tensorflow-tpu", "requirements-tpu-2.18.txt"]),
        ("v6e", Wheel(None, None, None, False), Level.FAILURE, ["has no tensorflow-tpu", "requirements-tpu.txt"]),
        ("v3", Wheel("2.20.0", "2.20.0", "0.0.21.1", True), Level.FAILURE, ["was installed over it", "requirements-tpu.txt"]),
        ("v4", Wheel("2.18.0", None, None, False), Level.FAILURE, ["its libtpu is not installed", "pip uninstall -y"]),
        (
            "v4",
            Wheel("2.20.0", None, "0.0.52", False),
            Level.WARNING,
            ["libtpu 0.0.21.1, and here is 0.0.52", "if Python"],
        ),
        ("v4", Wheel("2.19.1", None, "0.0.14", False), Level.WARNING, ["is not among those that were pinned"]),
        ("v6e", Wheel("2.18.0", None, "2.18.0", False), Level.WARNING, ["is reported to fail on v6e", "requirements-tpu.txt"]),
    ],
)
def test_packages_that_do_not_fit(vm, generation, packages, level, parts):
    vm(generation, packages)
    (text,) = texts(Level.WARNING, Level.FAILURE)
    assert texts(level) == [text] and all(part in text for part in parts), text


def test_in_a_virtual_environment_it_is_named(vm, monkeypatch):
    vm("v3", Wheel(None, "2.18.0", None, False))
    monkeypatch.setattr(sys, "prefix", "/home/me/venv")
    (text,) = texts(Level.FAILURE)
    assert text.startswith("the virtual environment /home/me/venv, which does not see the image's own TensorFlow: has no")


@pytest.mark.parametrize(
    ("generation", "image"),
    [
        ("v5e", "tpu-vm-tf-2.18.0-se"),
        ("v3", "tpu-vm-tf-2.18.0-pjrt-v5e-and-v6"),
        ("v5e", "tpu-vm-tf-2.18.0-pjrt-v5p-and-below"),
        ("v5p", "tpu-vm-tf-2.18.0-pod-pjrt-v5e-and-v6"),
    ],
)
def test_an_image_of_another_generation(vm, generation, image):
    vm(generation, image=image)
    (text,) = texts(Level.WARNING, Level.FAILURE)
    assert text.startswith(f"image {image}: is for another") and GENERATIONS[generation].image.format(pod="") in text


def test_a_library_that_is_not_there(vm, monkeypatch):
    monkeypatch.setenv(local.LIBRARY_VARIABLE, "/no/libtpu.so")
    vm("v5e")
    assert texts(Level.FAILURE) == ["TPU_LIBRARY_PATH=/no/libtpu.so: there is no such file; unset it"]
    monkeypatch.setattr(local, "library", lambda: None)
    for name in PJRT_VARIABLES:
        monkeypatch.delenv(name)
    assert "libtpu.so is found nowhere" in texts(Level.FAILURE)[0]


def test_without_a_tpu_here_there_is_one_warning(vm):
    vm(None)
    (text,) = texts(*Level)
    assert text.startswith("no TPU is seen on this machine") and texts(Level.WARNING) == [text]


HOLD = (
    "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print('held', flush=True); sys.stdin.read()"
)


def test_a_process_with_the_lock_is_named_until_it_has_ended(vm):
    vm("v3")
    command = [sys.executable, "-c", HOLD, str(holders._LOCK)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        (folder := holders._PROCESSES / str(process.pid)).mkdir(parents=True)
        (folder / "comm").write_text("trainer\n")
        (text,) = texts(Level.FAILURE)
        assert text.startswith(f"the TPU is held by process {process.pid} (trainer), ") and "stop.sh" in text
        os.environ["ALLOW_MULTIPLE_LIBTPU_LOAD"] = "1"
        assert texts(Level.FAILURE) == []
        del os.environ["ALLOW_MULTIPLE_LIBTPU_LOAD"]
        process.stdin.close()
    assert holders._LOCK.exists() and texts(Level.FAILURE) == []  # a file alone is no lock


@pytest.mark.parametrize("device", ["/dev/accel0", "/dev/vfio/3"])
def test_a_process_with_a_chip_open_is_named(vm, device):
    vm("v5e")
    for process, opened in (("77", "/dev/vfio/vfio"), ("78", device), (str(os.getpid()), device)):
        (folder := holders._PROCESSES / process / "fd").mkdir(parents=True)
        (folder / "5").symlink_to(opened)
    (text,) = texts(Level.FAILURE)
    assert text.startswith("the TPU is held by another process, ")
    (holders._PROCESSES / "78" / "comm").write_text("python3\n")
    assert "process 78 (python3)" in texts(Level.FAILURE)[0]


def test_a_lock_that_cannot_be_opened_is_stale(vm, monkeypatch):
    vm("v3")
    holders._LOCK.touch()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    (text,) = texts(Level.FAILURE)
    assert text.startswith(f"{holders._LOCK}: cannot be opened") and text.endswith(f"sudo rm {holders._LOCK}")


def test_asking_leaves_the_lock_to_libtpu(vm):
    vm("v3")
    holders._LOCK.touch()
    assert texts(Level.FAILURE) == []
    with open(holders._LOCK, "w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_metadata_server_that_stands_still_is_told_at_once(vm, monkeypatch):
    ask = metadata.ask
    vm("v3")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("GCE_METADATA_HOST", f"127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setattr(metadata, "ask", lambda path, seconds=1: ask(path, 0.3))
        (text,) = texts(Level.FAILURE)
        assert re.match(r"the metadata server does not answer \(timed out\), .* set TPU_SKIP_MDS_QUERY=1$", text)
        monkeypatch.setenv(local.TYPE_VARIABLES[0], "v3-8")  # a container, which is told what it needs
        assert texts(Level.WARNING) == [text] and texts(Level.FAILURE) == []
        monkeypatch.setenv("TPU_SKIP_MDS_QUERY", "1")
        assert texts(Level.WARNING, Level.FAILURE) == []


@pytest.mark.parametrize("answer", [b"what?\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nv3", b""])
def test_what_answers_in_a_metadata_servers_place_is_none(monkeypatch, answer):
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("GCE_METADATA_HOST", f"127.0.0.1:{server.getsockname()[1]}")

        def serve():
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(metadata.Silent) as silent:
            metadata.ask("zone")
        thread.join()
    assert str(silent.value)


MESSAGES = {
    "plain": "TPUs not found in the cluster. Failed in initialization: No OpKernel was registered to support Op "
    "'ConfigureDistributedTPU' used by {{node ConfigureDistributedTPU}} with these attrs: []\nRegistered devices: [CPU]",
    "held": "ABORTED: The TPU is already in use by process with pid 12. Not attempting to load libtpu.so in this process.",
    "lock": 'Internal error when accessing libtpu multi-process lockfile. Run "$ sudo rm /tmp/libtpu_lockfile".',
    "metadata": "Failed to get TPU metadata (tpu-env) from instance metadata for variable ALT: INTERNAL: Failed",
    "no chips": "Graph execution error:\n\nRET_CHECK failure (google/xla/tpu_node_interfaces.cc:432) *platform \n\t [[]]",
}
WAYS = {"plain": "pip uninstall", "held": "end it", "lock": "sudo rm", "metadata": "NO_PROXY", "no chips": "--preflight names"}


@pytest.mark.parametrize("kind", MESSAGES)
def test_what_tensorflow_says_becomes_one_line_with_what_to_do(kind):
    error = devices._refused("local", RuntimeError(MESSAGES[kind]))
    assert isinstance(error, UserError) and str(error).startswith("--tpu local: cannot be used: ")
    assert WAYS[kind] in str(error) and "\n" not in str(error) and len(str(error)) < 500


def test_what_is_not_known_is_passed_on():
    assert str(devices._refused("local", ValueError("odd\nmore"))).startswith("--tpu local: cannot be used (odd); on a TPU VM")
    assert "for several see" in str(devices._refused("grpc://a:1", ValueError(MESSAGES["plain"])))


def test_the_page_has_every_message_and_release():
    page = (ROOT / "docs" / "tpu.md").read_text()
    for each in refusals.REFUSALS:
        assert re.search(each.says, page), each.says
    for name in (*REQUIREMENTS.values(), *(each.image.format(pod="") for each in GENERATIONS.values())):
        assert name in page, name


def test_a_build_that_was_overwritten_is_told_by_its_size(tmp_path, monkeypatch):
    (info := tmp_path / "tensorflow_tpu-2.20.0.dist-info").mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tensorflow_tpu\nVersion: 2.20.0\n")
    (info / "RECORD").write_text(f"{wheel._LIBRARY},sha256=x,5\n")
    (tmp_path / "tensorflow").mkdir()
    (library := tmp_path / wheel._LIBRARY).write_text("12345")
    monkeypatch.syspath_prepend(tmp_path)
    assert (wheel.installed().tpu, wheel.installed().is_overwritten) == ("2.20.0", False)
    library.write_text("123456")
    assert wheel.installed().is_overwritten


@pytest.mark.parametrize("command", [run_pretraining, evaluate_pretraining])
@pytest.mark.parametrize("preflight", [False, True])
def test_a_run_ends_before_tensorflow_is_imported(vm, monkeypatch, records, capsys, command, preflight):
    vm("v3", Wheel(None, "2.18.0", None, False))
    monkeypatch.setattr(command.tensorflow_startup, "import_tensorflow", lambda: pytest.fail("was imported"))
    name = command.__name__.rpartition(".")[2]
    arguments = ["--data", records, "--model_dir", "run", "--tpu", "local"]
    if command is run_pretraining:
        arguments += ["--config", "tiny.json", *(["--preflight"] if preflight else [])]
    with pytest.raises(UserError) as refused:
        getattr(command, name)(command.parse_args(arguments))
    shown = capsys.readouterr().out if preflight and command is run_pretraining else str(refused.value)
    assert "has no tensorflow-tpu" in shown
