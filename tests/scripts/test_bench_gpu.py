"""A step that travels in a folder gives the CPU's results by JAX alone; a wrong one is noticed; torch's network is the same."""

import json
import math
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from tests.conftest import MICRO, ROOT, changed

SCRIPTS = ROOT / "scripts"
SMALL = changed(MICRO, training={"train_batch_size": 4, "compute_dtype": "bfloat16"})


def make(folder, config, *more):
    """Make a folder in a process of its own, as a person would."""
    path = folder / "config.json"
    path.write_text(json.dumps(config.to_dict()))
    arguments = ["--config", str(path), "--output", str(folder / "gpu"), *more]
    return subprocess.run(
        [sys.executable, str(SCRIPTS / "bench_gpu.py"), *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    result = make(folder, SMALL, "--batch", "6")
    assert result.returncode == 0, result.stderr
    return folder / "gpu"


@pytest.fixture
def folder(made, tmp_path):
    """A copy of the folder, to be changed."""
    shutil.copytree(made, tmp_path / "gpu")
    return tmp_path / "gpu"


@pytest.fixture
def modules(monkeypatch):
    """What travels, importable here."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    monkeypatch.syspath_prepend(str(SCRIPTS / "gpu"))


def run(folder, tmp_path, *arguments):
    """Run the folder's step where there is neither TensorFlow nor this package; its exit code and what it found."""
    for name in ("tensorflow", "electra_pretrain"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('is not there')\n")
    result = subprocess.run(
        [sys.executable, str(folder / "run_step.py"), "--device", "cpu", "--json", *arguments],
        # What the compiler saves on making the program fast.
        env=os.environ | {"PYTHONPATH": str(tmp_path), "XLA_FLAGS": "--xla_backend_optimization_level=0"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert result.stdout, result.stderr
    return result.returncode, json.loads(result.stdout)


def edit_plan(folder, name, **fields):
    """Change how a variable of the folder is drawn."""
    path = folder / "plan.json"
    fields_of_plan = json.loads(path.read_text())
    variable = next(each for each in fields_of_plan["variables"] if each[0] == name)
    for field, value in fields.items():
        variable[("name", "shape", "dtype", "offset", "scale").index(field)] = value
    path.write_text(json.dumps(fields_of_plan))


def test_jax_alone_gives_the_results_of_the_cpu_and_a_time(made, tmp_path):
    code, found = run(made, tmp_path, "--steps", "1", "--rounds", "2")
    assert code == 0
    assert found["checked"] and found["failures"] == []
    assert 0 < found["share_of_tolerance"] < 1
    assert len(found["all_seconds"]) == 2 and found["step_s"] > 0 and found["share_of_product"] > 0
    assert found["first_losses"] == pytest.approx([math.log(MICRO.data.vocab_size), math.log(2)], abs=0.3)
    assert "6 x 32 bfloat16" in found["step"]


def test_a_weight_that_is_not_the_cpus_is_noticed_by_what_depends_on_it(folder, tmp_path):
    edit_plan(folder, "electra/encoder/layer_0/output/LayerNorm/gamma", offset=1.5)
    code, found = run(folder, tmp_path, "--check_only")
    assert code == 1
    assert not found["checked"]
    assert any(line.startswith("discriminator_predictions/dense/bias/adam_m is off by") for line in found["failures"])


@pytest.mark.slow
def test_half_of_the_batch_is_noticed(folder, tmp_path):
    """The losses' own sums: another program than the one whose results are expected."""
    shutil.copy(folder / "full.stablehlo", folder / "check.stablehlo")
    fields = json.loads((folder / "plan.json").read_text())
    fields["rows"]["check"] = fields["rows"]["full"]
    (folder / "plan.json").write_text(json.dumps(fields))
    code, found = run(folder, tmp_path, "--check_only")
    assert code == 1
    assert any(line.startswith("sum disc_tokens is off by") for line in found["failures"])


def test_variables_are_those_of_a_checkpoint(made):
    fields = json.loads((made / "plan.json").read_text())
    names = [each[0] for each in fields["variables"]]
    assert len(set(names)) == len(names)
    assert "global_step" in names and "electra/embeddings/word_embeddings/adam_v" in names
    assert set(fields["trained"]) <= set(names)


@pytest.mark.parametrize(
    ("config", "more", "message"),
    [
        (SMALL, (), "exists already"),
        (SMALL, ("--set", "training.compute_dtype=int8"), "compute_dtype"),
        (SMALL, ("--config", "distil_kobert.json", "--output", "not there"), "a student's step"),
    ],
)
def test_what_cannot_be_made_is_refused_in_one_line(tmp_path, config, more, message):
    (tmp_path / "gpu").mkdir()
    result = make(tmp_path, config, *more)
    assert result.returncode == 1
    assert message in result.stderr and len(result.stderr.splitlines()) == 1


# --- what is compared, by itself --------------------------------------------------------------------------------------------


@pytest.fixture
def comparison(modules):
    """Two variables of 5,000 elements, a counter, a loss; what is expected of them; what was computed, to be changed."""
    import check
    import plan

    variables = [
        plan.Variable("a/kernel", (50, 100), "float32", 0.0, 0.1),
        plan.Variable("a/kernel/adam_m", (50, 100), "float32", 0.0, 0.0),
        plan.Variable("global_step", (), "int64", 3.0, 0.0),
    ]
    sums = [plan.Array("disc_loss", (), "float32"), plan.Array("disc_tokens", (), "float32")]
    described = plan.Plan("", {}, variables, sums, {}, 0, 0, 0, 0.0, [], True)
    gradient = np.random.default_rng(0).normal(size=(50, 100)).astype(np.float32)

    def results(rounding=0.0):
        m = gradient * (1 + rounding * np.random.default_rng(1).normal(size=gradient.shape).astype(np.float32))
        return [np.float32(7), np.float32(100)], [variables[0].values() - 0.01 * m, m, np.int64(4)]

    expected = check.Expected(check.summarize(described, *results()), check.summarize(described, *results(2.0**-9)))

    def failures(sums, values):
        return check.failures(described, expected, check.summarize(described, sums, values))

    return results, failures


def test_rounding_is_allowed(comparison):
    results, failures = comparison
    found, used = failures(*results(2.0**-8))
    assert found == [] and 0.05 < used < 1


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda sums, values: values[1].__imul__(1.1), "a/kernel/adam_m"),
        # Between two elements that travel.
        (lambda sums, values: values[1].reshape(-1).__setitem__(slice(1, None, 5), 3.0), "norm of a/kernel/adam_m"),
        (lambda sums, values: values[0].__setitem__((0, 0), np.nan), "a/kernel"),
        (lambda sums, values: values.__setitem__(2, np.int64(5)), "global_step"),
        (lambda sums, values: sums.__setitem__(0, np.float32(7.5)), "sum disc_loss"),
        (lambda sums, values: sums.__setitem__(1, np.float32(101)), "sum disc_tokens"),
    ],
)
def test_what_rounding_does_not_explain_is_named(comparison, change, name):
    results, failures = comparison
    sums, values = results()
    change(sums, values)
    found, _ = failures(sums, values)
    assert any(line.startswith(f"{name} is off by") for line in found), found


def test_values_are_drawn_alike_everywhere(modules):
    """Numbers of NumPy's raw stream, written down once: another machine's release must give the same."""
    import plan

    assert plan.draw("a/kernel", 3).tolist() == [11329617, 4726712, 9232848]
    values = plan.Variable("a/kernel", (200, 100), "float32", 0.5, 0.1).values()
    assert values.dtype == np.float32 and values.min() >= 0.4 and values.max() < 0.6
    assert values.std() == pytest.approx(0.1 / 3**0.5, rel=0.02)


# --- torch's side -----------------------------------------------------------------------------------------------------------


def test_plain_torch_is_the_network_of_transformers(modules):
    import torch
    from bench_step_torch import common_pair
    from torch_sizes import sizes_of
    from torch_step import plain_pair

    config = changed(MICRO, model={"num_hidden_layers": 2, "hidden_size": 128, "intermediate_size": 256})
    sizes = sizes_of(config.to_dict())
    theirs, ours = common_pair(sizes, "sdpa").eval(), plain_pair(sizes).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter += 0.1 * torch.randn_like(parameter)  # biases and LayerNorms of a trained network, too
    missing, unexpected = ours.load_state_dict(theirs.state_dict(), strict=False)
    assert missing == [] and unexpected == []
    ids = torch.randint(5, MICRO.data.vocab_size, (3, 32))
    positions = torch.rand(ids.shape).topk(5, dim=1).indices
    with torch.no_grad():
        assert (ours.logits(ids, positions) - theirs.logits(ids, positions)).abs().max() < 1e-5
        assert (ours.scores(ids) - theirs.scores(ids)).abs().max() < 1e-5
        assert theirs.logits(ids, positions).std() > 0.1 and theirs.scores(ids).std() > 0.1


def test_torch_trains_the_parameters_that_we_train(made, modules):
    import plan
    from torch_sizes import sizes_of
    from torch_step import plain_pair

    described = plan.read(made / "plan.json")
    ours = sorted(sorted(each.shape) for each in described.variables if each.name in set(described.trained))
    theirs = sorted(sorted(each.shape) for each in plain_pair(sizes_of(described.config)).parameters())
    assert ours == theirs


@pytest.mark.slow
def test_both_sides_take_turns_and_one_line_tells_of_it(made):
    result = subprocess.run(
        ["bash", str(made / "run.sh"), "--device", "cpu", "--eager", "--steps", "1", "--rounds", "3"],
        env=os.environ | {"PYTHON": sys.executable},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    (line,) = result.stdout.splitlines()
    found = json.loads(line)
    assert found["checked"] and found["torch_side"]["same_network"]
    assert found["ratio_to_torch"] > 0 and len(found["all_seconds"]["torch"]) == 3
