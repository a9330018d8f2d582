"""Weights from elsewhere: from the released code's checkpoints and from Hugging Face, whole, exact, or refused."""

import json
import os
import pickle

import numpy as np
import pytest
import tensorflow as tf
import torch
import transformers
from safetensors.numpy import load_file, save_file

from electra_pretrain import export_tf1, import_checkpoint
from electra_pretrain.checkpoint import bundle, listing
from electra_pretrain.config.load import load_config
from electra_pretrain.convert.extension import extend
from electra_pretrain.convert.hf_import import read_pair
from electra_pretrain.convert.run_import import fresh_optimizer
from electra_pretrain.convert.sources import read_pretrained
from electra_pretrain.convert.tf1 import read_tf1
from electra_pretrain.core.batch import MaskedBatch
from electra_pretrain.core.errors import UserError
from electra_pretrain.model.electra import Electra
from electra_pretrain.tokenization.wordpiece import WordPieceTokenizer
from electra_pretrain.train.optimizer import AdamW
from tests.conftest import MICRO
from tests.support import released_weights
from tests.support.released_weights import TOKENS, E, P, V

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

LENGTH = 12
RNG = np.random.default_rng(3)
IDS = RNG.integers(8, V, size=[3, LENGTH])
MASK = (np.arange(LENGTH) < [[LENGTH], [7], [10]]).astype(np.int64)
SEGMENTS = (np.arange(LENGTH) > 5).astype(np.int64) * MASK


@pytest.fixture(scope="module")
def values():
    return released_weights.make_values()


@pytest.fixture(scope="module")
def tf1(tmp_path_factory, values):
    """Two folders: weights alone, and with Adam's slots and `global_step`."""
    folders = [tmp_path_factory.mktemp(name) for name in ("weights", "slots")]
    released_weights.write(folders[0], values, adam_slots=False, step=None)
    released_weights.write(folders[1], values, adam_slots=True, step=700)
    return folders


@pytest.fixture
def pair(tmp_path, values):
    """Discriminator and generator as `transformers` itself saves them."""
    for network, name in (("electra", "discriminator"), ("generator", "generator")):
        released_weights.transformers_model(values, network).save_pretrained(tmp_path / name)
        (tmp_path / name / "vocab.txt").write_text("".join(f"{token}\n" for token in TOKENS))
    return tmp_path


def import_(output, **options):
    arguments = [part for name, value in options.items() for part in (f"--{name}", *([] if value is True else [str(value)]))]
    return import_checkpoint.import_checkpoint(import_checkpoint.parse_args([*arguments, "--output", str(output)]))


def model_of(folder):
    """Our networks with what an import wrote."""
    model = Electra(load_config(f"{folder}/config.json"))
    found = bundle.read(listing.find(str(folder)))
    for name, variable in model.named_variables().items():
        variable.assign(found[name])
    return model


def our_logits(model, ids=IDS):
    """The discriminator's [B, S], and the generator's at every position [B, S, V]."""
    inputs = [tf.constant(part, tf.int32) for part in (ids, MASK, SEGMENTS)]
    everywhere = tf.tile(tf.range(LENGTH)[tf.newaxis], [len(ids), 1])
    masked = MaskedBatch(*inputs, everywhere, everywhere, tf.ones(ids.shape), tf.ones(ids.shape))
    generator = model.generator_logits(masked, None).numpy().reshape([*ids.shape, -1])
    return model.discriminator_logits(*inputs, None).numpy(), generator


def their_logits(model):
    inputs = {"input_ids": IDS, "attention_mask": MASK, "token_type_ids": SEGMENTS}
    with torch.no_grad():
        return model(**{name: torch.tensor(value) for name, value in inputs.items()}).logits.numpy()


