"""A discriminator with tables of its own, into others' formats as the sum, back as a difference, or refused; never mixed up."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from safetensors.numpy import load_file
from transformers import ElectraForMaskedLM, ElectraForPreTraining

from electra_pretrain import export_hf, export_tf1, import_checkpoint
from electra_pretrain.checkpoint import bundle, listing
from electra_pretrain.checkpoint.difference import summed
from electra_pretrain.checkpoint.pretrained import Pretrained
from electra_pretrain.config.load import load_config, to_text
from electra_pretrain.convert.card_example import _as_written
from electra_pretrain.convert.extension import extend
from electra_pretrain.convert.positions import extend_positions
from electra_pretrain.convert.source_config import fields_from_shapes
from electra_pretrain.convert.sources import read_pretrained
from electra_pretrain.convert.tensor_files import rounded
from electra_pretrain.core.errors import UserError
from electra_pretrain.tokenization.model_folder import of_wordpiece
from electra_pretrain.train.storage import checkpoint_bytes
from tests.conftest import changed
from tests.convert.test_conversion import run
from tests.convert.test_import import MASK, model_of, our_logits, their_logits
from tests.support import disentangled, released_weights
from tests.support.disentangled import CONFIG, DIFFERENCES, TABLES, added
from tests.support.released_weights import TOKENS, P

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

WORDS, POSITIONS = (f"electra/embeddings/{name}" for name in TABLES)
TIED = changed(CONFIG, objective={"embedding_sharing": "tied"})


@pytest.fixture(scope="module")
def values():
    return disentangled.make_values()


@pytest.fixture(scope="module")
def source(tmp_path_factory, values):
    """A checkpoint with moments, as a run leaves it."""
    folder = tmp_path_factory.mktemp("source")
    released_weights.write(folder, values, adam_slots=True, step=700)
    return folder


@pytest.fixture(scope="module")
def imported(tmp_path_factory, source):
    folder = tmp_path_factory.mktemp("imported")
    run(import_checkpoint, "--tf1", source, "--output", folder / "run", "--keep_optimizer")
    return folder / "run"


@pytest.fixture(scope="module")
def exported(tmp_path_factory, imported):
    folder = tmp_path_factory.mktemp("exported")
    run(export_hf, "--model_dir", imported, "--output", folder)
    return folder


@pytest.fixture
def configs(tmp_path):
    """Paths of config files: with a difference, and tied."""
    paths = tmp_path / "apart.json", tmp_path / "tied.json"
    for path, config in zip(paths, (CONFIG, TIED), strict=True):
        path.write_text(to_text(config))
    return paths


def test_a_checkpoint_comes_back_whole(imported, values):
    assert load_config(str(imported / "config.json")).objective.embedding_sharing == "gradient_disentangled"
    found = bundle.read(listing.find(str(imported)))
    for name, value in values.items():
        np.testing.assert_array_equal(found[name], value)
        np.testing.assert_array_equal(found[f"{name}/adam_m"], np.abs(value) * np.float32(0.1))


@pytest.mark.parametrize("network", ["electra", "generator"])
def test_an_export_holds_the_sum_and_the_generators_own(imported, exported, values, network):
    kind, model_class = {
        "electra": ("discriminator", ElectraForPreTraining),
        "generator": ("generator", ElectraForMaskedLM),
    }[network]
    expected = released_weights.transformers_model(added(values) if network == "electra" else values, network)
    state = {key: value.numpy() for key, value in expected.state_dict().items() if key != "generator_lm_head.weight"}
    found = load_file(exported / kind / "model.safetensors")
    assert set(found) == set(state) and all(found[key].tobytes() == value.tobytes() for key, value in state.items())
    loaded, about = model_class.from_pretrained(exported / kind, output_loading_info=True)
    assert not (about["missing_keys"] or about["unexpected_keys"] or about["mismatched_keys"])
    ours, theirs = our_logits(model_of(imported))[network == "generator"], their_logits(loaded.eval())
    assert np.std(theirs, axis=1).mean() > 0.05
    np.testing.assert_allclose(ours[MASK > 0], theirs[MASK > 0], atol=2e-5, rtol=1e-5)


def test_an_exported_pair_becomes_a_table_and_a_difference(tmp_path, imported, exported, values, configs):
    found = read_pretrained(str(exported))
    assert set(found.values) == set(values) and found.fields["objective.embedding_sharing"] == "gradient_disentangled"
    for name, value in values.items():
        if name not in DIFFERENCES:
            np.testing.assert_array_equal(found.values[name], value, err_msg=name)
    for name, value in added(values).items():
        np.testing.assert_allclose(summed(found.values)[name], value, rtol=0, atol=2e-7)
    pair = ("--discriminator", exported / "discriminator", "--generator", exported / "generator")
    run(import_checkpoint, *pair, "--config", configs[0], "--output", tmp_path / "run")
    for one, other in zip(our_logits(model_of(tmp_path / "run")), our_logits(model_of(imported)), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5)


def test_a_tied_config_has_no_place_for_it_but_for_its_discriminator(tmp_path, source, exported, values, configs):
    message = (
        "plus a difference, .*set objective.embedding_sharing = .gradient_disentangled.*start from the discriminator alone"
    )
    for given in (("--tf1", source), ("--discriminator", exported / "discriminator", "--generator", exported / "generator")):
        with pytest.raises(UserError, match=message):
            run(import_checkpoint, *given, "--config", configs[1], "--output", tmp_path / "run")
    assert not (tmp_path / "run").exists()
    alone = ("--discriminator", exported / "discriminator", "--config", configs[1])
    found = bundle.read(run(import_checkpoint, *alone, "--output", tmp_path / "run"))
    for name in (WORDS, POSITIONS):
        np.testing.assert_array_equal(found[name], added(values)[name])


@pytest.mark.parametrize("keep", [False, True])
def test_what_has_one_table_starts_with_a_difference_of_0(tmp_path, values, configs, keep, capsys):
    plain = {name: value for name, value in values.items() if name not in DIFFERENCES}
    released_weights.write(tmp_path, plain, adam_slots=True, step=700)
    options = ["--keep_optimizer"] if keep else []
    written = run(import_checkpoint, "--tf1", tmp_path, "--config", configs[0], "--output", tmp_path / "run", *options)
    what = "difference from it and its moments begin" if keep else "difference from it begins"
    assert f"has one table for both networks; the discriminator's {what} at 0" in capsys.readouterr().err
    found = bundle.read(written)
    assert not any(found[f"{name}{slot}"].any() for name in DIFFERENCES for slot in ("", "/adam_m", "/adam_v"))
    for name, value in plain.items():
        np.testing.assert_array_equal(found[name], value)
        assert found[f"{name}/adam_v"].any() == keep
    assert json.loads((tmp_path / "run/import.json").read_text())["has_generator"] is True


def test_a_discriminator_alone_gets_a_fresh_generator_and_gives_none(tmp_path, exported, values, configs, capsys):
    alone = ("--discriminator", exported / "discriminator", "--config", configs[0])
    found = bundle.read(run(import_checkpoint, *alone, "--output", tmp_path / "run"))
    said = capsys.readouterr().err
    assert "has no generator; a fresh one is written" in said and "begins at 0" in said
    np.testing.assert_array_equal(found[WORDS], added(values)[WORDS])
    assert json.loads((tmp_path / "run/import.json").read_text())["has_generator"] is False
    tf1 = bundle.read(run(export_tf1, "--model_dir", tmp_path / "run", "--output", tmp_path / "tf1"))
    assert set(tf1) == {"global_step", *(name for name in added(values) if not name.startswith("generator"))}


def test_for_the_released_code_there_is_the_discriminator_alone(tmp_path, imported, values, capsys):
    found = bundle.read(run(export_tf1, "--model_dir", imported, "--output", tmp_path / "tf1"))
    assert "no generator is written: the released code has one word table for both networks" in capsys.readouterr().err
    expected = {name: value for name, value in added(values).items() if not name.startswith("generator")}
    assert set(found) == {"global_step", *expected}
    assert all(found[name].tobytes() == value.tobytes() for name, value in expected.items())
    assert set(read_pretrained(str(tmp_path / "tf1")).values) == set(found)
    with pytest.raises(
        UserError, match="the released code does not have; leave out --keep_optimizer; .*import_checkpoint --tf1"
    ):
        run(export_tf1, "--model_dir", imported, "--output", tmp_path / "moments", "--keep_optimizer")
    assert not Path(tmp_path / "moments").exists()


def test_half_precision_rounds_the_sum(tmp_path, imported, values):
    run(export_hf, "--model_dir", imported, "--output", tmp_path, "--dtype", "bfloat16")
    state = ElectraForPreTraining.from_pretrained(tmp_path / "discriminator").state_dict()
    found = state["electra.embeddings.word_embeddings.weight"]
    assert torch.equal(found, torch.tensor(added(values)[WORDS]).bfloat16())
    shown = summed(_as_written(values, "bfloat16"))
    np.testing.assert_allclose(shown[WORDS], rounded(added(values)[WORDS], "bfloat16"), rtol=0, atol=2e-7)
    np.testing.assert_array_equal(_as_written(values, "bfloat16")[WORDS], rounded(values[WORDS], "bfloat16"))


def test_longer_rows_and_other_tokens_are_those_of_the_sum(values):
    fields = fields_from_shapes("x", values)
    moments = {f"{name}/adam_m": value for name, value in values.items()}
    longer = extend_positions(Pretrained("x", values | moments, fields, None), P + 9).values
    for slot in ("", "/adam_m"):
        rows = longer[f"{DIFFERENCES[1]}{slot}"]
        np.testing.assert_array_equal(rows, [values[DIFFERENCES[1]][position % P] for position in range(P + 9)])
    tokens = ["가나" if token == "[unused0]" else token for token in TOKENS]
    new = extend(Pretrained("x", values, fields, of_wordpiece("x", TOKENS)), [*tokens, "다라"]).values
    pieces = np.mean([added(values)[WORDS][TOKENS.index(piece)] for piece in ("다", "##라")], axis=0)
    np.testing.assert_allclose(summed(new)[WORDS][len(TOKENS)], pieces, atol=1e-6)
    assert new[DIFFERENCES[0]].shape == new[WORDS].shape == (len(TOKENS) + 1, values[WORDS].shape[1])


def test_the_estimate_of_a_checkpoints_size_counts_it(values):
    own = sum(values[name].size for name in DIFFERENCES)
    assert checkpoint_bytes(CONFIG) - checkpoint_bytes(TIED) == 3 * 4 * own
