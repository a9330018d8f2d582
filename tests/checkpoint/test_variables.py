"""A run goes on from the newest checkpoint that can be trusted."""

import numpy as np
import pytest
import tensorflow as tf

from electra_pretrain.checkpoint.bundle import DamagedCheckpoint, write
from electra_pretrain.checkpoint.listing import prefix_of
from electra_pretrain.checkpoint.variables import restore_newest


def checkpoint(folder, step, weight):
    write(prefix_of(str(folder), step), {"weight": np.float32([weight, 1]), "global_step": np.int64(step)})


def variables():
    return {"weight": tf.Variable([0.0, 0.0]), "global_step": tf.Variable(0, dtype=tf.int64)}


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_not_gone_on_from(tmp_path, bad):
    checkpoint(tmp_path, 10, 0.5)
    checkpoint(tmp_path, 20, bad)
    found = variables()
    assert restore_newest(str(tmp_path), found)
    assert found["weight"].numpy()[0] == 0.5 and found["global_step"].numpy() == 10
    checkpoint(tmp_path, 10, bad)
    with pytest.raises(DamagedCheckpoint, match=r"model.ckpt-10: holds values that are not finite, in weight"):
        restore_newest(str(tmp_path), variables())
