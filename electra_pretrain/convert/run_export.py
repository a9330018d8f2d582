"""Export what a run's folder holds: as Hugging Face directories, or as a checkpoint of the released TensorFlow 1 code."""

import logging
import os
from collections.abc import Mapping

import numpy as np

from electra_pretrain.checkpoint.average import read_mean
from electra_pretrain.checkpoint.bundle import read
from electra_pretrain.checkpoint.listing import find
from electra_pretrain.checkpoint.pretrained import is_loss_scale
from electra_pretrain.config.load import CONFIG_NAME, load_config
from electra_pretrain.config.schema import Config
from electra_pretrain.convert.demonstration import card_examples
from electra_pretrain.convert.hf_export import no_generator_because, write_hugging_face
from electra_pretrain.convert.model_card import CardFacts
from electra_pretrain.convert.tf1 import write_tf1
from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.together import staged
from electra_pretrain.model.electra import Electra
from electra_pretrain.tokenization.tokenizer import file_name, load_tokenizer
from electra_pretrain.tokenization.wordpiece import FILE_NAME, read_vocab

_log = logging.getLogger(__name__)


def random_weights(config: Config) -> dict[str, np.ndarray]:
    """Return released name -> value as a run of the config has them before its first step, and its `global_step`, 0."""
    variables = Electra(config).named_variables()
    return {**{name: variable.numpy() for name, variable in variables.items()}, "global_step": np.int64(0)}


def export_hugging_face(
    model_dir: str,
    output: str,
    config: Config,
    weights: Mapping[str, np.ndarray],
    facts: CardFacts,
    dtype: str,
    overwrite: bool = False,
) -> list[str]:
    """Write Hugging Face directories, with a model card that shows what the weights say of a sentence.

    Args:
        model_dir: the run's folder, which holds its vocabulary.
        output: folder to write them to.
        config: of the run.
        weights: released name -> value.
        facts: for the model card, but for the examples.
        dtype: of the weights written.
        overwrite: replace files there that no export has made.

    Returns:
        The directories written; their `config.json` come last.

    Raises:
        UserError: the vocabulary is missing or damaged, the dtype cannot hold a weight, or the output cannot be written.
    """
    vocab = files.join(model_dir, file_name(facts.manifest["vocabulary"]["type"]))
    tokenizer = load_tokenizer(vocab, config.data.do_lower_case)
    facts = facts._replace(examples=card_examples(weights, config, tokenizer))
    with staged(output, "export_hf", [r"[^/]*/config\.json"], overwrite) as staging:
        written = write_hugging_face(staging, weights, config, tokenizer, facts, dtype)
    if (reason := no_generator_because(config)) is not None:
        _log.info("no generator is written: %s", reason)
    return [files.join(output, os.path.basename(folder)) for folder in written]


def export_tf1(
    model_dir: str, output: str, step: int | None, average: int, keep_optimizer: bool, overwrite: bool = False
) -> str:
    """Write a checkpoint for tools made for the released code.

    Args:
        model_dir: the run's folder.
        output: folder to write it to.
        step: which checkpoint; None: the newest.
        average: mean of the weights of so many checkpoints up to that one; 1 where the optimiser is kept.
        keep_optimizer: write Adam's moments too.
        overwrite: replace files there that no export has made.

    Returns:
        The checkpoint's path without suffix.

    Raises:
        UserError: no such run or checkpoint, a vocabulary that is not WordPiece, or an output that cannot be written.
    """
    config = load_config(files.join(model_dir, CONFIG_NAME))
    vocab = files.join(model_dir, FILE_NAME)
    if not files.exists(vocab):
        raise UserError(f"{vocab}: no such file; the released code knows WordPiece alone, not SentencePiece: use export_hf")
    tokens = read_vocab(vocab)
    prefix = find(model_dir, step)
    values = read(prefix, lambda name: not is_loss_scale(name)) if keep_optimizer else read_mean(model_dir, step, average)
    with staged(output, "export_tf1", [r".*\.index", "checkpoint"], overwrite) as staging:
        written = write_tf1(staging, int(values["global_step"]), values, config, tokens)
    return files.join(output, os.path.basename(written))
