"""A source's positions are copied end to end for longer rows; what was there stays, bit for bit."""

import numpy as np
import pytest

from electra_pretrain import import_checkpoint
from electra_pretrain.checkpoint.pretrained import Pretrained, check_config
from electra_pretrain.convert.positions import as_long_as, extend_positions
from electra_pretrain.convert.source_config import derive_config
from electra_pretrain.core.errors import UserError
from tests.conftest import MICRO, changed

RNG = np.random.default_rng(5)
TABLES = [f"{network}/embeddings/position_embeddings" for network in ("electra", "generator")]
OTHERS = {
    "electra/embeddings/word_embeddings": RNG.normal(size=[32, 3]),
    "electra/embeddings/token_type_embeddings": RNG.normal(size=[2, 3]),
    "electra/embeddings/LayerNorm/gamma": RNG.normal(size=[3]),
    "global_step": np.int64(7),
}
VALUES = {f"{table}{moment}": RNG.normal(size=[32, 3]) for table in TABLES for moment in ("", "/adam_m", "/adam_v")}
STATED = ("num_hidden_layers", "hidden_size", "max_position_embeddings")
SIZES = {f"model.{name}": getattr(MICRO.model, name) for name in STATED}
SOURCE = Pretrained("x", {**VALUES, **OTHERS}, SIZES, None)


@pytest.mark.parametrize("count", [33, 64, 75])
def test_position_p_starts_as_position_p_mod_n(count, caplog):
    found = extend_positions(SOURCE, count)
    for name, value in VALUES.items():
        for position in range(count):
            np.testing.assert_array_equal(found.values[name][position], value[position % 32])
        assert found.values[name].shape == (count, 3)
    assert all(found.values[name] is value for name, value in OTHERS.items())
    assert f"positions 32 to {count - 1} are new: position p starts as position p mod 32" in caplog.text


def test_it_goes_by_the_config_and_leaves_alone_what_is_long_enough():
    longer = changed(MICRO, model={"max_position_embeddings": 48})
    found = as_long_as(SOURCE, longer)
    assert found.values[TABLES[0]].shape == (48, 3)
    check_config(found, longer)
    for same in (MICRO, changed(MICRO, model={"max_position_embeddings": 16}, data={"max_seq_length": 16})):
        assert as_long_as(SOURCE, same) is SOURCE
    with pytest.raises(UserError, match="model.max_position_embeddings is 32 there, 16 in the config"):
        check_config(SOURCE, same)


def test_a_derived_config_asks_for_rows_of_the_new_length():
    config = derive_config(extend_positions(SOURCE, 600))
    assert config.model.max_position_embeddings == config.data.max_seq_length == 600


def test_as_many_as_there_are_is_refused():
    with pytest.raises(UserError, match="--max_position_embeddings 32: x: 32 positions are there already; leave it out"):
        extend_positions(SOURCE, 32)


def test_with_a_config_the_config_says_it(tmp_path):
    words = ["--tf1", "x", "--config", "tiny", "--max_position_embeddings", "256", "--output", str(tmp_path / "out")]
    with pytest.raises(UserError, match="is for an import without --config; .* --set model.max_position_embeddings=256"):
        import_checkpoint.import_checkpoint(import_checkpoint.parse_args(words))
