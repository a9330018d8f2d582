"""The command that fine-tunes: it learns, goes on after a kill as if there had been none, and says what is amiss."""

import json
import os
import signal
import sys
import time

import pytest

from electra_pretrain import finetune
from electra_pretrain.finetuning import checkpoints
from tests.support.finetune_data import WRITERS, arguments, command, make_distilbert, make_model, write_nsmc


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Models this small are slower on several threads, above all on a machine that has other work."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def nsmc(tmp_path_factory):
    return write_nsmc(tmp_path_factory.mktemp("nsmc"), train=128, test=64)


@pytest.fixture
def run(monkeypatch):
    def run(*values, **settings):
        """The command within this process; its exit code."""
        monkeypatch.setattr("sys.argv", ["finetune", *arguments(*values, **settings)])
        with pytest.raises(SystemExit) as exit:
            finetune.main()
        return exit.value.code

    return run


def results(output):
    return json.loads((output / "results.json").read_text())


@pytest.mark.parametrize(
    ("task", "steps", "settings", "split", "metric"),
    [
        ("nsmc", 120, {"layerwise_lr_decay": 0.9, "warmup_proportion": 0.1, "weight_decay": 0.01}, "test", "accuracy"),
        ("korsts", 100, {}, "test", "spearman"),
        ("naver_ner", 60, {"train_batch_size": 16, "gradient_accumulation_steps": 2}, "test", "entity_f1"),
        ("korquad", 100, {"max_query_length": 8, "doc_stride": 8}, "dev", "exact_match"),
    ],
)
def test_each_kind_of_task_is_learnt(task, steps, settings, split, metric, model, tmp_path, run, capfd):
    data, output = WRITERS[task](tmp_path / task), tmp_path / "output"
    assert run(model, task, data, output, "--max_steps", steps, **settings) == 0
    found = results(output)
    assert (found["task"], found["metric"], found["split"], found["steps"]) == (task, metric, split, steps)
    assert found["metrics"][metric] > 90
    assert found["stuck_at_chance"] is False
    assert sorted(os.listdir(output)) == ["model", "results.json", "run.json"]
    printed = capfd.readouterr()
    assert printed.out.startswith(f"{task} {split}: ")
    assert printed.err.count("new, drawn from the seed: the head") == 1
    assert "Warning" not in printed.err and "loss': " not in printed.out + printed.err


@pytest.mark.parametrize(("task", "steps", "settings"), [("nsmc", 120, {"layerwise_lr_decay": 0.9}), ("naver_ner", 5, {})])
def test_a_model_without_token_types_is_fine_tuned(task, steps, settings, tmp_path, run, capfd):
    model, output = make_distilbert(tmp_path / "model"), tmp_path / "output"
    assert run(model, task, WRITERS[task](tmp_path / task), output, "--max_steps", steps, **settings) == 0
    assert task != "nsmc" or results(output)["metrics"]["accuracy"] > 90
    assert json.loads((output / "model" / "config.json").read_text())["model_type"] == "distilbert"
    assert capfd.readouterr().err.count("new, drawn from the seed: the head") == 1


def test_the_saved_model_is_one_that_transformers_uses(model, tmp_path, run):
    import transformers

    assert run(model, "nsmc", write_nsmc(tmp_path / "nsmc"), tmp_path / "output", "--max_steps", 120) == 0
    classify = transformers.pipeline("text-classification", str(tmp_path / "output" / "model"), device="cpu")
    labels = [answer["label"] for answer in classify(["가 나 철수 다", "라 영희"])]
    assert labels == [classify.model.config.id2label[1], classify.model.config.id2label[0]]
    assert not any(label.startswith("LABEL_") for label in labels)
    assert len({path.stat().st_mode for path in (tmp_path / "output" / "model").iterdir()}) == 1


def weights(output):
    return (output / "model" / "model.safetensors").read_bytes()


class Killed(BaseException):
    pass


@pytest.mark.parametrize("select", ["last", "best"])
def test_a_killed_run_ends_as_one_that_was_not(select, model, nsmc, tmp_path, run, monkeypatch, capfd):
    """It is killed when a checkpoint is written, in the midst of the third epoch, and not yet sealed."""
    values = (model, "nsmc", nsmc, tmp_path / "killed", "--select", select, "--max_steps", 36)
    write, seal = 0, checkpoints.seal

    def kill_at_the_fourth(folder):
        nonlocal write
        write += 1
        if write == 4:
            raise Killed
        seal(folder)

    monkeypatch.setattr(checkpoints, "seal", kill_at_the_fourth)
    with pytest.raises(Killed):
        run(*values, save_steps=5)
    monkeypatch.undo()
    monkeypatch.setattr("sys.argv", [])
    assert run(*values, save_steps=5) == 0
    assert "checkpoint-20: is half-written or damaged, and left out" in capfd.readouterr().err
    resumed = results(tmp_path / "killed")
    assert run(model, "nsmc", nsmc, tmp_path / "straight", *values[4:], save_steps=5) == 0
    straight = results(tmp_path / "straight")
    assert (resumed["resumed_from"] > 0, straight["resumed_from"]) == (True, 0)
    assert resumed["metrics"] == straight["metrics"]
    assert weights(tmp_path / "killed") == weights(tmp_path / "straight")


def test_another_seed_ends_elsewhere(model, nsmc, tmp_path, run):
    for seed in (0, 1):
        assert run(model, "nsmc", nsmc, tmp_path / str(seed), "--max_steps", 3, "--seed", seed) == 0
    assert weights(tmp_path / "0") != weights(tmp_path / "1")


