"""Every JSON file that is read, a wrong value at every place of it: one line that names the file, or values of their types."""

import copy
import dataclasses
import json
import math

import pytest

from electra_pretrain.checkpoint import pretrained
from electra_pretrain.checkpoint.unseen import check_unseen
from electra_pretrain.checkpoint.weight_files import find_weights
from electra_pretrain.config.hparams import load_hparams
from electra_pretrain.config.load import left_out, load_config
from electra_pretrain.config.schema import SECTIONS, Config
from electra_pretrain.convert import hf_import
from electra_pretrain.core import shipped
from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus import provenance
from electra_pretrain.corpus.cleaning.recipe import load_recipe
from electra_pretrain.corpus.dedup.write import DedupCounts
from electra_pretrain.evaluation.cells import check_settings
from electra_pretrain.evaluation.comparison import load as load_results
from electra_pretrain.evaluation.results import read_result
from electra_pretrain.execution.resume import Marker
from electra_pretrain.finetuning import checkpoints, record
from electra_pretrain.finetuning.config import load_finetune_config
from electra_pretrain.records.damage import EXAMINED_NAME, leave_out_damaged
from electra_pretrain.records.manifest import load_manifest
from electra_pretrain.tokenization import provenance as vocabulary_provenance
from electra_pretrain.tokenization.hf_file import read_tokenizer_json
from electra_pretrain.train.cluster import CLUSTER_VARIABLE, count_cluster
from electra_pretrain.train.metrics_log import read_rows
from electra_pretrain.train.run_folder import load_run

WRONG = (None, -1, 1.5, "x", "../x", [], {}, True, 10**30, [[{}]], {"a": {"b": []}})
SHA = "0a" * 32
SHARD = {"name": "train-00000-of-00001.tfrecord", "examples": 3, "bytes": 900, "sha256": SHA}
COUNTS = {"documents": 9, "lines": 9, "repeated": 1, "near": 1, "kept_documents": 7, "kept_lines": 7}
STEPS = [{"command": "clean_corpus", "recipe": {"name": "mine"}}, {"command": "dedup", "fingerprint": "f", "counts": COUNTS}]
MANIFEST = {
    "format_version": 2, "fingerprint": "0123456789abcdef", "max_seq_length": 32,
    "vocabulary": {
        "type": "wordpiece", "sha256": SHA, "size": 6, "do_lower_case": False, "strip_accents": False,
        "unicode_normalization": "NFC", "special_ids": {"pad": 0, "unk": 1, "cls": 2, "sep": 3, "mask": 4},
    },
    "seed": 0, "heldout_fraction": 0.1, "dupe_factor": 1, "short_example_prob": 0.1, "single_segment_prob": 0.1,
    "counts": {
        "documents": 3, "heldout_documents": 0, "sentences": 9, "characters": 99, "tokens": 60, "unk_tokens": 1,
        "overflow_tokens": 0,
    },
    "unk_rate": 0.01, "overflow_rate": 0.0, "train_examples": 3, "heldout_examples": 0, "train_shards": [SHARD],
    "heldout_shards": [], "sources": [{"path": "a.txt", "bytes": 3, "sha256": SHA}], "corpus_steps": STEPS,
}  # fmt: skip
RESULT = {
    "task": "nsmc", "model": "models/small", "metrics": {"accuracy": 90.5, "f1": 88.0}, "metric": "accuracy", "seed": 0,
    "steps": 9, "max_steps": 9, "select": "last", "split": "test", "stuck_at_chance": False, "examples": 5,
    "versions": {"torch": "2"},
}  # fmt: skip
CONFIG = json.loads((shipped.folder("configs") / "tiny.json").read_text())
STATED = {
    "model_type": "electra", "architectures": ["ElectraForPreTraining"], "hidden_size": 64, "embedding_size": 32,
    "num_hidden_layers": 2, "num_attention_heads": 1, "intermediate_size": 128, "max_position_embeddings": 64,
    "vocab_size": 100, "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1,
    "initializer_range": 0.02, "hidden_act": "gelu",
    "layer_norm_eps": 1e-12, "id2label": {"0": "LABEL_0"},
}  # fmt: skip
TOKENIZER = {
    "added_tokens": [{"id": 2, "content": "[NEW]", "special": True}],
    "normalizer": {"type": "Sequence", "normalizers": [{"type": "BertNormalizer", "lowercase": True, "strip_accents": None}]},
    "model": {"type": "WordPiece", "continuing_subword_prefix": "##", "vocab": {"[PAD]": 0, "a": 1}},
}  # fmt: skip


def both(*values):
    return values


