"""Make a folder that a run starts from, of weights from elsewhere: config, vocabulary, and a checkpoint of step 0."""

import dataclasses
import logging
from collections.abc import Mapping

import tensorflow as tf

from electra_pretrain.checkpoint.bundle import save
from electra_pretrain.checkpoint.listing import prefix_of
from electra_pretrain.checkpoint.pretrained import Pretrained, assign, check_config, is_optimizer_value
from electra_pretrain.checkpoint.variables import to_host
from electra_pretrain.config.load import CONFIG_NAME, to_text
from electra_pretrain.config.schema import Config
from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.together import staged
from electra_pretrain.model.electra import Electra
from electra_pretrain.tokenization.wordpiece import FILE_NAME, vocab_text

_log = logging.getLogger(__name__)


def import_weights(pretrained: Pretrained, config: Config, output: str, keep_optimizer: bool, overwrite: bool = False) -> str:
    """Write config, vocabulary and checkpoint.

    Args:
        pretrained: the weights.
        config: of the run to come.
        output: the folder; the run's `--model_dir`.
        keep_optimizer: take over Adam's moments and the step; otherwise both begin anew.
        overwrite: replace files there that no import has made.

    Returns:
        The checkpoint's path without suffix.

    Raises:
        UserError: the weights are not of the config, or there are no moments to keep; or a file cannot be written.
    """
    check_config(pretrained, config)
    if keep_optimizer and not any(map(is_optimizer_value, pretrained.values)):
        raise UserError(f"{pretrained.origin}: has no moments to go on with; leave out --keep_optimizer")
    weights = Electra(config).named_variables()
    variables = {**weights, **fresh_optimizer(weights)}
    if not assign(pretrained, variables if keep_optimizer else weights):
        seed = config.training.seed
        _log.info("%s has no generator: a fresh one is written, from training.seed = %d", pretrained.origin, seed)
    config = dataclasses.replace(config, training=dataclasses.replace(config.training, init_from=""))
    _log.info("weights of %s; moments and step %s", pretrained.origin, "too" if keep_optimizer else "begin anew")
    # Without the checkpoint's index the folder holds no import.
    with staged(output, "import_checkpoint", [r".*\.index"], overwrite) as staging:
        files.write_text(files.join(staging, CONFIG_NAME), to_text(config))
        if pretrained.tokens is None:
            _log.warning("the source has no vocab.txt: that the records' vocabulary is the right one cannot be checked")
        else:
            files.write_text(files.join(staging, FILE_NAME), vocab_text(pretrained.tokens))
        step = int(variables["global_step"].numpy())
        save(staging, step, to_host(variables), keep=1)
    return prefix_of(output, step)


def fresh_optimizer(weights: Mapping[str, tf.Variable]) -> dict[str, tf.Variable]:
    """Return what a checkpoint holds of an optimiser that has not made a step: moments of 0 and `global_step`."""
    moments = {
        f"{name}/{moment}": tf.Variable(tf.zeros(weight.shape))
        for name, weight in weights.items()
        for moment in ("adam_m", "adam_v")
    }
    return {**moments, "global_step": tf.Variable(0, dtype=tf.int64)}
