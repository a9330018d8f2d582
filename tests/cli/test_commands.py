"""Commands as a user meets them: one clear line and exit code 1 for a mistake, nothing half-written; and what they import."""

import os
import re
import shutil
import sys

import pytest

from electra_pretrain import (
    build_data,
    clean_corpus,
    compare,
    corpus_stats,
    dedup_corpus,
    export_hf,
    export_tf1,
    inspect_vocab,
    quickstart,
    run_pretraining,
    train_vocab,
)
from electra_pretrain.cli.arguments import command_parser
from electra_pretrain.cli.run import run_command
from tests.conftest import MICRO, SAMPLE_CORPUS

NEWS = str(SAMPLE_CORPUS / "news.txt")


def no_arguments():
    return command_parser("build_data", "").parse_args([])


def run(module, arguments, capfd):
    """Exit code and standard error of a command, run by its `main`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [module.__name__, *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            module.main()
    return ended.value.code, capfd.readouterr().err


def assert_one_line(result, *parts):
    code, err = result
    lines = [
        line
        for line in err.splitlines()
        if not re.match(r"\w+: (measure text|read sample|check sources|tokenise|write shards): ", line)
    ]
    assert code == 1
    assert len(lines) == 1 and ": error: " in lines[0], err
    for part in parts:
        assert part in lines[0]


@pytest.fixture
def config_path(tmp_path):
    import json

    path = tmp_path / "micro.json"
    path.write_text(json.dumps(MICRO.to_dict()))
    return path


def build_arguments(tmp_path, vocab_path, **changes):
    values = {
        "corpus": NEWS,
        "vocab": vocab_path,
        "output": tmp_path / "out",
        "max_seq_length": 32,
        "num_processes": 1,
        **changes,
    }
    return [part for name, value in values.items() for part in (f"--{name}", value)]


def test_missing_corpus(tmp_path, vocab_path, capfd):
    result = run(build_data, build_arguments(tmp_path, vocab_path, corpus="nothing/*.txt"), capfd)
    assert_one_line(result, "build_data: error: nothing/*.txt: no such file", "check the path")
    assert not os.path.exists(tmp_path / "out")


def test_names_that_break_lines_are_spelled_out(tmp_path, capfd):
    path = tmp_path / "a\nb\x1b.json"
    path.write_text('[{"c\\nd": 1}]')
    arguments = ["--corpus", path, "--output", tmp_path / "out", "--recipe", "default"]
    assert_one_line(run(clean_corpus, arguments, capfd), r"a\nb\x1b.json, document 1: no text field", r"did you mean c\nd?")


def test_several_words_where_several_are_wanted(tmp_path, capfd):
    result = run(inspect_vocab, ["--corpus", NEWS, "--vocab", tmp_path / "one", tmp_path / "two"], capfd)
    assert_one_line(result, f"{tmp_path / 'one'}: no such vocabulary file")


@pytest.mark.parametrize("content", ["", "\n \n\n"])
def test_empty_corpus(tmp_path, vocab_path, capfd, content):
    path = tmp_path / "empty.txt"
    path.write_text(content)
    assert_one_line(
        run(build_data, build_arguments(tmp_path, vocab_path, corpus=path), capfd), "empty.txt: the corpus is empty"
    )
    assert not os.path.exists(tmp_path / "out" / "manifest.json")
    assert not os.path.exists(tmp_path / "out"), "an empty folder was left behind"
    result = run(train_vocab, ["--corpus", path, "--output", tmp_path / "new" / "v.txt"], capfd)
    assert_one_line(result, f"train_vocab: error: {path}: the corpus is empty", "name files that hold some")
    assert "--" not in result[1], "no option would help"
    assert not os.path.exists(tmp_path / "new")


def test_a_sample_smaller_than_a_document(tmp_path, capfd):
    """Here, options would."""
    result = run(train_vocab, ["--corpus", NEWS, "--output", tmp_path / "v.txt", "--sample_bytes", "1"], capfd)
    assert_one_line(result, "--sample_fraction 1.0 with --sample_bytes 1: the sample of the corpus holds no text; raise them")


@pytest.mark.parametrize("module", [build_data, clean_corpus, corpus_stats, dedup_corpus, inspect_vocab, train_vocab])
def test_many_empty_files_are_not_all_named(tmp_path, vocab_path, capfd, module):
    for number in range(300):
        (tmp_path / f"{number:03d}.txt").touch()
    arguments = ["--corpus", tmp_path / "*.txt"]
    arguments += ["--vocab", vocab_path] if module in (build_data, inspect_vocab) else []
    arguments += ["--by", "line"] if module is dedup_corpus else []
    arguments += [] if module in (corpus_stats, inspect_vocab) else ["--output", tmp_path / "out"]
    arguments += [] if module in (inspect_vocab, train_vocab) else ["--num_processes", 1]
    code, err = run(module, arguments, capfd)
    assert code == 1 and f"error: {tmp_path / '000.txt'} and 299 more: the corpus is empty" in err
    assert "001.txt" not in err


@pytest.mark.parametrize("processes", [1, 2])
def test_a_file_that_is_not_utf8(tmp_path, vocab_path, capfd, processes):
    path = tmp_path / "bad.txt"
    path.write_bytes("첫 줄\n둘째 줄\n".encode() + "셋째".encode("cp949") + b"\n")
    result = run(build_data, build_arguments(tmp_path, vocab_path, corpus=path, num_processes=processes), capfd)
    assert_one_line(result, "bad.txt, line 3: not UTF-8", "iconv")


def test_a_vocabulary_without_mask(tmp_path, capfd):
    path = tmp_path / "vocab.txt"
    path.write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n가\n")
    assert_one_line(run(build_data, build_arguments(tmp_path, path), capfd), "vocab.txt: the vocabulary lacks [MASK]")


def test_unwritable_output(tmp_path, vocab_path, capfd, records, config_path):
    file = tmp_path / "file"
    file.write_text("in the way")
    below = file / "out"
    assert_one_line(
        run(build_data, build_arguments(tmp_path, vocab_path, output=below), capfd), f"--output {below}: {file} is no folder"
    )
    arguments = ["--config", config_path, "--data", records, "--model_dir", below]
    assert_one_line(run(run_pretraining, arguments, capfd), f"--model_dir {below}: {file} is no folder")
    assert_one_line(run(train_vocab, ["--corpus", NEWS, "--output", below / "vocab.txt"], capfd), f"{file} is no folder")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_output(tmp_path, vocab_path, capfd):
    (tmp_path / "out").mkdir(mode=0o500)
    assert_one_line(run(build_data, build_arguments(tmp_path, vocab_path), capfd), "is not writable")


def test_disk_full_leaves_nothing_half_written(tmp_path, vocab_path, capfd, monkeypatch):
    from electra_pretrain.records import blocks

    def full(path, *_):
        raise OSError(28, "No space left on device", path)

    monkeypatch.setattr(blocks, "write_block", full)
    assert_one_line(
        run(build_data, build_arguments(tmp_path, vocab_path), capfd), "No space left on device", "run the same command again"
    )
    assert not os.path.exists(tmp_path / "out"), "nothing was finished, so nothing stays"


def test_bad_numbers(tmp_path, vocab_path, capfd):
    for name, value in (("max_seq_length", 4), ("heldout_fraction", 1.5), ("num_processes", 0), ("seed", -1)):
        assert_one_line(
            run(build_data, build_arguments(tmp_path, vocab_path, **{name: value}), capfd), f"--{name} {value}: must"
        )


def test_records_that_are_not_there(tmp_path, capfd, config_path):
    (data := tmp_path / "data").mkdir()
    arguments = ["--config", config_path, "--data", data, "--model_dir", tmp_path / "run"]
    assert_one_line(run(run_pretraining, arguments, capfd), "manifest.json: no such file", "run build_data")
    (data / "manifest.json").write_text("{}")
    assert_one_line(
        run(run_pretraining, arguments, capfd),
        "manifest.json: lacks format_version",
        "build the data again, into another folder",
    )


def test_truncated_records(tmp_path, capfd, config_path, records):
    folder = tmp_path / "records"
    shutil.copytree(records, folder)
    shard = folder / "train-00000-of-00001.tfrecord"
    shard.write_bytes(shard.read_bytes()[:-7])
    arguments = ["--config", config_path, "--data", folder, "--model_dir", tmp_path / "run"]
    assert_one_line(run(run_pretraining, arguments, capfd), f"{shard}: truncated")
    shard.unlink()
    assert_one_line(run(run_pretraining, arguments, capfd), f"{shard}: missing")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.vocab_size=9999", "data.vocab_size is 9999 in the config, 3500 in the records"),
        ("training.trainbatch_size=8", 'unknown key "trainbatch_size"; did you mean train_batch_size'),
        ("training.train_batch_size=many", "must be a whole number"),
    ],
)
def test_config_mistakes(tmp_path, capfd, config_path, records, override, message):
    arguments = ["--config", config_path, "--data", records, "--model_dir", tmp_path / "run", "--set", override]
    assert_one_line(run(run_pretraining, arguments, capfd), message)
    assert not os.path.exists(tmp_path / "run")


def test_batch_not_divisible_by_replicas(tmp_path, capfd, config_path, records):
    arguments = ["--config", config_path, "--data", records, "--model_dir", tmp_path / "run", "--cpu_replicas", 3]
    assert_one_line(run(run_pretraining, arguments, capfd), "train_batch_size = 8: must be divisible by 3 replicas")


@pytest.mark.parametrize("export", [export_hf, export_tf1])
def test_export_of_what_is_no_run(export, tmp_path, capfd):
    result = run(export, ["--model_dir", tmp_path / "run", "--output", tmp_path / "out"], capfd)
    assert_one_line(result, ".json: no such file", "is not the --model_dir of a run")


def test_a_missing_package_is_named(capfd):
    def main(args):
        raise ModuleNotFoundError("No module named 'tokenizers'", name="tokenizers")

    with pytest.raises(SystemExit):
        run_command("build_data", no_arguments, main)
    assert capfd.readouterr().err == "build_data: error: a package is missing; run: pip install tokenizers\n"


def test_an_error_of_ours_keeps_its_traceback_and_has_its_own_exit_code(capfd):
    """Python's own code for it, 1, would tell a supervisor that the user made a mistake."""

    def main(args):
        raise ValueError("a bug")

    with pytest.raises(SystemExit) as ended:
        run_command("build_data", no_arguments, main)
    assert ended.value.code == 70
    err = capfd.readouterr().err
    assert err.startswith("Traceback") and err.endswith("ValueError: a bug\n")