@pytest.mark.parametrize("slots", [0, 1])
def test_a_tf1_checkpoint_gives_the_logits_of_transformers(tmp_path, tf1, values, slots):
    written = import_(tmp_path / "run", tf1=tf1[slots])
    assert written.endswith("model.ckpt-0")
    found = bundle.read(written)
    assert found["global_step"] == 0 and not any(found[name].any() for name in found if name.endswith(("adam_m", "adam_v")))
    discriminator, generator = our_logits(model_of(tmp_path / "run"))
    for ours, network in ((discriminator, "electra"), (generator, "generator")):
        theirs = their_logits(released_weights.transformers_model(values, network))
        assert np.std(theirs, axis=1).mean() > 0.05, "logits hardly depend on the token"
        np.testing.assert_allclose(ours[MASK > 0], theirs[MASK > 0], atol=2e-5, rtol=1e-5)


def test_a_config_with_the_sizes_of_the_source_is_written(tmp_path, tf1, capsys):
    import_(tmp_path / "run", tf1=tf1[0])
    config = load_config(str(tmp_path / "run" / "config.json"))
    model = released_weights
    assert config.model.num_hidden_layers == model.LAYERS and config.model.hidden_size == model.H
    assert config.model.embedding_size == E and config.model.intermediate_size == model.F
    assert config.model.num_attention_heads == 2 and config.data.vocab_size == V
    assert config.model.max_position_embeddings == P == config.data.max_seq_length
    assert config.objective.generator_hidden_size == 0.5
    assert "attention heads it has; taken: 2" in capsys.readouterr().err


def test_a_config_that_began_with_others_weights_begins_with_these(tmp_path, tf1):
    import_(tmp_path / "run", tf1=tf1[0])
    path = tmp_path / "run" / "config.json"
    config = json.loads(path.read_text())
    config["training"] |= {"init_from": "elsewhere", "init_moments": True}
    (tmp_path / "config.json").write_text(json.dumps(config))
    import_(tmp_path / "again", tf1=tf1[0], config=tmp_path / "config.json")
    training = load_config(str(tmp_path / "again" / "config.json")).training
    assert (training.init_from, training.init_moments) == ("", False)


def test_moments_and_step_are_kept_where_asked(tmp_path, tf1, values):
    written = import_(tmp_path / "run", tf1=tf1[1], keep_optimizer=True)
    found = bundle.read(written)
    assert written.endswith("model.ckpt-700") and found["global_step"] == 700
    for name, value in values.items():
        np.testing.assert_array_equal(found[name], value)
        np.testing.assert_array_equal(found[f"{name}/adam_v"], np.abs(value) * np.float32(0.1))
    with pytest.raises(UserError, match="has no moments to go on with"):
        import_(tmp_path / "other", tf1=tf1[0], keep_optimizer=True)


def test_a_step_without_moments_is_nothing_to_go_on_with(tmp_path, values):
    """As tools leave a checkpoint that strip it of moments; and no message lists all that a network has."""
    released_weights.write(tmp_path, values, adam_slots=False, step=700)
    with pytest.raises(UserError, match="has no moments to go on with; leave out --keep_optimizer"):
        import_(tmp_path / "run", tf1=tmp_path, keep_optimizer=True)
    assert not (tmp_path / "other").exists()


def test_moments_and_step_that_begin_anew_are_the_trainers():
    weights = Electra(MICRO).named_variables()
    optimizer = AdamW(weights, MICRO.optimizer)
    expected = {**optimizer.moments, "global_step": optimizer.global_step}
    found = fresh_optimizer(weights)
    assert list(found) == list(expected)
    for name, variable in expected.items():
        assert found[name].dtype == variable.dtype and found[name].shape == variable.shape
        np.testing.assert_array_equal(found[name], variable)


def test_a_pair_is_read_from_safetensors_and_from_bin(pair, values):
    whole = read_pretrained(str(pair))
    assert set(whole.values) == set(values)
    assert all(np.array_equal(whole.values[name], values[name]) for name in values)
    assert whole.tokens == tuple(TOKENS) and whole.fields["model.num_attention_heads"] == 2
    for zipped in (True, False):
        for name in ("discriminator", "generator"):
            as_bin(pair / name, zipped)
        again = read_pair(str(pair / "discriminator"), str(pair / "generator"))
        assert set(again.values) == set(values) and again.fields == whole.fields
        assert all(np.array_equal(again.values[name], values[name]) for name in values)


