"""What a run trains on is chosen, refused and said; GPUs are facts here, as no test has one."""

import json
import os
import sys
from types import SimpleNamespace

import pytest
import tensorflow as tf

from electra_pretrain import evaluate_pretraining, run_pretraining
from electra_pretrain.core.errors import Stopped, UserError
from electra_pretrain.core.finding import Level
from electra_pretrain.gpu.cuda_parts import CudaParts
from electra_pretrain.gpu.visible import Card, Machine
from electra_pretrain.train import devices, evaluate, gpus, hardware, loop, preflight
from electra_pretrain.train.preflight import Request, check_everything
from tests.conftest import MICRO

A100 = "NVIDIA A100-SXM4-40GB"


def machine(monkeypatch, *names, **facts):
    """This machine as one that has these cards, which TensorFlow does not see."""
    monkeypatch.setattr(gpus.visible, "look", lambda root, environment: Machine(names, **facts))


def seen(monkeypatch, *cards, parts=("ptxas", "libdevice")):
    """TensorFlow as if it saw these cards; what is done to their memory is noted."""
    grown = []
    details = dict(enumerate(cards))
    monkeypatch.setattr(gpus, "_visible_gpus", lambda: list(details))
    monkeypatch.setattr(gpus, "_card", details.__getitem__)
    monkeypatch.setattr(gpus.cuda_parts, "find_cuda_parts", lambda *_: CudaParts(*parts))
    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", lambda gpu, on: grown.append((gpu, on)))
    return grown


def strategy(*names):
    return SimpleNamespace(extended=SimpleNamespace(worker_devices=names), num_replicas_in_sync=len(names))


def test_a_machine_without_cards_computes_on_its_cpu(monkeypatch):
    """And keeps its memory."""
    machine(monkeypatch)
    kept = []
    monkeypatch.setattr(devices, "keep_all_freed", lambda: kept.append(True))
    for device in ("auto", "cpu"):
        assert devices.on_cpu(devices.make_strategy(device=device))
    devices.make_strategy(cpu_replicas=2)
    assert len(kept) == 3
    with pytest.raises(UserError, match="--device gpu: no NVIDIA card"):
        devices.make_strategy(device="gpu")


@pytest.mark.parametrize("device", ["auto", "gpu"])
def test_cards_that_are_not_seen_are_a_refusal(monkeypatch, tmp_path, device):
    """As in this environment: TensorFlow is built with CUDA, without its libraries."""
    smi = tmp_path / "nvidia-smi"
    smi.write_text(f"#!/bin/sh\necho 'GPU 0: {A100} (UUID: GPU-1)'\n")
    smi.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    with pytest.raises(UserError) as error:
        devices.make_strategy(device=device)
    assert str(error.value) == (
        f"this machine has 1 x {A100}, and TensorFlow does not see it: CUDA's libraries are missing (libcudart.so.12, "
        "libcublas.so.12 and 5 more); run: pip install 'electra_pretrain[cuda]', or add --device cpu to compute on the CPU on "
        "purpose"
    )


def test_the_cpu_on_purpose_asks_for_no_cards(monkeypatch):
    machine(monkeypatch, A100)
    assert devices.on_cpu(devices.make_strategy(device="cpu"))
    assert devices.make_strategy(cpu_replicas=2).num_replicas_in_sync == 2


def test_workers_of_a_cluster_refuse_likewise(monkeypatch):
    machine(monkeypatch, A100, visible="-1")
    cluster = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    with pytest.raises(UserError, match="CUDA_VISIBLE_DEVICES=-1 hides it"):
        devices.make_strategy()


def test_a_cluster_beside_a_tpu_is_left_aside_with_a_word(monkeypatch, capfd):
    monkeypatch.setattr(devices, "_tpu_strategy", lambda *_: "the TPU's")
    monkeypatch.setenv("TF_CONFIG", "anything")
    assert devices.make_strategy("local") == "the TPU's"
    assert capfd.readouterr().err == "tests: warning: TF_CONFIG is set, and left aside: the workers are those of --tpu local\n"


def test_memory_grows_on_every_card(monkeypatch):
    grown = seen(monkeypatch, Card(A100, (8, 0)), Card(A100, (8, 0)))
    assert gpus.find_gpus("auto") == [0, 1] and grown == [(0, True), (1, True)]
    assert gpus.count_gpus("gpu") == 2 and gpus.count_gpus("cpu") == 0
    assert gpus.find_gpus("cpu") == []


def test_mixed_cards_and_missing_parts_are_refused(monkeypatch):
    grown = seen(monkeypatch, Card(A100, (8, 0)), Card("Tesla T4", (7, 5)))
    with pytest.raises(UserError, match="several kinds"):
        gpus.find_gpus("auto")
    seen(monkeypatch, Card(A100, (8, 0)), parts=(None, "libdevice"))
    with pytest.raises(UserError, match="does not find ptxas"):
        gpus.find_gpus("auto")
    assert grown == []


def test_steps_are_compiled_on_gpus_alone():
    assert devices.compiles_steps(strategy("/job:localhost/replica:0/task:0/device:GPU:0", "/gpu:1"))
    assert not devices.compiles_steps(strategy("/device:CPU:0"))
    assert not devices.compiles_steps(strategy("/device:TPU:0"))