@pytest.mark.parametrize(
    "kind, reason, code",
    [
        ("UnavailableError", "no answer", 69),
        ("FailedPreconditionError", "no answer (libcurl code 6: Could not resolve host)", 69),
        ("FailedPreconditionError", "no answer", 1),
        ("NotFoundError", "no answer", 1),
        ("UnimplementedError", "no answer", 1),
    ],
)
def test_a_bucket_that_does_not_answer_is_not_the_users_mistake(capfd, kind, reason, code):
    import tensorflow as tf

    def main(args):
        raise getattr(tf.errors, kind)(None, None, f"gs://bucket/data: {reason}")

    with pytest.raises(SystemExit) as ended:
        run_command("run_pretraining", no_arguments, main)
    assert ended.value.code == code
    assert "error: remote path: gs://bucket/data: no answer" in capfd.readouterr().err


def test_interrupted(capfd):
    def main(args):
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as ended:
        run_command("build_data", no_arguments, main)
    assert ended.value.code == 130
    assert "interrupted; run the same command again" in capfd.readouterr().err


def test_quickstart_walks_the_whole_road(tmp_path, capfd, config_path):
    """At a fraction of its size; it ends with what the discriminator says beside the truth, and transformers' agreement."""
    arguments = ["--output", tmp_path / "out", "--config", config_path, "--corpus", f"{SAMPLE_CORPUS}/*.txt"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["quickstart", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            quickstart.main()
    out = capfd.readouterr().out
    assert ended.value.code == 0
    for name in ("train_vocab", "build_data", "run_pretraining", "export_hf"):
        assert f"$ python -m electra_pretrain.{name} " in out
    assert out.count("most suspicious:") == 4 and "truth" in out
    assert "transformers loads the export; its logits differ from ours by" in out
    for kind in ("discriminator", "generator"):
        assert os.path.exists(tmp_path / "out" / "exported" / kind / "model.safetensors")


def test_quickstart_of_a_masked_language_model_shows_what_there_is(tmp_path, capfd, monkeypatch):
    """No discriminator: nothing of its to be shown."""
    (tmp_path / "exported" / "masked_lm").mkdir(parents=True)
    monkeypatch.setattr(quickstart, "run_shown", lambda module, words: 0)
    quickstart.quickstart(quickstart.parse_args(["--output", str(tmp_path), "--set", "objective.electra_objective=false"]))
    out = capfd.readouterr().out
    assert f"{tmp_path}/exported: masked_lm/, for transformers" in out and "quickstart: done in" in out


def test_quickstart_ends_as_a_step_that_fails(tmp_path, capfd):
    (tmp_path / "empty.txt").write_text("\n")
    code, err = run(quickstart, ["--output", tmp_path / "out", "--corpus", tmp_path / "empty.txt", "--quiet"], capfd)
    assert code == 1
    first, last = err.splitlines()
    assert first.startswith("train_vocab: error: ")
    assert last.startswith("quickstart: error: train_vocab ended with code 1, see above")


@pytest.mark.parametrize("flags", [[], ["--quiet"], ["--verbose"]])
def test_quickstarts_steps_are_as_quiet_as_itself(tmp_path, capfd, monkeypatch, flags):
    asked = []
    monkeypatch.setattr(quickstart, "run_shown", lambda module, words: asked.append([module, *words]) or 75)
    assert run(quickstart, ["--output", tmp_path, *flags], capfd)[0] == 75
    assert [words[0] for words in asked] == ["electra_pretrain.train_vocab"]
    assert [word for word in asked[0] if word in ("--quiet", "--verbose")] == flags


@pytest.mark.parametrize(("flags", "lines"), [([], 0), (["--quiet"], 0), (["--verbose"], 2)])
def test_verbose_tells_what_runs_and_how_long(flags, lines, capfd):
    code, err = run(compare, ["--published", *flags], capfd)
    assert code == 0 and len(err.splitlines()) == lines
    if lines:
        assert re.match(
            r"compare: electra_pretrain [\d.]+, Python [\d.]+: --published --verbose\ncompare: done in \d+ s\n$", err
        )