def test_a_pair_in_shards_with_a_tokenizer_json_alone_is_the_same(pair, values):
    """As `transformers` 5 saves a model again."""
    for network, name in (("electra", "discriminator"), ("generator", "generator")):
        for path in (pair / name).iterdir():
            path.unlink()
        released_weights.transformers_model(values, network).save_pretrained(pair / name, max_shard_size="100KB")
        assert len([*(pair / name).glob("model-0*.safetensors")]) > 1
    (pair / "discriminator" / "tokenizer.json").write_text(WordPieceTokenizer(TOKENS, True, False).to_json())
    found = read_pretrained(str(pair))
    assert set(found.values) == set(values)
    assert all(np.array_equal(found.values[name], values[name]) for name in values)
    assert found.tokens == tuple(TOKENS) and found.strip_accents is False and found.fields["data.do_lower_case"] is True
    terms = pair / "terms.txt"
    terms.write_text("가나\n")
    import_(pair / "run", discriminator=pair / "discriminator", generator=pair / "generator", terms=terms)
    assert (pair / "run" / "vocab.txt").read_text().split("\n")[5] == "가나"
    shard = max((pair / "generator").glob("model-0*.safetensors"))
    shard.unlink()
    with pytest.raises(UserError, match=f"generator/model.safetensors.index.json: names {shard.name}, which does not lie"):
        read_pretrained(str(pair))


def test_the_generators_vocabulary_is_the_discriminators(tmp_path, pair):
    vocab = pair / "generator" / "vocab.txt"
    vocab.write_text(vocab.read_text().replace("가\n", "swapped\n", 1))
    message = "generator/vocab.txt: is not the vocabulary of .*discriminator/vocab.txt: id .* here"
    with pytest.raises(UserError, match=message):
        read_pretrained(str(pair))
    with pytest.raises(UserError, match=message):
        import_(tmp_path / "run", discriminator=pair / "discriminator", generator=pair / "generator")
    assert not (tmp_path / "run").exists()
    vocab.unlink()
    assert read_pretrained(str(pair)).tokens == tuple(TOKENS)


def test_the_vocabulary_of_an_exported_checkpoint_is_the_one_that_went_with_it(tmp_path, tf1):
    import_(tmp_path / "run", tf1=tf1[0])
    exported = tmp_path / "exported"
    export_tf1.export_tf1(export_tf1.parse_args(["--model_dir", str(tmp_path / "run"), "--output", str(exported)]))
    assert read_tf1(str(exported)).tokens == tuple(TOKENS)
    (exported / "vocab.txt").write_text("".join(f"{token}\n" for token in [*TOKENS[:-2], TOKENS[-1], TOKENS[-2]]))
    with pytest.raises(
        UserError, match="exported/vocab.txt: is not the file that export_tf1 wrote there, as .*export_tf1.json"
    ):
        import_(tmp_path / "again", tf1=exported)
    (exported / "vocab.txt").unlink()
    with pytest.raises(UserError, match="exported/vocab.txt: is missing, which export_tf1 wrote there"):
        import_(tmp_path / "again", tf1=exported)
    assert not (tmp_path / "again").exists()


def as_bin(folder, zipped):
    """As older releases of transformers saved it: with a buffer, and the word table twice in a generator."""
    path = folder / "model.safetensors"
    if path.exists():
        state = {name: torch.tensor(value) for name, value in load_file(path).items()}
        path.unlink()
    else:
        state = torch.load(folder / "pytorch_model.bin")
    state["electra.embeddings.position_ids"] = torch.arange(P)[None]
    if "generator_lm_head.bias" in state:
        state["generator_lm_head.weight"] = state["electra.embeddings.word_embeddings.weight"]
    torch.save(state, folder / "pytorch_model.bin", _use_new_zipfile_serialization=zipped)


