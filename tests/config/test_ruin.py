"""Values that a config may have, and that hardly anyone means: told with the way out; never of a config that ships."""

import glob
import os

import pytest

from electra_pretrain.config.load import load_config
from electra_pretrain.config.ruin import FACTS
from electra_pretrain.core.finding import Level, tell
from tests.conftest import MICRO, ROOT, changed

SHIPPED = [os.path.basename(path) for path in sorted(glob.glob(str(ROOT / "configs" / "*.json")))]
PLAIN = load_config("base_v3.json")


def told(config=PLAIN, **sections):
    return [(finding.level, finding.text) for finding in tell(FACTS, changed(config, **sections))]


@pytest.mark.parametrize("name", SHIPPED)
def test_of_a_config_that_ships_nothing_is_told(name):
    assert told(load_config(name)) == []


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"optimizer": {"learning_rate": 5e-5, "num_warmup_steps": 2000}, "training": {"num_train_steps": 20000}},
        {"optimizer": {"num_warmup_steps": 50}, "training": {"num_train_steps": 500}},
        {"optimizer": {"learning_rate": 0.01}},
        {"objective": {"uniform_generator": True, "gen_weight": 0.0}},
        {"objective": {"electra_objective": False, "disc_weight": 0.0}},
        {"objective": {"gen_weight": 0.02, "disc_weight": 1.0}},
        {"training": {"keep_every_steps": 100_000}},
        # moments that do not begin at zero; a rate that no weight learns with
        {"optimizer": {"num_warmup_steps": 0}, "training": {"init_from": "elsewhere", "init_moments": True}},
        {
            "objective": {"embedding_sharing": "untied"},
            "optimizer": {"learning_rate": 1.0, "generator_learning_rate": 2e-4, "discriminator_learning_rate": 3e-4},
        },
        {"training": {"save_checkpoints_steps": 100_000, "num_train_steps": 50_000}},
    ],
)
def test_of_what_may_be_meant_nothing_is_told(sections):
    assert told(**sections) == [] and told(MICRO) == []


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"objective": {"gen_weight": 0.0, "disc_weight": 0.0}}, "no network that is trained has a loss"),
        ({"objective": {"electra_objective": False, "gen_weight": 0.0}}, "no network that is trained has a loss"),
        ({"objective": {"uniform_generator": True, "disc_weight": 0.0}}, "no network that is trained has a loss"),
        ({"optimizer": {"learning_rate": 1.0}}, "learning_rate = 1: Adam moves each weight by about so much"),
        ({"optimizer": {"learning_rate": 0.1}}, "published models had 0.0002 (base) and 0.0005 (small)"),
        ({"optimizer": {"generator_learning_rate": 1.0}}, "optimizer.generator_learning_rate = 1: Adam moves each"),
    ],
)
def test_of_what_nothing_can_come_a_run_is_refused(sections, said):
    ((level, text),) = told(**sections)
    assert level is Level.FAILURE and said in text


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        (
            {"objective": {"mask_prob": 0.3, "mask_prob_end": 0.15}, "training": {"init_from": "there", "init_moments": True}},
            "the share of masks begins at objective.mask_prob = 0.3 again",
        ),
        ({"objective": {"disc_weight": 0.0}}, "one of the two networks learns little or nothing"),
        ({"objective": {"gen_weight": 0.0}}, "one of the two networks learns little or nothing"),
        ({"objective": {"disc_weight": 50_000.0}}, "disc_weight = 50000: one of"),
        ({"optimizer": {"learning_rate": 0.02}}, "learning_rate = 0.02: Adam moves each weight"),
        ({"optimizer": {"generator_learning_rate": 0.02}}, "optimizer.generator_learning_rate = 0.02: Adam moves each weight"),
        (
            {"optimizer": {"learning_rate": 0.02, "discriminator_learning_rate": 0.03}},
            "optimizer.learning_rate = 0.02, optimizer.discriminator_learning_rate = 0.03: Adam moves each weight",
        ),
        ({"optimizer": {"learning_rate": 2e-8}}, "learning_rate = 2e-08: weights hardly move"),
        ({"optimizer": {"discriminator_learning_rate": 2e-8}}, "discriminator_learning_rate = 2e-08: weights hardly move"),
        ({"optimizer": {"num_warmup_steps": 0}}, "num_warmup_steps = 0: Adam's moments begin at zero"),
        (
            {"optimizer": {"num_warmup_steps": 5000}, "training": {"num_train_steps": 100}},
            "num_warmup_steps = 5,000 of training.num_train_steps = 100: ",
        ),
        ({"objective": {"mask_prob": 0.9}}, "objective.mask_prob = 0.9 (released: 0.15): far from all that was published"),
        ({"objective": {"mask_prob": 0.01}}, "objective.mask_prob = 0.01 (released: 0.15): far"),
        ({"objective": {"temperature": 100.0}}, "objective.temperature = 100 (released: 1): far"),
        ({"model": {"hidden_dropout_prob": 0.9}}, "model.hidden_dropout_prob = 0.9 (released: 0.1): far"),
        (
            {"optimizer": {"adam_epsilon": 1.0, "adam_beta_2": 0.0}},
            "optimizer.adam_beta_2 = 0 (released: 0.999); optimizer.adam_epsilon = 1 (released: 1e-06): far",
        ),
        ({"training": {"save_checkpoints_steps": 100_000}}, "a crash loses up to 100,000 steps"),
        ({"training": {"keep_every_steps": 25_000}}, "only checkpoints of every 50,000 steps are kept"),
    ],
)
def test_what_is_hardly_meant_is_told(sections, said):
    ((level, text),) = told(**sections)
    assert level is Level.WARNING and said in text
