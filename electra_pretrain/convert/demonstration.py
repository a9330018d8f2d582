"""What a trained discriminator says of sentences with a word swapped, at the end of quickstart.

By the training code, so that it needs no torch.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from electra_pretrain.config.schema import Config
from electra_pretrain.core import optional
from electra_pretrain.model.electra import Electra
from electra_pretrain.tokenization.tokenizer import Tokenizer


class Swap(NamedTuple):
    """A sentence, and what one of its words is swapped for."""

    sentence: str
    word: str
    swapped: str

    @property
    def text(self) -> str:
        """The sentence as the discriminator sees it."""
        return self.sentence.replace(self.word, self.swapped, 1)


SWAPS = (
    Swap("냄비에 물을 붓고 중간 불에서 10분 동안 끓입니다.", "끓입니다", "제정합니다"),
    Swap("이 조례는 공포한 날부터 시행한다.", "시행한다", "맛있다"),
    Swap("시청 관계자는 다음 달까지 공사를 마칠 계획이라고 밝혔다.", "밝혔다", "고양이"),
    Swap("배우 연기가 진짜 미쳤음 ㅋㅋㅋ 또 보고 싶다", "연기가", "제3조가"),
)
_ABOUT_PROBABILITIES = "P is the discriminator's probability that a token was replaced."
_ABOUT_ENERGIES = "The higher a token's energy, the less likely it is, given the others."
Logits = Callable[[list[int]], np.ndarray]  # of a sentence's ids, special tokens included: float32 [S]


class SwappedIds(NamedTuple):
    """Ids of a swapped sentence with its special tokens, and which of them belong to the swapped word."""

    ids: list[int]
    is_swapped: list[bool]


def swapped_ids(swap: Swap, tokenizer: Tokenizer) -> SwappedIds:
    """Tokenise a swapped sentence."""
    before = swap.sentence.split(swap.word, 1)[0]
    whole, start, stop = (encode(text, tokenizer) for text in (swap.text, before, before + swap.swapped))
    ids = [tokenizer.special_ids.cls, *whole, tokenizer.special_ids.sep]
    return SwappedIds(ids, [1 + len(start) <= position < 1 + len(stop) for position in range(len(ids))])


def detection_report(weights: Mapping[str, np.ndarray], config: Config, tokenizer: Tokenizer, exported: str) -> Iterator[str]:
    """Say what the discriminator makes of sentences with one word swapped, beside the truth; and of its export.

    Args:
        weights: released name -> value.
        config: of the run.
        tokenizer: of the run's records.
        exported: the discriminator's Hugging Face folder.

    Yields:
        Lines of text.
    """
    electric = config.objective.electric_objective
    yield f"\nOne word of each sentence was swapped. {_ABOUT_ENERGIES if electric else _ABOUT_PROBABILITIES}"
    model, sentences = assembled(weights, config), [swapped_ids(swap, tokenizer) for swap in SWAPS]
    length = max(len(sentence.ids) for sentence in sentences)
    hugging_face = None if optional.missing("transformers", "torch") else _load_with_transformers(exported)
    largest = 0.0
    for swap, (ids, is_swapped) in zip(SWAPS, sentences, strict=True):
        logits = discriminator_logits(model, ids, length)
        if hugging_face:
            largest = max(largest, float(np.abs(hugging_face(ids) - logits).max()))
        tokens = [tokenizer.tokens[index] for index in ids[1:-1]]
        if electric:
            yield from _energies_beside_the_truth(swap, tokens, is_swapped[1:-1], logits[1:-1])
        else:
            yield from _beside_the_truth(swap, tokens, is_swapped[1:-1], tf.sigmoid(logits).numpy()[1:-1])
    if hugging_face:
        yield f"\ntransformers loads the export; its logits differ from ours by {largest:.1e} at most"
    else:
        yield "\ntransformers and torch are not installed here: the export was not loaded with them"


def discriminator_logits(model: Electra, ids: list[int], length: int) -> np.ndarray:
    """Compute a sentence's logits, float32 [S]; above 0: this token was replaced.

    Args:
        model: with a discriminator.
        ids: special tokens included.
        length: that the sentence is padded to; where several have the same, elementwise work is compiled once.
    """
    padding = [0] * (length - len(ids))
    input_ids, input_mask = (tf.constant([[*values, *padding]], tf.int32) for values in (ids, [1] * len(ids)))
    logits = model.discriminator_logits(input_ids, input_mask, tf.zeros_like(input_ids), None)
    return np.asarray(logits.numpy()[0, : len(ids)])


def assembled(weights: Mapping[str, np.ndarray], config: Config) -> Electra:
    """Put weights, released name -> value, into the networks that the config describes."""
    model = Electra(config)
    for name, variable in model.named_variables().items():
        variable.assign(weights[name])
    return model


def encode(text: str, tokenizer: Tokenizer) -> list[int]:
    """Cut text into ids, without special tokens."""
    ids: list[int] = tokenizer.encode_lines([text])[0].tolist()
    return ids


def _beside_the_truth(swap: Swap, tokens: list[str], is_swapped: list[bool], probs: np.ndarray) -> Iterator[str]:
    """Show a sentence's tokens, without special ones, with the discriminator's verdict and the truth."""
    yield f"\n{swap.text}   (was: {swap.word})"
    yield f"  {'token':<14}{'P':>6}  {'discriminator':<14}truth"
    for token, truth, p in zip(tokens, is_swapped, probs, strict=True):
        yield f"  {token:<14}{p:6.2f}  {'replaced' if p > 0.5 else 'original':<14}{'replaced' if truth else 'original'}"
    suspect = int(probs.argmax())
    yield f"  most suspicious: {tokens[suspect]} ({'right' if is_swapped[suspect] else 'wrong'})"


def _energies_beside_the_truth(swap: Swap, tokens: list[str], is_swapped: list[bool], energies: np.ndarray) -> Iterator[str]:
    """Show a sentence's tokens with Electric's energies and the truth."""
    yield f"\n{swap.text}   (was: {swap.word})"
    yield f"  {'token':<14}{'energy':>8}  truth"
    for token, truth, energy in zip(tokens, is_swapped, energies, strict=True):
        yield f"  {token:<14}{energy:8.2f}  {'replaced' if truth else 'original'}"
    suspect = int(energies.argmax())
    yield f"  least likely: {tokens[suspect]} ({'right' if is_swapped[suspect] else 'wrong'})"


def _load_with_transformers(folder: str) -> Logits:
    """Return a function that computes an exported discriminator's logits by `transformers`."""
    import torch
    from transformers import AutoModelForPreTraining, AutoTokenizer, logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    AutoTokenizer.from_pretrained(folder)
    model = AutoModelForPreTraining.from_pretrained(folder).eval()

    def logits(ids: list[int]) -> np.ndarray:
        with torch.no_grad():
            return np.asarray(model(input_ids=torch.tensor([ids])).logits[0].numpy())

    return logits