def test_a_discriminator_alone_gets_a_fresh_generator(tmp_path, pair, values, capsys):
    written = import_(tmp_path / "run", discriminator=pair / "discriminator")
    said = capsys.readouterr().err
    assert "discriminator: has no generator; a fresh one is written, from training.seed = 0" in said
    assert f"is not read; to take it over, add --generator {pair / 'generator'}, or" in said
    found = bundle.read(written)
    fresh = Electra(load_config(str(tmp_path / "run" / "config.json"))).named_variables()
    for name, variable in fresh.items():
        expected = variable.numpy() if name.startswith("generator") else values[name]
        np.testing.assert_array_equal(found[name], expected)


def test_sizes_are_held_against_the_runs_config(tmp_path, pair):
    with pytest.raises(UserError, match=r"hidden_layers is 2 there, 12 in the config; .*vocab_size is 40 there, 35000 in"):
        import_(tmp_path / "run", discriminator=pair / "discriminator", config="base_v3")
    assert not (tmp_path / "run").exists()


def test_terms_leave_all_other_logits_as_they_are(tmp_path, tf1, values):
    terms = tmp_path / "terms.txt"
    terms.write_text("가나\n##다라\n하하\n파나마\n")
    import_(tmp_path / "old", tf1=tf1[0])
    import_(tmp_path / "new", tf1=tf1[0], terms=terms)
    tokens = (tmp_path / "new" / "vocab.txt").read_text().split()
    assert tokens == [*TOKENS[:5], "가나", "##다라", "하하", *TOKENS[8:], "파나마"]
    old, new = (our_logits(model_of(tmp_path / name)) for name in ("old", "new"))
    np.testing.assert_array_equal(new[0], old[0])
    np.testing.assert_allclose(new[1][..., 8:V], old[1][..., 8:], atol=1e-5, rtol=1e-5)
    found = bundle.read(listing.find(str(tmp_path / "new")))
    table = values["electra/embeddings/word_embeddings"]
    pieces = {5: ["가", "##나"], 6: ["##다", "##라"], 7: ["하", "##하"], V: ["파", "##나", "##마"]}
    for index, replaced in pieces.items():
        mean = np.mean([table[TOKENS.index(piece)] for piece in replaced], axis=0)
        np.testing.assert_allclose(found["electra/embeddings/word_embeddings"][index], mean, atol=1e-7)
        bias = np.mean([values["generator_predictions/output_bias"][TOKENS.index(piece)] for piece in replaced])
        np.testing.assert_allclose(found["generator_predictions/output_bias"][index], bias, atol=1e-7)


def test_longer_rows_leave_the_logits_of_short_ones_and_take_their_moments(tmp_path, tf1):
    import_(tmp_path / "old", tf1=tf1[1])
    import_(tmp_path / "new", tf1=tf1[1], max_position_embeddings=60, keep_optimizer=True)
    old, new = (our_logits(model_of(tmp_path / name)) for name in ("old", "new"))
    np.testing.assert_array_equal(new[0], old[0])
    np.testing.assert_array_equal(new[1], old[1])
    found = bundle.read(listing.find(str(tmp_path / "new")))
    for moment in ("", "/adam_m", "/adam_v"):
        rows = found[f"electra/embeddings/position_embeddings{moment}"]
        np.testing.assert_array_equal(rows, [rows[position % P] for position in range(60)])
        assert rows.any()


def test_what_is_no_term_or_no_extension_is_refused(tmp_path, tf1):
    terms = tmp_path / "terms.txt"
    wrong = {"두 낱말": "cut into 두 낱말", "코로나-19": "cut into 코로나 - 19", "\u1100\u1161": '"가" is a token'}
    for term, message in wrong.items():
        terms.write_text(term + "\n")
        with pytest.raises(UserError, match=f"terms.txt, line 1: .*{message}"):
            import_(tmp_path / "run", tf1=tf1[0], terms=terms)
    assert not (tmp_path / "run").exists()
    source = read_tf1(str(tf1[0]))
    with pytest.raises(UserError, match='"가" became "거" .1 such lines.; only .unusedN. may be replaced'):
        extend(source, ["거" if token == "가" else token for token in TOKENS])
    with pytest.raises(UserError, match="39 tokens instead of 40"):
        extend(source, TOKENS[:-1])