def test_sigterm_saves_and_asks_to_be_run_again(model, nsmc, tmp_path):
    output = tmp_path / "output"
    process = command(model, "nsmc", nsmc, output, "--max_steps", 100000, save_steps=50)
    until = time.monotonic() + 100
    while not list(output.glob("checkpoints/checkpoint-*/checksums.json")) and process.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 75, errors
    assert "and saved; the same command goes on from there" in errors
    whole, damaged = checkpoints.newest_whole(str(output / "checkpoints"))
    assert damaged == []
    assert f"stopped at step {int(whole.rpartition('-')[2]):,} " in errors


def test_a_finished_folder_returns_at_once_and_refuses_other_settings(model, nsmc, tmp_path, run, capfd):
    values = (model, "nsmc", nsmc, tmp_path / "output", "--max_steps", 3)
    assert run(*values) == 0
    before = (tmp_path / "output" / "results.json").stat().st_mtime_ns
    capfd.readouterr()
    assert run(*values) == 0
    assert capfd.readouterr().out.startswith("nsmc test: accuracy")
    assert (tmp_path / "output" / "results.json").stat().st_mtime_ns == before
    assert run(*values, "--seed", 4, learning_rate=1e-3) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert "(seed 0 there, 4 asked for; settings.learning_rate 0.003 there, 0.001 asked for)" in line


def test_a_model_stuck_at_chance_is_said_so(model, tmp_path, run, capfd):
    data = write_nsmc(tmp_path / "nsmc", train=512, test=64, learnable=False)
    assert run(model, "nsmc", data, tmp_path / "output", "--max_steps", 30, learning_rate=1e-4) == 0
    errors = capfd.readouterr().err
    assert results(tmp_path / "output")["stuck_at_chance"] is True
    assert "warning: nsmc: accuracy" in errors and "is no better than chance (62.50)" in errors
    assert errors.count("of 30 steps the loss") == 1 and "is still that of guessing, 0.6931" in errors


def test_sequences_are_held_to_the_models_positions(model, nsmc, tmp_path, run, capfd):
    assert run(model, "nsmc", nsmc, tmp_path / "output", "--max_steps", 1, max_seq_length=128) == 0
    assert "max_seq_length 128: the model has 64 positions, so 64 it is" in capfd.readouterr().err
    assert results(tmp_path / "output")["settings"]["max_seq_length"] == 64


def test_a_generator_is_warned_of(nsmc, tmp_path, run, capfd):
    (tmp_path / "generator").mkdir()
    generator = make_model(tmp_path / "generator", "ElectraForMaskedLM")
    assert run(generator, "nsmc", nsmc, tmp_path / "output", "--max_steps", 1) == 0
    assert "is a generator; it is the discriminator that is meant" in capfd.readouterr().err


def no_model(tmp_path, model, nsmc):
    return (tmp_path / "none", "nsmc", nsmc), {}, "none: no such folder"


def no_tokenizer(tmp_path, model, nsmc):
    (tmp_path / "bare").mkdir()
    bare = make_model(tmp_path / "bare")
    for path in (*bare.glob("*token*"), bare / "vocab.txt"):
        path.unlink()
    return (bare, "nsmc", nsmc), {}, "has no tokenizer"


def other_weights(tmp_path, model, nsmc):
    (tmp_path / "mixed").mkdir()
    mixed = make_model(tmp_path / "mixed")
    config = json.loads((mixed / "config.json").read_text())
    (mixed / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
    return (mixed, "nsmc", nsmc), {}, "its weights lack"


def other_labels(tmp_path, model, nsmc):
    (tmp_path / "tuned").mkdir()
    labels = {"id2label": {0: "a", 1: "b", 2: "c"}, "label2id": {"a": 0, "b": 1, "c": 2}}
    tuned = make_model(tmp_path / "tuned", "ElectraForSequenceClassification", **labels)
    return (tuned, "nsmc", nsmc), {}, "was fine-tuned for the labels a, b, c, not"


def no_data(tmp_path, model, nsmc):
    (tmp_path / "empty").mkdir()
    return (model, "nsmc", tmp_path / "empty"), {}, "no train split of nsmc"


def no_split(tmp_path, model, nsmc):
    return (model, "nsmc", nsmc, "--split", "heldout"), {}, "--split heldout: nsmc has"


def remote_output(tmp_path, model, nsmc):
    return (model, "nsmc", nsmc, "--output", "gs://bucket/folder"), {}, "gs://bucket/folder: must be a local folder"


def unknown_setting(tmp_path, model, nsmc):
    return (model, "nsmc", nsmc), {"learning_rat": 1}, 'unknown key "learning_rat"; did you mean learning_rate'


def no_config(tmp_path, model, nsmc):
    return (model, "nsmc", nsmc, "--config", "nsmc_smal"), {}, "did you mean nsmc_small"


@pytest.mark.parametrize(
    "case",
    [no_model, no_tokenizer, other_weights, other_labels, no_data, no_split, remote_output, unknown_setting, no_config],
)
def test_bad_input_is_one_line_and_leaves_nothing(case, tmp_path, model, nsmc, run, capfd):
    (model, task, data, *more), settings, said = case(tmp_path, model, nsmc)
    capfd.readouterr()
    assert run(model, task, data, tmp_path / "output", *more, **settings) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("finetune: error: ") and said in line
    assert not (tmp_path / "output").exists()


def test_a_missing_package_names_the_extra(model, nsmc, tmp_path, run, capfd, monkeypatch):
    monkeypatch.setitem(sys.modules, "seqeval", None)
    assert run(model, "nsmc", nsmc, tmp_path / "output") == 1
    said = "finetune: error: fine-tuning needs seqeval; run: pip install 'electra_pretrain[finetune]'\n"
    assert capfd.readouterr().err == said