def read_state(path):
    checkpoints.seal(str(path.parent))
    return checkpoints.newest_whole(str(path.parent.parent))


# Each: the file, what a whole one holds, how it is read.
FILES = {
    "config": ("tiny.json", CONFIG | {"phases": [{"until_step": 3, "max_seq_length": 16}]},
        lambda path: load_config(str(path))),
    "config with --set": ("tiny.json", {"notes": "", "model": {"hidden_size": 64}},
        lambda path: both(load_config(str(path), ["model.hidden_size=64"]), left_out(str(path), ["model.hidden_size=64"]))),
    "a run's config": ("config.json", {**{section: {} for section in SECTIONS}, "training": {"seed": 1}},
        lambda path: pretrained.describe(str(path.parent))),
    "hparams": ("hparams.json",
        {"model_size": "small", "model_hparam_overrides": {"hidden_size": 128, "hidden_act": "gelu"}, "train_batch_size": 16,
         "learning_rate": 1e-4, "generator_hidden_size": 0.33, "use_tpu": False, "debug": False, "embedding_size": 64},
        lambda path: load_hparams(str(path), [])[0]),
    "fine-tuning": ("mine.json", json.loads((shipped.folder("configs/finetune") / "nsmc_small.json").read_text()),
        lambda path: load_finetune_config(str(path), [])),
    "recipe": ("mine.json",
        {"name": "mine", "source": "nowhere", "drop_duplicates": "line", "sentences": "kiwi", "rules": [
            {"rule": "min_length", "characters": 10, "domains": ["news"]}, {"rule": "masks", "at_least": 3},
            {"rule": "brackets", "pairs": ["[]"], "longest": 30}, {"rule": "squeeze", "to": 2, "digits": True, "signs": False},
            {"rule": "repeat_normalize", "num_repeats": 2}, {"rule": "hangul_share", "at_least": 0.5},
            {"rule": "max_length", "characters": 9},
            {"rule": "characters", "keep": ["hangul"], "signs": ".,"},
            {"rule": "news_notices", "phrases": ["a"], "agencies": ["b"]},
            {"rule": "bylines", "titles": ["기자"], "agencies": []}]},
        lambda path: load_recipe(str(path))),
    "corpus.json": ("corpus.json", {"steps": STEPS},
        lambda path: provenance.finished_step(str(path.parent), "dedup", "f", None, DedupCounts)),
    "manifest": ("manifest.json", MANIFEST, lambda path: load_manifest(str(path.parent))),
    "run.json": ("run.json", {"data": MANIFEST, "data_of_phases": [], "versions": {"tensorflow": "2"}, "hardware": "a GPU"},
        lambda path: load_run(str(path.parent))),
    "results": ("results.json", RESULT, lambda path: both(read_result(str(path)), load_results([str(path)], True))),
    "results, of finetune": ("results.json", RESULT, lambda path: record.finished(str(path.parent), {"seed": 0}) and None),
    "what finetune was asked": ("run.json", {"seed": 0, "config": {"learning_rate": 0.1}},
        lambda path: record.finished(str(path.parent), {"seed": 0, "config": {"learning_rate": 0.1}})),
    "results, of a sweep": ("results.json", {"run": "runs/a", "cells": [{"step": 5, **RESULT}], "means": []},
        lambda path: load_results([str(path.parent)], True)),
    "settings of a sweep": ("settings.json", {"model_dir": "runs/a", "data.nsmc": "a"},
        lambda path: check_settings(str(path.parent), {"model_dir": "runs/a", "data": {"nsmc": "a"}})),
    "Hugging Face's config": ("config.json", STATED, lambda path: hf_import._read_config(str(path.parent))),
    "tokenizer_config": ("tokenizer_config.json", {"do_lower_case": True}, lambda path: hf_import.read_case(str(path.parent))),
    "tokenizer.json": ("tokenizer.json", TOKENIZER, lambda path: read_tokenizer_json(str(path))),
    "tokenizer.json, Unigram": ("tokenizer.json",
        {"model": {"type": "Unigram", "vocab": [["[PAD]", 0.0], ["a", -1.5]]}, "added_tokens": None},
        lambda path: read_tokenizer_json(str(path))),
    "an index of weights": ("pytorch_model.bin.index.json",
        {"metadata": {}, "weight_map": {"a": "pytorch_model.bin.index.json"}},
        lambda path: find_weights(str(path.parent))),
    "run.json, what weights do not show": ("run.json",
        {"unseen": {"num_attention_heads": 4, "electric_objective": False}},
        lambda path: check_unseen(str(path.parent), Config())),
    "a vocabulary's": ("vocab.txt.json", {"do_lower_case": True, "sources": []},
        lambda path: vocabulary_provenance.saved_lower_case(str(path).removesuffix(".json"))),
    "examined records": (EXAMINED_NAME, {"train-0": {"bytes": 3, "vocab_size": 9, "left_out": [1]}},
        lambda path: leave_out_damaged("", (), 8, None, 9, str(path.parent))),
    "a seal": (f"checkpoint-5/{checkpoints.SEAL}", {checkpoints.STATE: SHA},
        lambda path: checkpoints.newest_whole(str(path.parents[1]))),
    "a state": (f"checkpoint-5/{checkpoints.STATE}", {"best_model_checkpoint": "out/checkpoint-5", "epoch": 1.0}, read_state),
    "metrics": ("metrics.jsonl", {"kind": "train", "step": 5, "loss": 1.5}, lambda path: read_rows(str(path.parent))),
    "a marker": ("block.json", {"key": "k", "result": [1]}, lambda path: Marker(str(path), "k").result() and None),
}  # fmt: skip


