"""Pieces back to words, for people to read: which pieces stand together."""

from collections.abc import Sequence

from electra_pretrain.tokenization.wordpiece import CONTINUATION_PREFIX

WORD_START = "▁"  # with which SentencePiece marks a piece that opens a word


def words(tokens: Sequence[str], vocabulary_type: str) -> list[list[str]]:
    """The tokens word by word, without the marks that join or part them; a first piece that goes on keeps its mark."""
    is_wordpiece = vocabulary_type == "wordpiece"
    found: list[list[str]] = []
    for token in tokens:
        goes_on = token.startswith(CONTINUATION_PREFIX) if is_wordpiece else not token.startswith(WORD_START)
        if goes_on and found:
            found[-1].append(token.removeprefix(CONTINUATION_PREFIX) if is_wordpiece else token)
        else:
            found.append([token if is_wordpiece else token.removeprefix(WORD_START)])
    return found