class Payload:
    """A pickle that runs a command when it is read."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


def poison(folder):
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"weight": Payload(folder / "executed")}))


def poison_in_zip(folder):
    (folder / "model.safetensors").unlink()
    torch.save({"weight": Payload(folder / "executed")}, folder / "pytorch_model.bin")


def truncate(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def no_file(folder):
    (folder / "model.safetensors").write_bytes(b"\xff" * 64)


def edit_weights(folder, change):
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors")


def edit_config(folder, **fields):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


QUERY, HEAD = "electra.encoder.layer.0.attention.self.query.weight", "discriminator_predictions.dense_prediction.weight"
DAMAGES = {
    "a pickle": (poison, "no file of tensors alone .*nothing in it was executed"),
    "a pickle in a zip": (poison_in_zip, "no file of tensors alone .*nothing in it was executed"),
    "truncated": (truncate, "model.safetensors: damaged or no safetensors file"),
    "no safetensors": (no_file, "model.safetensors: damaged or no safetensors file"),
    "nothing there": (lambda folder: (folder / "model.safetensors").unlink(), "holds none of model.safetensors, "),
    "NaN": (
        lambda folder: edit_weights(folder, lambda weights: weights[QUERY].__setitem__((0, 0), np.nan)),
        r"discriminator/model.safetensors: holds values that are not finite, in electra.encoder.layer.0.attention.self.query.w",
    ),
    "whole numbers": (
        lambda folder: edit_weights(folder, lambda weights: weights.update({QUERY: weights[QUERY].astype(np.int8)})),
        "discriminator/model.safetensors: holds int8 instead of float32, in electra.encoder.layer.0.attention.self.query.w",
    ),
    "a wrong shape": (
        lambda folder: edit_weights(folder, lambda weights: weights.update({QUERY: weights[QUERY][:, 1:].copy()})),
        r"query/kernel has shape \[127, 128\] instead of \[128, 128\]",
    ),
    "no head": (
        lambda folder: edit_weights(folder, lambda weights: weights.pop(HEAD)),
        "missing: discriminator_predictions/dense_1/kernel",
    ),
    "another head": (
        lambda folder: edit_weights(folder, lambda weights: weights.update({"classifier.dense.bias": np.ones(3, np.float32)})),
        "left over: classifier/dense/bias",
    ),
    "another activation": (lambda folder: edit_config(folder, hidden_act="gelu_new"), 'hidden_act = "gelu_new"; .*"gelu"'),
    "another model": (lambda folder: edit_config(folder, model_type="bert"), 'model_type = "bert"; .*"electra"'),
    "code of its own": (
        lambda folder: edit_config(folder, auto_map={"AutoModel": "../../evil.Model"}),
        "auto_map: .*code of its own, which is never run",
    ),
    "sizes that lie": (lambda folder: edit_config(folder, hidden_size=256), "hidden_size = 256, the weights have 128"),
    "sizes that are none": (lambda folder: edit_config(folder, hidden_size="../2"), "hidden_size = .*: must be a whole number"),
    "no JSON": (lambda folder: (folder / "config.json").write_text("{"), "config.json, line 1, column 2: not valid JSON"),
    "another vocabulary": (lambda folder: (folder / "vocab.txt").write_text("\n".join(TOKENS[:-1])), "39 tokens, .* 40 rows"),
}


def test_what_is_no_folder_of_weights_is_told_what_to_give(tmp_path, pair):
    def refused(message, **options):
        with pytest.raises(UserError, match=message):
            import_(tmp_path / "run", **options)

    network, file = pair / "discriminator", pair / "discriminator" / "config.json"
    refused("holds none of model.safetensors, .*; did you mean .*/discriminator[?]$", discriminator=pair)
    refused("holds none of model.safetensors, .*; did you mean .*/generator[?]$", discriminator=network, generator=pair)
    refused(f"^{pair / 'none'}: no such folder; give the discriminator's$", discriminator=pair / "none")
    refused(f"^{file}: is a file; give the generator's folder$", discriminator=network, generator=file)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "import.json").write_text("{}")
    refused("it is the folder of a run or an import: give what export_hf makes", discriminator=tmp_path / "other")


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_or_unsafe_models_are_refused_in_a_line(pair, damage):
    spoil, message = DAMAGES[damage]
    folder = pair / "discriminator"
    spoil(folder)
    with pytest.raises(UserError, match=message) as error:
        import_(pair / "run", discriminator=folder)
    assert "\n" not in str(error.value)
    assert not (folder / "executed").exists() and not (pair / "run").exists()


def test_generators_that_do_not_belong_are_refused(pair):
    folder = pair / "generator"
    edit_config(folder, num_attention_heads=4)
    with pytest.raises(UserError, match="num_attention_heads = 4; must be 1"):
        read_pretrained(str(pair))
    edit_config(folder, num_attention_heads=1)
    edit_weights(folder, lambda weights: weights.update({"electra.embeddings.LayerNorm.bias": np.ones(E, np.float32)}))
    with pytest.raises(UserError, match="do not share generator/embeddings/LayerNorm/beta"):
        read_pretrained(str(pair))


ROLES = {
    "swapped": ("generator", "discriminator", "generator is a generator and .*discriminator its discriminator; swap the two"),
    "two generators": ("generator", "generator", "generator: is a generator, where a discriminator is needed"),
    "two discriminators": ("discriminator", "discriminator", "discriminator: is a discriminator, where a generator is needed"),
    "a generator alone": ("generator", None, "generator: is a generator, where a discriminator is needed"),
}


@pytest.mark.parametrize("name", ROLES)
def test_networks_in_each_others_place_are_told_apart(pair, name):
    discriminator, generator, message = ROLES[name]
    given = {"generator": pair / generator} if generator else {}
    with pytest.raises(UserError, match=message):
        import_(pair / "run", discriminator=pair / discriminator, **given)


def test_swapped_folders_of_init_from_are_told(pair):
    (pair / "discriminator").rename(pair / "other")
    (pair / "generator").rename(pair / "discriminator")
    (pair / "other").rename(pair / "generator")
    with pytest.raises(UserError, match="swap the two"):
        read_pretrained(str(pair))


def test_names_in_other_files_are_never_followed(tmp_path, tf1, pair):
    """`checkpoint` names a bucket, the configs name paths: what is read lies in the folder itself."""
    secret = tmp_path / "secret.txt"
    secret.write_text("no vocabulary\n")
    edit_config(pair / "discriminator", _name_or_path=str(secret), tokenizer_file="../secret.txt")
    (pair / "discriminator" / "tokenizer_config.json").write_text(
        json.dumps({"vocab_file": str(secret), "do_lower_case": True})
    )
    found = read_pretrained(str(pair / "discriminator"))
    assert found.tokens == tuple(TOKENS) and found.fields["data.do_lower_case"] is True
    assert read_tf1(str(tf1[1])).origin == str(tf1[1] / "model.ckpt-700")


def test_a_damaged_tf1_checkpoint_is_refused(tmp_path, values):
    released_weights.write(tmp_path / "tf1", values, adam_slots=False, step=None)
    data = next((tmp_path / "tf1").glob("*.data*"))
    data.write_bytes(data.read_bytes()[:1000])
    with pytest.raises(UserError, match="model.ckpt-0: damaged checkpoint"):
        import_(tmp_path / "run", tf1=tmp_path / "tf1")
    with pytest.raises(UserError, match="none: no such checkpoint"):
        import_(tmp_path / "run", tf1=tmp_path / "none")
