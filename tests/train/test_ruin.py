"""What config, records and weights together would make of a run is told before it starts; of a published recipe nothing is."""

import dataclasses

import pytest

from electra_pretrain.checkpoint.pretrained import Pretrained
from electra_pretrain.config import ruin as of_config
from electra_pretrain.config.load import load_config
from electra_pretrain.config.schema import PhaseConfig
from electra_pretrain.core.finding import Level, collect
from electra_pretrain.records import ruin as of_records
from electra_pretrain.records.manifest import Shard
from electra_pretrain.train import ruin
from electra_pretrain.train.input import Source
from electra_pretrain.train.ruin import check_plan
from electra_pretrain.train.start import Start
from tests.config.test_ruin import SHIPPED
from tests.conftest import MICRO, ROOT, changed
from tests.support.manifests import whole

# Tokens of the text that each was published with; where gigabytes are all that is known, at v2's 5.4 bytes a token.
TOKENS = {
    **dict.fromkeys(("base_v1", "base_v2", "small_v1", "small_v2"), 2.6e9),
    **dict.fromkeys(
        ("base_v3", "small_v3", "base_v4", "small_v4", "distil_koelectra_base_v3_3", "distil_koelectra_base_v3_6"), 6.3e9
    ),
    **dict.fromkeys(("chinese_base", "chinese_small"), 5.4e9),
    **dict.fromkeys(("google_base", "google_small"), 3.3e9),
    "google_small_owt": 38e9 / 5.4,
    "google_large": 33e9,
    "kcelectra_base": 17.3e9 / 5.4,
    "kcelectra_base_v2022": 45e9 / 5.4,
    **dict.fromkeys(("lmkor_electra_base", "lmkor_bert_base", "lmkor_albert_base"), 12.7e9),
    "distil_kobert": 1.7e9,
    "tiny": 3665 * 29.5,  # the sample corpus, as quickstart reads it
}


def told(config, manifest, model_dir="run", pretrained=None, hosts=1):
    sources = [Source("data", manifest) for _ in config.all_phases()]
    found = collect(check_plan(Start(config, sources, str(model_dir), pretrained), hosts))
    return [(finding.level, finding.text) for finding in found]


@pytest.mark.parametrize("name", SHIPPED)
def test_of_a_published_recipe_on_its_text_nothing_is_told(name, tmp_path):
    config = load_config(name)
    examples = int(TOKENS[name.removesuffix(".json")] / (config.data.max_seq_length - 2.5))
    heldout = examples // (20 if name == "tiny.json" else 100)
    assert told(config, whole(examples - heldout, heldout, config.data.max_seq_length), tmp_path) == []


WEIGHTS = Pretrained("elsewhere", {}, {}, None)
BASE, SMALL = load_config("base_v3.json"), load_config("small_v3.json")
MANY = whole(5_000_000, 50_000, 512)
LONG = changed(MICRO, optimizer={"num_warmup_steps": 2000})


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (BASE, "learning_rate = 0.0002 on trained weights: pretraining from nothing has 0.0002 for this size"),
        (changed(BASE, optimizer={"learning_rate": 1.1e-4}), "begin with 5e-05"),
        (SMALL, "learning_rate = 0.0005 on trained weights: pretraining from nothing has 0.0005 for this size"),
    ],
)
def test_a_rate_that_undoes_what_weights_have_learnt(config, said, tmp_path):
    ((level, text),) = told(config, MANY, tmp_path, WEIGHTS)
    assert level is Level.WARNING and said in text
    assert told(changed(config, optimizer={"learning_rate": 1e-4}), MANY, tmp_path, WEIGHTS) == []


def test_with_its_moments_a_source_goes_on_at_its_rate_and_a_networks_own_rate_is_looked_at(tmp_path):
    own = changed(BASE, optimizer={"learning_rate": 1e-5, "discriminator_learning_rate": 2e-4})
    ((_, text),) = told(own, MANY, tmp_path, WEIGHTS)
    assert text.startswith("optimizer.discriminator_learning_rate = 0.0002 on trained weights: ")
    taken = {"init_from": "elsewhere", "init_moments": True}
    for config in (BASE, changed(BASE, optimizer={"num_warmup_steps": 0}), own):
        assert told(changed(config, training=taken), MANY, tmp_path, WEIGHTS) == []


