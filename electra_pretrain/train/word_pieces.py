"""Which pieces of its records' vocabulary go on with a word: what a run that masks whole words needs to know."""

import numpy as np

from electra_pretrain.config.schema import Config
from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError
from electra_pretrain.tokenization.model_folder import read_file
from electra_pretrain.tokenization.tokenizer import continuations
from electra_pretrain.train.input import Source


def read_continuations(config: Config, source: Source) -> np.ndarray | None:
    """Return bool [V], of the vocabulary beside the records; None where the config masks token by token.

    Raises:
        UserError: the vocabulary is damaged, or no piece of it goes on with a word.
    """
    if config.objective.masking != "whole_word":
        return None
    vocabulary = read_file(files.join(source.folder, source.manifest.vocabulary.file_name))
    found = continuations(vocabulary.tokens, vocabulary.type)
    if not found.any():
        raise UserError(
            f'{vocabulary.path}: every token is a word of its own, so that objective.masking = "whole_word" would change '
            'nothing; set it to "token"'
        )
    return found


def any_continuations(config: Config) -> np.ndarray | None:
    """Return as much of no vocabulary, for a program that is compiled or timed: which pieces they are changes nothing there."""
    return np.arange(config.data.vocab_size) % 2 == 1 if config.objective.masking == "whole_word" else None
