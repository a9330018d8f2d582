"""A Korean sentence through the exported weights, for the model card: by the training code, so that it needs no torch."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from electra_pretrain.config.schema import Config
from electra_pretrain.model.electra import Electra
from electra_pretrain.model.encoder import Encoder
from electra_pretrain.tokenization.tokenizer import Tokenizer

# What stands before and after a word, the word, and what it is swapped for.
BEFORE, AFTER, WORD, SWAPPED = "오늘은 ", "가 참 맑습니다.", "날씨", "냄비"
BEST = 5


def run_examples(weights: Mapping[str, np.ndarray], config: Config, tokenizer: Tokenizer) -> dict[str, str]:
    """Kind of network -> what it says of the sentence, as lines of text; none where the sentence is too long for it.

    Args:
        weights: released name -> value.
        config: of the run.
        tokenizer: of the run's records.
    """
    model = Electra(config)
    for name, variable in model.named_variables().items():
        variable.assign(weights[name])
    special = tokenizer.special_ids
    before, after, whole = (tokenizer.encode_lines([text])[0].tolist() for text in (BEFORE, AFTER, f"{BEFORE}{SWAPPED}{AFTER}"))
    if max(len(before) + 1 + len(after), len(whole)) + 2 > config.model.max_position_embeddings:
        return {}
    examples = {}
    if isinstance(model.generator, Encoder):
        place = 1 + len(before)
        ids = [special.cls, *before, special.mask, *after, special.sep]
        kind = "generator" if config.objective.has_discriminator else "masked_lm"
        examples[kind] = _fill_mask(model, ids, place, tokenizer.tokens)
    if config.objective.electra_objective:
        ids = [special.cls, *whole, special.sep]
        examples["discriminator"] = _detect(model, ids, tokenizer.tokens)
    return examples


def _inputs(ids: list[int]) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, None]:
    row = tf.constant([ids], tf.int32)
    return row, tf.ones_like(row), tf.zeros_like(row), None


def _fill_mask(model: Electra, ids: list[int], place: int, tokens: list[str]) -> str:
    assert isinstance(model.generator, Encoder)
    hidden = model.generator(*_inputs(ids))[:, place : place + 1]
    probs = tf.nn.softmax(model.generator_predictions(hidden, model.generator.embeddings.word))[0].numpy()
    best = np.argsort(-probs, kind="stable")[:BEST]
    return "\n".join([f"{BEFORE}[MASK]{AFTER}", *(f"  {probs[index]:.3f}  {tokens[index]}" for index in best)])


def _detect(model: Electra, ids: list[int], tokens: list[str]) -> str:
    probs = tf.sigmoid(model.discriminator_logits(*_inputs(ids)))[0].numpy()[1:-1]
    rows = [f"  {p:.3f}  {tokens[index]}" for p, index in zip(probs, ids[1:-1], strict=True)]
    return "\n".join(
        [f"{BEFORE}{SWAPPED}{AFTER}   ({SWAPPED} stands for {WORD}; probability that a token was replaced)", *rows]
    )