def test_a_rate_of_1_without_warm_up_on_trained_weights_is_refused(tmp_path):
    config = changed(BASE, optimizer={"learning_rate": 1.0, "num_warmup_steps": 0})
    (level, text), (_, warmup) = told(config, MANY, tmp_path, WEIGHTS)
    assert level is Level.FAILURE and "learning_rate = 1: " in text and "num_warmup_steps = 0: " in warmup


def test_an_import_is_trained_weights_until_the_run_has_begun(tmp_path):
    (tmp_path / "config.json").write_text("{}")

    def checkpoint(step):
        for suffix in ("index", "data-00000-of-00001"):
            (tmp_path / f"model.ckpt-{step}.{suffix}").touch()

    checkpoint(0)
    assert "on trained weights" in told(BASE, MANY, tmp_path)[0][1]
    checkpoint(1000)  # taken over with its moments
    assert told(BASE, MANY, tmp_path) == []


@pytest.mark.parametrize(
    ("config", "manifest", "said"),
    [
        # Fifty sentences for a batch of 256.
        (
            changed(MICRO, training={"train_batch_size": 256}),
            whole(50, 20, 32),
            "data: training rows: 50 for batches of 256, so that each batch holds some several times; ",
        ),
        (changed(LONG, training={"num_train_steps": 300_000}), whole(), "data: the text is read 240 times; "),
        (changed(LONG, training={"num_train_steps": 30_000}), whole(dupe_factor=10), "data: the text is read 240 times; "),
        (MICRO, whole(heldout_examples=0, heldout_fraction=0.0), "data: no held-out records, so nothing will tell"),
        (
            changed(MICRO, training={"save_checkpoints_steps": 1}),
            whole(),
            "save_checkpoints_steps = 1: 16 held-out rows are scored after so few steps",
        ),
        (MICRO, whole(heldout_examples=1), "data: only one row is held out"),
    ],
)
def test_what_config_and_records_together_would_ruin(config, manifest, said, tmp_path):
    ((level, text),) = told(config, manifest, tmp_path)
    assert level is Level.WARNING and said in text


def test_of_a_small_run_nothing_is_told(tmp_path):
    assert told(MICRO, whole(), tmp_path) == []
    no_evaluation = changed(MICRO, training={"num_eval_steps": 0})
    assert told(no_evaluation, whole(heldout_examples=0, heldout_fraction=0.0), tmp_path) == []


def test_workers_without_a_shard(tmp_path):
    ((level, text),) = told(MICRO, whole(), tmp_path, hosts=2)
    assert level is Level.FAILURE and text.startswith("data: training shards: 1 for 2 workers, each of which needs its own; ")
    two = tuple(Shard(f"train-{number}", 5000, 10**9, "") for number in range(2))
    assert told(MICRO, whole(train_shards=two), tmp_path, hosts=2) == []


def test_records_of_two_phases_are_told_of_once_and_each_phases_rate(tmp_path):
    phases = (PhaseConfig(until_step=3, learning_rate=0.05),)
    config = dataclasses.replace(MICRO, phases=phases)
    (_, unknown), (_, rate) = told(config, whole(unk_rate=0.1), tmp_path)
    assert "10% of the tokens are [UNK]" in unknown and "learning_rate = 0.05" in rate


def test_the_page_shows_the_tables():
    facts = [*of_records.FACTS, *of_config.FACTS, *ruin.FACTS]
    rows = [f"| {fact.told} | {'refused' if fact.level is Level.FAILURE else 'warned of'} | {fact.reason} |" for fact in facts]
    page = (ROOT / "docs" / "pretraining.md").read_text(encoding="utf-8")
    assert "| told of | | why |\n|---|---|---|\n" + "\n".join(rows) + "\n\n" in page, "\n".join(rows)
