"""Make a folder of weights from elsewhere, to be exported or trained on: config, vocabulary, and a checkpoint of step 0."""

import dataclasses
import logging
from collections.abc import Mapping

import tensorflow as tf

from electra_pretrain.checkpoint.belonging import assign
from electra_pretrain.checkpoint.bundle import save
from electra_pretrain.checkpoint.imported import Imported, save_import
from electra_pretrain.checkpoint.listing import prefix_of
from electra_pretrain.checkpoint.names import is_moment
from electra_pretrain.checkpoint.pretrained import Pretrained, check_config
from electra_pretrain.checkpoint.unseen import Unseen
from electra_pretrain.checkpoint.variables import to_host
from electra_pretrain.checkpoint.vocabulary import Noted
from electra_pretrain.config.load import CONFIG_NAME, to_text
from electra_pretrain.config.schema import Config
from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.together import staged
from electra_pretrain.model.electra import Electra
from electra_pretrain.tokenization import provenance
from electra_pretrain.tokenization.accents import were_stripped
from electra_pretrain.tokenization.tokenizer import file_name
from electra_pretrain.tokenization.wordpiece import TYPE

_log = logging.getLogger(__name__)


def import_weights(pretrained: Pretrained, config: Config, output: str, keep_optimizer: bool, overwrite: bool = False) -> str:
    """Write config, vocabulary, where they are from, and checkpoint.

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
    if keep_optimizer and not any(map(is_moment, pretrained.values)):
        raise UserError(f"{pretrained.origin}: has no moments to go on with; leave out --keep_optimizer")
    weights = Electra(config).named_variables()
    variables = {**weights, **fresh_optimizer(weights)}
    whole = assign(pretrained, variables if keep_optimizer else weights)
    if not whole:
        seed = config.training.seed
        _log.info("%s: has no generator; a fresh one is written, from training.seed = %d", pretrained.origin, seed)
    config = dataclasses.replace(config, training=dataclasses.replace(config.training, init_from="", init_moments=False))
    step = int(variables["global_step"].numpy())
    # Without the checkpoint's index the folder holds no import.
    with staged(output, "import_checkpoint", [r".*\.index"], overwrite) as staging:
        files.write_text(files.join(staging, CONFIG_NAME), to_text(config))
        vocabulary = _write_vocabulary(staging, pretrained, config.data.do_lower_case)
        save_import(staging, Imported(pretrained.origin, step, whole, vocabulary, Unseen(config.model.num_attention_heads)))
        _log.info("weights of %s; moments and step %s", pretrained.origin, "too" if keep_optimizer else "begin anew")
        save(staging, step, to_host(variables), keep=1)
    return prefix_of(output, step)


def _write_vocabulary(output: str, pretrained: Pretrained, do_lower_case: bool) -> Noted | None:
    """Write the source's vocabulary, and beside it its case, which build_data goes by; return what tells it from others."""
    vocabulary = pretrained.vocabulary
    if vocabulary is None or vocabulary.content is None or vocabulary.sha256 is None:
        what = "no vocabulary" if vocabulary is None else f"a vocabulary in {vocabulary.path} alone, and it is no WordPiece"
        _log.warning("the source has %s: it cannot be exported, nor its vocabulary held against that of records", what)
        return None
    strip_accents = strips_accents(pretrained, do_lower_case)
    noted = Noted(vocabulary.type, vocabulary.sha256, len(vocabulary.tokens), do_lower_case, strip_accents)
    about = {
        "type": noted.type,
        "tokens": noted.size,
        "do_lower_case": do_lower_case,
        "strip_accents": strip_accents,
        "imported_from": pretrained.origin,
    }
    provenance.save(files.join(output, file_name(noted.type)), vocabulary.content, about)
    return noted


def strips_accents(pretrained: Pretrained, do_lower_case: bool) -> bool:
    """Tell whether accents are taken off the text of a source: as it says; else told by case and vocabulary.

    The released code strips them where it lower-cases. Then no token holds one, nor a syllable of Hangul. With SentencePiece
    they stay.
    """
    if pretrained.vocabulary is not None and pretrained.vocabulary.type != TYPE:
        return False
    if pretrained.strip_accents is not None:
        return pretrained.strip_accents
    return do_lower_case and were_stripped(pretrained.tokens)


def fresh_optimizer(weights: Mapping[str, tf.Variable]) -> dict[str, tf.Variable]:
    """Return what a checkpoint holds of an optimiser that has not made a step: moments of 0 and `global_step`."""
    moments = {
        f"{name}/{moment}": tf.Variable(tf.zeros(weight.shape))
        for name, weight in weights.items()
        for moment in ("adam_m", "adam_v")
    }
    return {**moments, "global_step": tf.Variable(0, dtype=tf.int64)}
