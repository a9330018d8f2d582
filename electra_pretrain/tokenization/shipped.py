"""Vocabularies that ship with the package, found by their bare name from any folder."""

from electra_pretrain.core import shipped


def find_vocab(name_or_path: str) -> str:
    """Path of a vocabulary given by its path or, if it ships with the package, by its name.

    Raises:
        UserError: there is no such vocabulary.
    """
    return shipped.find(name_or_path, "vocab", ".txt", "vocabulary file")
