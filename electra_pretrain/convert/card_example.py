"""The example of a model card: code that runs the model on a sentence, and what it prints.

The output is computed by the training code from the weights as they are written, so that an export needs no torch. So that
what `transformers` prints is the same, letter for letter, whatever the machine, as many digits and tokens are shown as
rounding errors cannot change.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from electra_pretrain.checkpoint.difference import differences, has_difference, summed
from electra_pretrain.checkpoint.names import is_optimizer_value
from electra_pretrain.config.schema import Config
from electra_pretrain.convert.card_code import Example, Shows, code
from electra_pretrain.convert.demonstration import Swap, assembled, discriminator_logits, encode
from electra_pretrain.convert.tensor_files import rounded
from electra_pretrain.model.electra import Electra
from electra_pretrain.model.encoder import Encoder
from electra_pretrain.tokenization.tokenizer import Tokenizer

# Script -> the sentence for a vocabulary that is mostly of it.
SENTENCES = {
    "Hangul": Swap("오늘은 날씨가 참 맑습니다.", "날씨", "냄비"),
    "Han": Swap("今天的天气很好。", "天气", "椅子"),
    "Latin": Swap("the chef cooked the meal.", "cooked", "ate"),
}
_SCRIPTS = {"Hangul": "[\u1100-\u11ff\u3130-\u318f가-힣]", "Han": "[\u4e00-\u9fff]", "Latin": "[A-Za-z]"}
_BEST = 5
# Logits of two machines or libraries differ by some 1e-5 where weights are those of a trained model.
_TOLERANCE = 1e-4


class _Said(NamedTuple):
    """What a network says of some tokens, and with how many digits all will print it alike."""

    values: np.ndarray
    ids: Sequence[int]
    digits: int


def script_of(tokens: Sequence[str]) -> str:
    """Tell which script most tokens of a vocabulary are of: one of `SENTENCES`; special and unused ones do not count."""
    words = [token for token in tokens if not re.fullmatch(r"\[.+\]|<.+>", token)]
    return max(_SCRIPTS, key=lambda script: sum(1 for word in words if re.search(_SCRIPTS[script], word)))


def card_examples(weights: Mapping[str, np.ndarray], config: Config, tokenizer: Tokenizer, dtype: str) -> dict[str, Example]:
    """Write each network's example.

    Args:
        weights: released name -> value.
        config: of the run.
        tokenizer: of the run's records.
        dtype: of the weights that are written; computed is in float32.

    Returns:
        Kind of network -> its example; none where the sentence is too long for it, or no token the likeliest for a mask.
    """
    swap, special = SENTENCES[script_of(tokenizer.tokens)], tokenizer.special_ids
    before, after = (encode(text, tokenizer) for text in swap.sentence.split(swap.word, 1))
    masked = [special.cls, *before, special.mask, *after, special.sep]
    swapped = [special.cls, *encode(swap.text, tokenizer), special.sep]
    if max(len(masked), len(swapped)) > config.model.max_position_embeddings:
        return {}
    model = assembled(weights if dtype == "float32" else _as_written(weights, dtype), config)

    def example(shows: Shows, said: _Said) -> Example:
        rows = [f"{v:.{said.digits}f}  {tokenizer.tokens[i]}" for v, i in zip(said.values, said.ids, strict=True)]
        text = _masked(swap) if shows is Shows.FILLING else swap.text
        printed = code(shows, dtype, text=text, word=swap.word, swapped=swap.swapped, count=len(rows), digits=said.digits)
        return Example(printed, "\n".join(rows))

    examples = {}
    if isinstance(model.generator, Encoder) and (said := _filling(model, masked, 1 + len(before))):
        kind = "generator" if config.objective.has_discriminator else "masked_lm"
        examples[kind] = example(Shows.FILLING, said)
    if config.objective.has_discriminator:
        logits = discriminator_logits(model, swapped, len(swapped))[1:-1]
        if config.objective.electric_objective:
            examples["discriminator"] = example(Shows.ENERGIES, _energies(logits, swapped[1:-1]))
        else:
            examples["discriminator"] = example(Shows.DETECTION, _detection(logits, swapped[1:-1]))
    return examples


def _as_written(weights: Mapping[str, np.ndarray], dtype: str) -> dict[str, np.ndarray]:
    """Return the weights as a file of the dtype holds them; of tables that are sums the sum is rounded, as it is written."""
    values = {name: value for name, value in weights.items() if not is_optimizer_value(name)}
    written = {name: rounded(value, dtype) for name, value in values.items()}
    if has_difference(written):
        sums = {name: rounded(value, dtype) for name, value in summed(values).items()}
        written |= differences(sums, written)
    return written


def _masked(swap: Swap) -> str:
    return swap.sentence.replace(swap.word, "[MASK]", 1)


def _filling(model: Electra, ids: list[int], place: int) -> _Said | None:
    """Find the likeliest tokens at a place, as many as come in a certain order; None where none does."""
    assert isinstance(model.generator, Encoder)
    row = tf.constant([ids], tf.int32)
    hidden = model.generator(row, tf.ones_like(row), tf.zeros_like(row), None)[:, place : place + 1]
    logits = model.generator_predictions(hidden, model.generator.embeddings.word).numpy()[0]
    if not (best := _certain_best(logits)):
        return None
    probs = tf.nn.softmax(logits).numpy()[best]
    spread = 2 * _TOLERANCE * probs
    return _Said(probs, best, _digits(probs - spread, probs + spread, (2, 1, 3)))


def _certain_best(logits: np.ndarray) -> list[int]:
    """List the ids of the highest logits in their order, as far as it is certain, `_BEST` at most."""
    best = np.argsort(-logits, kind="stable")[: _BEST + 1]
    certain = -np.diff(logits[best]) > 2 * _TOLERANCE
    count = len(certain) if certain.all() else int(certain.argmin())
    found: list[int] = best[:count].tolist()
    return found


def _detection(logits: np.ndarray, ids: list[int]) -> _Said:
    """Tell how likely each token was replaced."""
    probs, lowest, highest = (tf.sigmoid(logits + shift).numpy() for shift in (0, -_TOLERANCE, _TOLERANCE))
    return _Said(probs, ids, _digits(lowest, highest, (2, 1, 3)))


def _energies(logits: np.ndarray, ids: list[int]) -> _Said:
    """Tell Electric's energy of each token, without the odds of a swap."""
    return _Said(logits, ids, _digits(logits - _TOLERANCE, logits + _TOLERANCE, (1, 0, 2)))


def _digits(lowest: np.ndarray, highest: np.ndarray, choices: Sequence[int]) -> int:
    """Choose the first number of digits with which each value is printed the same from lowest to highest; else the last."""

    def certain(digits: int) -> bool:
        return all(f"{low:.{digits}f}" == f"{high:.{digits}f}" for low, high in zip(lowest, highest, strict=True))

    return next(filter(certain, choices), choices[-1])