def places(value, way=()):
    yield way
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(inner, (*way, key))


def changed(value, way, put):
    """The value with another one at a place; without what is there if `put` is `del`; with one more key if it is `more`."""
    if not way and put in ("del", "more"):
        return {**value, "one more": 1} if put == "more" else {}
    if not way:
        return put
    value = copy.copy(value)
    if put == "del" and len(way) == 1:
        del value[way[0]]
    else:
        value[way[0]] = changed(value[way[0]], way[1:], put) if way[1:] or put != "more" else put
    return value


def alike(found, whole):
    """Tell whether all within is of the same types; what is None, or of mixed dicts, has none."""
    if found is None or whole is None:
        return True
    if type(found) is not type(whole):
        return False
    if dataclasses.is_dataclass(found):
        return all(alike(getattr(found, field.name), getattr(whole, field.name)) for field in dataclasses.fields(found))
    if isinstance(found, tuple) and hasattr(found, "_fields"):
        return all(map(alike, found, whole))
    if isinstance(found, list | tuple):
        return all(any(alike(each, one) for one in whole) for each in found) if whole else True
    if isinstance(found, dict) and len({type(each) for each in whole.values()}) == 1:
        return all(alike(each, next(iter(whole.values()))) for each in found.values())
    return not isinstance(found, float) or math.isfinite(found)


@pytest.mark.parametrize("kind", FILES)
def test_a_wrong_value_at_every_place(tmp_path, kind):
    name, whole, read = FILES[kind]
    path = tmp_path / name
    tries = [(way, put) for way in places(whole) for put in (*WRONG, "del", "more")]
    refused = 0

    def read_with(values):
        path.parent.mkdir(exist_ok=True)
        for other in path.parent.iterdir():  # what reading one writes is not the next one's
            other.unlink()
        if kind == "results, of finetune":
            (path.parent / "run.json").write_text('{"seed": 0}')
        path.write_text(json.dumps(values))
        return read(path)

    expected = read_with(whole)
    for way, put in tries:
        try:
            found = read_with(changed(whole, way, put))
        except UserError as error:
            refused += 1
            assert str(tmp_path) in str(error) and "\n" not in str(error) and len(str(error)) < 1000, (way, put, error)
        except Exception as error:
            raise AssertionError(f"{'.'.join(map(str, way))} = {put}: {error!r}") from error
        else:
            assert alike(found, expected), (way, put, found)
    assert refused or kind in ("a seal", "a state", "metrics", "a marker")  # which are made anew


@pytest.mark.parametrize("kind", FILES)
def test_what_is_no_json_or_of_no_use(tmp_path, kind):
    name, _, read = FILES[kind]
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    for content in (b"", b"{", b"[" * 100_000, b'{"a": 1e400}', b'{"a": ' + b"1" * 5000 + b"}", b'"\\ud800"', b"\xff"):
        path.write_bytes(content)
        try:
            read(path)
        except UserError as error:
            assert str(tmp_path) in str(error) and "\n" not in str(error) and len(str(error)) < 1000, content[:9]
        else:
            assert kind in ("a seal", "a state", "metrics", "a marker"), content[:9]


def test_a_wrong_value_at_every_place_of_the_cluster(monkeypatch):
    whole = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1}, "rpc_layer": "grpc"}
    for way in places(whole):
        for put in (*WRONG, "del"):
            monkeypatch.setenv(CLUSTER_VARIABLE, json.dumps(changed(whole, way, put)))
            try:
                assert count_cluster() == 2 or way[:2] == ("cluster", "worker")
            except UserError as error:
                assert str(error).startswith(CLUSTER_VARIABLE) and "\n" not in str(error)
