"""Which pieces of a vocabulary go on with a word: what whole-word masking needs to know of it."""

import numpy as np

from electra_pretrain.config.schema import Config
from electra_pretrain.core import files
from electra_pretrain.core.batch import SPECIAL_TOKENS
from electra_pretrain.tokenization.model_folder import read_file
from electra_pretrain.tokenization.tokenizer import continues_word
from electra_pretrain.train.input import Source


def continuations(config: Config, source: Source) -> np.ndarray | None:
    """Read from the vocabulary beside the records which pieces go on with the word before them.

    Returns:
        bool [V], False of special tokens; None where the config masks token by token.

    Raises:
        UserError: the vocabulary is damaged.
    """
    if config.objective.masking != "whole_word":
        return None
    vocabulary = read_file(files.join(source.folder, source.manifest.vocabulary.file_name))
    pieces = [token not in SPECIAL_TOKENS and continues_word(token, vocabulary.type) for token in vocabulary.tokens]
    return np.array(pieces)


def any_continuations(config: Config) -> np.ndarray | None:
    """Return a table of that shape, for a program that is compiled or timed: which pieces they are changes nothing there."""
    return np.arange(config.data.vocab_size) % 2 == 1 if config.objective.masking == "whole_word" else None