def test_devices_in_words(monkeypatch):
    cpu = hardware._in_words(1, 0)
    assert cpu.startswith("CPU (") and cpu.endswith(" cores)")
    seen(monkeypatch, *[Card(A100, (8, 0))] * 4)
    assert hardware.hardware(strategy("/gpu:0", "/gpu:1")) == f"2 x {A100}"
    assert hardware._in_words(2, 4) == f"2 workers of 4 x {A100}"
    assert hardware.hardware_ahead(1, "auto") == f"4 x {A100}" and hardware.hardware_ahead(1, "cpu") == cpu
    assert hardware.hardware_ahead(2, "auto") == cpu


def test_older_cards_are_warned_of_in_bfloat16_alone(monkeypatch, capfd):
    seen(monkeypatch, Card("Tesla T4", (7, 5)))
    hardware.announce(strategy("/gpu:0"), "float32")
    assert capfd.readouterr().err == "tests: training on 1 x Tesla T4, float32\n"
    hardware.announce(strategy("/gpu:0"), "bfloat16")
    assert "warning: Tesla T4: does not compute in bfloat16" in capfd.readouterr().err


def test_newer_cards_are_warned_of(monkeypatch, capfd):
    seen(monkeypatch, Card("NVIDIA B200", (10, 0)))
    hardware.announce(strategy("/gpu:0"), "bfloat16")
    assert "warning: NVIDIA B200: TensorFlow 2." in capfd.readouterr().err


def test_every_command_says_what_it_computes_on(records, tmp_path, monkeypatch, capfd):
    path, cpu = tmp_path / "config.json", hardware._in_words(1, 0)
    path.write_text(json.dumps(MICRO.to_dict()))
    arguments = ["--data", records, "--model_dir", str(tmp_path / "run"), "--device", "cpu"]
    monkeypatch.setattr(loop, "_restored_trainer", lambda *_: sys.exit("trained"))
    with pytest.raises(SystemExit, match="trained"):
        run_pretraining.run_pretraining(run_pretraining.parse_args(["--config", str(path), *arguments]))
    assert f"training on {cpu}, float32\n" in capfd.readouterr().err
    monkeypatch.setattr(evaluate, "load_run", lambda _: None)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text(path.read_text())
    monkeypatch.setattr(evaluate, "Trainer", lambda *_, **__: sys.exit("scored"))
    with pytest.raises(SystemExit, match="scored"):
        evaluate_pretraining.evaluate_pretraining(evaluate_pretraining.parse_args(arguments))
    assert f"scoring on {cpu}, float32\n" in capfd.readouterr().err


def test_preflight_finds_what_a_start_would_refuse(records, tmp_path, monkeypatch):
    request = Request(MICRO, [records], str(tmp_path / "run"), None, None)
    machine(monkeypatch, A100)
    first, *others = check_everything(request, None, 1)
    assert first.level is Level.FAILURE and "does not see it" in first.text
    assert not any(finding.is_failure for finding in others) and any("1 replica," in finding.text for finding in others)
    first, *_ = check_everything(request, None, 1, "cpu")
    assert first == (Level.OK, f"training on {hardware._in_words(1, 0)}, float32")
    monkeypatch.setattr(preflight, "check_memory", lambda *_: [])
    assert not any(finding.is_failure for finding in check_everything(request, "v3-8", 1))  # not for this machine


@pytest.mark.parametrize(
    "more",
    [["--device", "gpu", "--tpu", "local"], ["--device", "cpu", "--tpu", "x"], ["--device", "gpu", "--cpu_replicas", "2"]],
)
def test_contradictions_are_told_at_once(more):
    args = run_pretraining.parse_args(["--config", "tiny.json", "--data", "d", "--model_dir", "m", *more])
    with pytest.raises(UserError, match=r"^--(device|cpu_replicas) \w+: is not for"):
        run_pretraining.run_pretraining(args)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Collective ops is aborted by: /job:worker/replica:0/task:1 is gone", "(b:1); run"),
        ("Collective ops is aborted by: the peer of /job:worker/replica:0/task:0", "(Collective ops is aborted by"),
        ("the disk is gone", "(the disk is gone); run"),
    ],
)
def test_a_lost_worker_is_named_or_else_the_reason(monkeypatch, said, told):
    monkeypatch.setattr(devices, "num_workers", lambda _: 2)
    config = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    with pytest.raises(Stopped) as stopped, devices.explained_lost_workers(None, collectives_alone=False):
        raise tf.errors.InternalError(None, None, said)
    assert str(stopped.value).startswith("lost another worker ") and told in str(stopped.value)


def test_a_bucket_that_fails_is_no_lost_worker(monkeypatch):
    """Restarted for ever, the run would never say what is wrong."""
    monkeypatch.setattr(devices, "num_workers", lambda _: 2)
    with pytest.raises(tf.errors.PermissionDeniedError), devices.explained_lost_workers(None, collectives_alone=False):
        raise tf.errors.PermissionDeniedError(None, None, "when reading gs://bucket/data: 403")
