"""The job script for Slurm, against an `srun` that starts each node's task here and a `scontrol` that notes its calls."""

import json
import os
import signal
import subprocess
import time

import pytest

from tests.conftest import ROOT

SCRIPT = ROOT / "scripts" / "gpu" / "train.slurm"
FAKES = ROOT / "tests" / "support" / "fake_slurm"
ARGUMENTS = ["--config", "base_v3.json", "--model_dir", "a folder"]


class Slurm:
    """A folder that plays the cluster's part."""

    def __init__(self, folder):
        self.folder = folder

    def start(self, nodes=1, **settings):
        """The job's script, as Slurm runs it on the first node."""
        settings = {"SLURM_JOB_NUM_NODES": str(nodes), "SLURM_JOB_NODELIST": "gpu[1-2]", "SLURM_JOB_ID": "345678", **settings}
        return subprocess.Popen(
            ["bash", str(SCRIPT), *ARGUMENTS],
            env={**os.environ, "SLURM": str(self.folder), "PATH": f"{FAKES}:{os.environ['PATH']}", **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, nodes=1, **settings):
        """The script's exit code and output where the trainer ends by itself."""
        return end(self.start(nodes, **settings))

    def stop(self, number, nodes=1, **settings):
        """The same where a signal comes while every node trains."""
        process = self.start(nodes, **settings)
        deadline = time.monotonic() + 30
        while len(list(self.folder.glob("waits-*"))) < nodes and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(number)
        return end(process)

    def read(self, name):
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []


def end(process):
    output, _ = process.communicate(timeout=50)
    return process.returncode, output


@pytest.fixture
def slurm(tmp_path):
    return Slurm(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTERM])
def test_a_warning_reaches_the_trainer_and_the_job_goes_back_into_the_queue(slurm, number):
    code, output = slurm.stop(number)
    assert (code, slurm.read("stopped"), slurm.read("requeued")) == (75, ["0"], ["345678"]), output
    assert "back in the queue" in output


def test_a_warning_reaches_every_node(slurm):
    code, output = slurm.stop(signal.SIGUSR1, nodes=2)
    assert (code, sorted(slurm.read("stopped")), slurm.read("requeued")) == (75, ["0", "1"], ["345678"]), output


@pytest.mark.parametrize("ended", [0, 1, 70, 137])
def test_another_end_is_the_jobs_end(slurm, ended):
    code, output = slurm.run(CODE=str(ended))
    assert (code, slurm.read("requeued")) == (ended, []), output


def test_a_lost_worker_is_no_end(slurm):
    assert slurm.run(nodes=2, CODE="75")[0] == 75
    assert slurm.read("requeued") == ["345678"]


def test_a_warning_before_the_trainer_heeds_it_is_no_end(slurm):
    code, _ = slurm.stop(signal.SIGUSR1, DEAF="1")
    assert (code, slurm.read("requeued")) == (128 + signal.SIGUSR1, ["345678"])


def test_a_job_that_slurm_ends_is_left_to_it(slurm):
    code, output = slurm.run(CODE="75", STATE="COMPLETING")
    assert (code, slurm.read("requeued")) == (75, []) and "(COMPLETING)" in output


def test_it_is_not_started_again_for_ever(slurm):
    code, output = slurm.run(CODE="75", SLURM_RESTART_COUNT="3", MAX_RESTARTS="3")
    assert (code, slurm.read("requeued")) == (75, []) and "giving up" in output


def test_one_node_is_no_cluster(slurm):
    slurm.run(CODE="0")
    assert slurm.read("run-0") == ["alone", *ARGUMENTS]


def test_each_node_is_told_the_cluster_and_its_own_number(slurm):
    slurm.run(nodes=2, CODE="0")
    for number in range(2):
        cluster, *arguments = slurm.read(f"run-{number}")
        workers = ["gpu1:17678", "gpu2:17678"]
        assert json.loads(cluster) == {"cluster": {"worker": workers}, "task": {"type": "worker", "index": number}}
        assert arguments == ARGUMENTS
    # Else the node that has stopped first has those killed that still save.
    assert {"--ntasks-per-node=1", "--kill-on-bad-exit=0"} == set(slurm.read("srun"))


def test_the_trainer_must_be_installed(slurm, tmp_path):
    for name in ("srun", "scontrol", "squeue"):
        (tmp_path / name).symlink_to(FAKES / name)
    code, output = slurm.run(PATH=f"{tmp_path}:/usr/bin:/bin")
    assert code == 1 and "run_pretraining is not on PATH" in output and "Traceback" not in output


def test_it_is_warned_before_the_limit_and_may_be_requeued():
    asked = [line.removeprefix("#SBATCH ") for line in SCRIPT.read_text().splitlines() if line.startswith("#SBATCH ")]
    assert {"--signal=B:USR1@300", "--requeue", "--ntasks-per-node=1", "--open-mode=append"} <= set(asked)
