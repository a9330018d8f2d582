"""Export the folder of a run or an import: as Hugging Face directories, or as a checkpoint of the released code."""

import logging
import os
from collections.abc import Mapping

import numpy as np

from electra_pretrain.checkpoint.average import read_mean
from electra_pretrain.checkpoint.bundle import read
from electra_pretrain.checkpoint.difference import GRADIENT_DISENTANGLED, summed
from electra_pretrain.checkpoint.fit import check_fit
from electra_pretrain.checkpoint.imported import Imported, load_import
from electra_pretrain.checkpoint.listing import check_has, find
from electra_pretrain.checkpoint.misfits import check_numbers
from electra_pretrain.checkpoint.names import is_generators, is_loss_scale
from electra_pretrain.checkpoint.vocabulary import check_folder, load_folder_tokenizer
from electra_pretrain.config.load import CONFIG_NAME, load_config
from electra_pretrain.config.schema import Config
from electra_pretrain.convert.card_example import card_examples, script_of
from electra_pretrain.convert.hf_export import no_generator_because, write_hugging_face
from electra_pretrain.convert.model_card import CardFacts, Weights
from electra_pretrain.convert.tf1 import write_tf1
from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.together import staged
from electra_pretrain.model.electra import Electra
from electra_pretrain.tokenization.wordpiece import FILE_NAME, read_vocab

_TWO_TABLES = "the released code has one word table for both networks, this run one for each; export_hf writes both"
_FRESH = "the source had none, and the fresh one beside the weights has learnt nothing"
_log = logging.getLogger(__name__)


def random_weights(config: Config) -> dict[str, np.ndarray]:
    """Return released name -> value as a run of the config has them before its first step, and its `global_step`, 0."""
    variables = Electra(config).named_variables()
    return {**{name: variable.numpy() for name, variable in variables.items()}, "global_step": np.int64(0)}


def read_weights(model_dir: str, config: Config, step: int | None, average: int) -> dict[str, np.ndarray]:
    """Read the weights of a checkpoint, or the mean of several, held against the config; with them goes `global_step`.

    Args:
        model_dir: folder of a run or an import.
        config: that lies in it.
        step: which checkpoint; None: the newest.
        average: mean of so many checkpoints up to that one.

    Raises:
        UserError: no such checkpoint, one that is damaged, or one that is not of the config.
    """
    weights = read_mean(model_dir, step, average)
    check_fit(find(model_dir, step), weights, config, files.join(model_dir, CONFIG_NAME))
    return weights


def export_hugging_face(
    model_dir: str,
    output: str,
    config: Config,
    weights: Mapping[str, np.ndarray],
    facts: CardFacts,
    dtype: str,
    overwrite: bool = False,
) -> list[str]:
    """Write Hugging Face directories, with a model card whose example runs the model on a sentence.

    Args:
        model_dir: the folder of the run or the import, which holds its vocabulary.
        output: folder to write them to.
        config: of the run.
        weights: released name -> value.
        facts: for the model card, but for what is told by weights, config and vocabulary.
        dtype: of the weights written.
        overwrite: replace files there that no export has made.

    Returns:
        The directories written; their `config.json` come last.

    Raises:
        UserError: the vocabulary is missing, another, or damaged, the dtype cannot hold a weight, or the output cannot be
            written.
    """
    tokenizer = load_folder_tokenizer(model_dir, config.data.do_lower_case)
    _check_size(model_dir, tokenizer.vocab_size, config)
    fresh = facts.weights is Weights.IMPORTED and _has_fresh_generator(load_import(model_dir))
    no_generator = _FRESH if fresh else no_generator_because(config)
    facts = facts._replace(
        examples=card_examples(weights, config, tokenizer, dtype),
        is_korean=script_of(tokenizer.tokens) == "Hangul",
        no_generator=no_generator or "",
        dtype=dtype,
    )
    with staged(output, "export_hf", [r"[^/]*/config\.json"], overwrite) as staging:
        written = write_hugging_face(staging, weights, config, tokenizer, facts, dtype, with_generator=not fresh)
    if no_generator is not None:
        _log.info("no generator is written: %s", no_generator)
    return [files.join(output, os.path.basename(folder)) for folder in written]


def export_tf1(
    model_dir: str, output: str, step: int | None, average: int, keep_optimizer: bool, overwrite: bool = False
) -> str:
    """Write a checkpoint for tools made for the released code.

    Args:
        model_dir: the folder of the run or the import.
        output: folder to write it to.
        step: which checkpoint; None: the newest.
        average: mean of the weights of so many checkpoints up to that one; 1 where the optimiser is kept.
        keep_optimizer: write Adam's moments too.
        overwrite: replace files there that no export has made.

    Returns:
        The checkpoint's path without suffix.

    Raises:
        UserError: no such run or checkpoint, one that is not of the config, a vocabulary that is another or not WordPiece, or
            an output that cannot be written.
    """
    check_has(model_dir, CONFIG_NAME)
    config_path = files.join(model_dir, CONFIG_NAME)
    config = load_config(config_path)
    check_folder(model_dir)
    vocab = files.join(model_dir, FILE_NAME)
    if not files.exists(vocab):
        raise UserError(f"{vocab}: no such file; the released code knows WordPiece alone, not SentencePiece: use export_hf")
    tokens = read_vocab(vocab)
    _check_size(model_dir, len(tokens), config)
    apart = config.objective.embedding_sharing == GRADIENT_DISENTANGLED
    if keep_optimizer and apart:
        raise UserError(
            f'{config_path}: objective.embedding_sharing = "{GRADIENT_DISENTANGLED}", which the released code does not have; '
            "leave out --keep_optimizer; python -m electra_pretrain.import_checkpoint "
            f"--tf1 {model_dir} --keep_optimizer --output DIR takes over its weights and moments"
        )
    if keep_optimizer:
        prefix = find(model_dir, step)
        values = read(prefix, lambda name: not is_loss_scale(name))
        check_numbers(prefix, values)
        check_fit(prefix, values, config, config_path)
    else:
        values = read_weights(model_dir, config, step, average)
    imported = load_import(model_dir)
    fresh = _has_fresh_generator(imported) and imported is not None and int(values["global_step"]) == imported.step
    if fresh or apart:
        _log.info("no generator is written: %s", _FRESH if fresh else _TWO_TABLES)
        values = {name: value for name, value in summed(values).items() if not is_generators(name)}
    with staged(output, "export_tf1", [r".*\.index", "checkpoint"], overwrite) as staging:
        written = write_tf1(staging, int(values["global_step"]), values, config, tokens)
    return files.join(output, os.path.basename(written))


def _has_fresh_generator(imported: Imported | None) -> bool:
    return imported is not None and not imported.has_generator


def _check_size(model_dir: str, count: int, config: Config) -> None:
    """Refuse a vocabulary of another size than the word table's; a folder that does not tell its hash shows no more."""
    if count != config.data.vocab_size:
        raise UserError(
            f"{model_dir}: its vocabulary has {count:,} tokens, its word table {config.data.vocab_size:,} rows; put back the "
            "vocabulary that belongs to the weights"
        )
