"""The shipped recipes against the published table: sizes, settings, parameters; and each of them trains."""

import dataclasses
import re

import numpy as np
import pytest
import tensorflow as tf

from electra_pretrain.config.load import differences, load_config
from electra_pretrain.config.schema import Config
from electra_pretrain.convert.names import discriminator_names, generator_names
from electra_pretrain.core import shipped
from electra_pretrain.core.batch import Batch, SpecialIds
from electra_pretrain.model.electra import Electra
from electra_pretrain.model.encoder import generator_sizes
from electra_pretrain.model.layers import Initializer
from electra_pretrain.train.trainer import Trainer
from tests.conftest import ROOT, changed

PAGE = ROOT / "docs" / "configs.md"

# layers, embedding, hidden, intermediate, heads
SIZES = {
    "small": (12, 128, 256, 1024, 4),
    "base": (12, 768, 768, 3072, 12),
    "large": (24, 1024, 1024, 4096, 16),
    "ALBERT base": (12, 128, 768, 3072, 12),
}
THIRD, WHOLE, QUARTER = (256, 1024, 4), (256, 1024, 4), (64, 256, 1)  # generators: hidden, intermediate, heads
# size, vocabulary, lower case, batch, steps, rate, length, generator
RECIPES = {
    "base_v1": ("base", 32200, False, 256, 700_000, 2e-4, 512, THIRD),
    "base_v2": ("base", 32200, False, 256, 700_000, 2e-4, 512, THIRD),
    "base_v3": ("base", 35000, False, 256, 1_500_000, 2e-4, 512, THIRD),
    "small_v1": ("small", 32200, False, 512, 300_000, 5e-4, 512, WHOLE),
    "small_v2": ("small", 32200, False, 512, 300_000, 5e-4, 512, WHOLE),
    "small_v3": ("small", 35000, False, 512, 800_000, 5e-4, 512, WHOLE),
    "kcelectra_base": ("base", 50135, False, 256, 848_000, 2e-4, 512, THIRD),
    "kcelectra_base_v2022": ("base", 54343, False, 256, 848_000, 2e-4, 512, THIRD),
    "lmkor_electra_base": ("base", 42000, True, 256, 1_000_000, 2e-4, 512, THIRD),
    "lmkor_bert_base": ("base", 42000, True, 256, 1_900_000, 1e-4, 512, None),
    "lmkor_albert_base": ("ALBERT base", 42000, True, 1024, 900_000, 5e-4, 256, None),
    "chinese_small": ("small", 21128, True, 1024, 1_000_000, 5e-4, 512, QUARTER),
    "chinese_base": ("base", 21128, True, 256, 1_000_000, 2e-4, 512, THIRD),
    "google_small_owt": ("small", 30522, True, 128, 1_000_000, 5e-4, 128, QUARTER),
    "google_small": ("small", 30522, True, 128, 4_000_000, 5e-4, 512, WHOLE),
    "google_base": ("base", 30522, True, 256, 766_000, 2e-4, 512, THIRD),
    "google_large": ("large", 30522, True, 2048, 1_750_000, 2e-4, 512, (256, 1024, 4)),
}
# layers, vocabulary, batch, steps, the teacher's layers; the rest is DistilKoBERT's.
STUDENTS = {
    "distil_kobert": (3, 8002, 8000, 1200, (1, 5, 9)),
    "distil_koelectra_base_v3_3": (3, 35000, 256, 100_000, (1, 5, 9)),
    "distil_koelectra_base_v3_6": (6, 35000, 256, 100_000, (0, 2, 4, 6, 8, 10)),
}
# Ours -> what each is, but for one field.
OURS = {"small_v4": "small_v3", "base_v4": "base_v3"}
# The discriminator in millions, or the only network, as the authors give it.
PUBLISHED_MILLIONS = {
    "base_v3": 113,
    "small_v3": 14,
    "chinese_small": 12,
    "chinese_base": 102,
    "google_small_owt": 14,
    "google_small": 14,
    "google_base": 110,
    "google_large": 335,
}


def test_every_recipe_is_in_the_table():
    names = {path.stem for path in shipped.folder("configs").glob("*.json")}
    assert names == {*RECIPES, *STUDENTS, *OURS, "tiny"} == set(documented())


@pytest.mark.parametrize("name", STUDENTS)
def test_settings_of_students(name):
    config = load_config(name)
    model, training, distillation = config.model, config.training, config.distillation
    found = (model.num_hidden_layers, config.data.vocab_size, training.train_batch_size, training.num_train_steps)
    assert (*found, distillation.layers) == STUDENTS[name]
    assert (model.embedding_size, model.hidden_size, model.intermediate_size, model.num_attention_heads) == SIZES["base"][1:]
    assert (distillation.temperature, config.optimizer.learning_rate, distillation.teacher) == (2.0, 5e-4, "")
    is_bert = name == "distil_kobert"
    weights = (distillation.alpha_ce, distillation.alpha_mlm, distillation.alpha_cos, distillation.alpha_disc)
    assert weights == ((0.33, 0.33, 0.33, 0.0) if is_bert else (0.33, 0.0, 0.33, 0.33))
    objective = (config.objective.electra_objective, config.objective.mask_token_prob, config.objective.random_token_prob)
    assert objective == ((False, 0.8, 0.1) if is_bert else (True, 0.85, 0.0))
    assert (distillation.mlm_smoothing, distillation.freeze_position_embeddings) == ((0.7, True) if is_bert else (0.0, False))
    assert model.type_vocab_size == (0 if is_bert else 2)


@pytest.mark.parametrize("name", RECIPES)
def test_published_settings(name):
    size, vocab_size, lower, batch, steps, rate, length, generator = RECIPES[name]
    config = load_config(name)
    model, data, training = config.model, config.data, config.training
    sizes = ("num_hidden_layers", "embedding_size", "hidden_size", "intermediate_size", "num_attention_heads")
    assert tuple(getattr(model, field) for field in sizes) == SIZES[size]
    assert (data.vocab_size, data.do_lower_case, data.max_seq_length) == (vocab_size, lower, length)
    assert (training.train_batch_size, training.num_train_steps) == (batch, steps)
    assert (config.optimizer.learning_rate, config.optimizer.num_warmup_steps) == (rate, 10000)
    assert config.objective.mask_prob == (0.25 if size == "large" else 0.15)
    assert config.objective.electra_objective == (generator is not None)
    assert model.num_hidden_groups == (1 if size == "ALBERT base" else 0)
    if generator is not None:
        derived = generator_sizes(config)
        assert (derived.hidden_size, derived.intermediate_size, derived.num_attention_heads) == generator
        assert (derived.num_hidden_layers, derived.embedding_size) == (model.num_hidden_layers, model.embedding_size)


@pytest.mark.parametrize("name", OURS)
def test_ours_are_a_published_recipe_with_one_thing_changed(name):
    changes = differences(load_config(OURS[name]), load_config(name))
    assert changes == {"objective.embedding_sharing": ("tied", "gradient_disentangled")}


@pytest.mark.parametrize("name", [*RECIPES, *STUDENTS, *OURS])
def test_notes_say_what_is_reproduced_and_what_was_published(name):
    notes = load_config(name).notes
    assert notes.startswith(("Reproduces ", "After ", "Ours, not published: "))
    for part in ("ublish", "Batch: ", "Hardware: ", "ime: ", "Published scores"):
        assert part in notes, part


def documented() -> dict[str, tuple[int, int | None]]:
    """Config -> parameters of discriminator (or only network) and generator, as docs/configs.md gives them."""
    rows = re.findall(r"^\| `(\w+)\.json` \|.*\| ([\d,]+) \| ([\d,]+|–) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    numbers = {name: tuple(None if each == "–" else int(each.replace(",", "")) for each in found) for name, *found in rows}
    assert len(numbers) == len(rows)
    return numbers


def num_parameters(config: Config) -> tuple[int, int | None]:
    """Of the model itself, in a graph: nothing is computed, so that its full width costs nothing."""
    with tf.Graph().as_default():
        counts = {name: variable.shape.num_elements() for name, variable in Electra(config).named_variables().items()}
    if not config.objective.has_discriminator or config.distillation is not None:
        return sum(counts.values()), None
    return tuple(sum(counts[name] for name in names(list(counts))) for names in (discriminator_names, generator_names))


@pytest.mark.parametrize("name", [*RECIPES, *STUDENTS, *OURS, "tiny"])
def test_parameters_to_the_digit(name, monkeypatch):
    monkeypatch.setattr(Initializer, "_uniform", lambda self, name, shape: tf.zeros(shape))
    config = load_config(name)
    # Blocks are alike, so that two depths tell the third.
    one, two = (num_parameters(changed(config, model={"num_hidden_layers": depth})) for depth in (1, 2))
    blocks = config.model.num_hidden_layers - 1
    found = tuple(None if a is None else a + blocks * (b - a) for a, b in zip(one, two, strict=True))
    assert found == documented()[name]
    if name in PUBLISHED_MILLIONS:
        # To the last digit that was published: Google's 13.5 are its 14, and 109.5 its 110.
        assert abs(found[0] / 1e6 - PUBLISHED_MILLIONS[name]) < 0.6


def shrunken(config: Config) -> Config:
    """The recipe with few, narrow blocks in float32; what sets its networks and losses apart from others is left."""
    model = config.model
    wide = model.embedding_size == model.hidden_size
    return dataclasses.replace(
        changed(
            config,
            model={
                "num_hidden_layers": 2 if model.num_hidden_groups else 1,
                "hidden_size": 48,
                "embedding_size": 48 if wide else 24,
                "intermediate_size": 96,
                "num_attention_heads": 2,
                "max_position_embeddings": 16,
                "hidden_dropout_prob": 0.0,
                "attention_probs_dropout_prob": 0.0,
            },
            optimizer={"learning_rate": 1.0, "num_warmup_steps": 0},
            training={"train_batch_size": 4, "num_train_steps": 2, "compute_dtype": "float32"},
            data={"vocab_size": 40, "max_seq_length": 16, "do_lower_case": False},
        ),
        notes="",
    )


SHAPES = {repr(shrunken(load_config(name))): name for name in [*RECIPES, *OURS, "tiny"]}


@pytest.mark.parametrize("name", SHAPES.values())
def test_one_step_of_each_kind_of_recipe(name, monkeypatch):
    # As on a GPU: nothing is compiled, which would take longer than all the rest.
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: [f"{kind}:0"])
    config = shrunken(load_config(name))
    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    trainer = Trainer(config, SpecialIds(0, 1, 2, 3, 4), strategy)
    ids = np.random.default_rng(0).integers(5, 40, (4, 16)).astype(np.int32)
    ids[:, 0], ids[:, -1] = 2, 3
    batch = Batch(*(tf.constant(value) for value in (ids, np.ones_like(ids), np.zeros_like(ids), np.arange(4, dtype=np.int32))))
    before = {key: variable.numpy() for key, variable in trainer.model.named_variables().items()}
    sums = strategy.run(trainer.update, args=(batch,))
    assert float(sums["nonfinite_steps"]) == 0 and float(sums["grad_norm"]) > 0
    unmoved = [key for key, variable in trainer.model.named_variables().items() if np.array_equal(before[key], variable)]
    assert unmoved == []
