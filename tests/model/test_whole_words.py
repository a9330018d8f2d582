"""Whole words are masked: as a plain loop over words has it, on the pieces of real tokenisers."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from electra_pretrain import train_vocab
from electra_pretrain.core.batch import SPECIAL_TOKENS, Batch
from electra_pretrain.core.rng import Random, numpy_bits
from electra_pretrain.model import masking
from electra_pretrain.tokenization.tokenizer import continuations, load_tokenizer
from tests.conftest import SAMPLE_CORPUS

SEED, STEP, LENGTH, MASK_PROB = 3, 5, 64, 0.15
PAD, UNK, CLS, SEP, MASK = SPECIAL_TOKENS


@pytest.fixture(scope="module", params=["wordpiece", "sentencepiece_unigram"])
def tokenizer(request, tmp_path_factory, vocab_path):
    if request.param == "wordpiece":
        return load_tokenizer(vocab_path, False)
    path = str(tmp_path_factory.mktemp("spm") / "spm.model")
    arguments = ["--corpus", f"{SAMPLE_CORPUS}/comments.txt", "--output", path, "--vocab_size", "2000", "--unused", "5"]
    train_vocab.train_vocab(train_vocab.parse_args([*arguments, "--engine", request.param]))
    return load_tokenizer(path, False)


def rows_of(tokenizer):
    """Rows of tokens: two segments, several short documents, a few tokens only; cut anywhere, with what no text gives."""
    lines = [line for line in (SAMPLE_CORPUS / "comments.txt").read_text().splitlines() if line]
    ids, _ = tokenizer.encode_lines(lines)
    stream = itertools.cycle(tokenizer.tokens[index] for index in ids)
    for number, length in enumerate([61] * 25 + [40, 25, 12, 7, 2, 1, 0]):
        text = list(itertools.islice(stream, length))
        if number % 5 == 1:
            text[length // 3 : length // 3] = [UNK]
        if number % 5 == 2:
            text[length // 2] = MASK
        middle = [[SEP], [SEP, CLS], [SEP, CLS, SEP, CLS]][number % 3]
        row = [CLS, *text[: length // 2], *middle, *text[length // 2 :]][: LENGTH - 1]
        yield [*row, SEP]
    yield [CLS, *one_word(tokenizer), SEP]
    yield [CLS, SEP]


def one_word(tokenizer):
    """A word of more pieces than a row masks."""
    goes_on = continuations(tokenizer.tokens, tokenizer.type)
    return list(itertools.compress(tokenizer.tokens, goes_on))[:30]


def batch_of(rows, tokenizer):
    ids = {token: index for index, token in enumerate(tokenizer.tokens)}
    table = np.array([[ids[token] for token in [*row, *[PAD] * (LENGTH - len(row))]] for row in rows], np.int32)
    mask = np.array([[1] * len(row) + [0] * (LENGTH - len(row)) for row in rows], np.int32)
    return Batch(tf.constant(table), tf.constant(mask), tf.zeros_like(table), tf.range(len(rows)))


def words_of(row, kind):
    """The places of each word's pieces; every special token is a word, and so is padding."""
    words = []
    for place, token in enumerate([*row, *[PAD] * (LENGTH - len(row))]):
        goes_on = token.startswith("##") if kind == "wordpiece" else not token.startswith("▁")
        before = words and words[-1][1]
        if goes_on and token not in SPECIAL_TOKENS and before and before not in SPECIAL_TOKENS:
            words[-1][0].append(place)
        else:
            words.append(([place], token))
    return words


def expected(row, kind, keys):
    """The words that may be masked, and what is masked: word after word; then single pieces; then of the word that was cut."""
    words = words_of(row, kind)
    order = sorted(range(len(words)), key=lambda number: -int(keys[number]))
    order = [words[number][0] for number in order if words[number][1] not in (PAD, CLS, SEP, MASK)]
    may = sum(map(len, order))
    left = min(
        may,
        max(1, min(masking.num_masked_slots(MASK_PROB, LENGTH), int(np.round(np.float32(len(row)) * np.float32(MASK_PROB))))),
    )
    fit = list(itertools.takewhile(lambda total: total <= left, itertools.accumulate(map(len, order))))
    chosen, rest = order[: len(fit)], order[len(fit) :]
    left -= sum(map(len, chosen))
    singles = [word for word in rest if len(word) == 1][:left]
    cut = rest[0][: left - len(singles)] if rest else []
    return order, {place for word in [*chosen, *singles, cut] for place in word}


def draw(batch, tokenizer, step=STEP, mask_prob=MASK_PROB, slots=None):
    pieces = continuations(tokenizer.tokens, tokenizer.type)
    random = Random(SEED, step, batch.rows)
    return masking.mask_batch(batch, mask_prob, tokenizer.special_ids, random, slots, masking.Masking(continues=pieces))


def drawn(masked):
    pairs = zip(masked.masked_lm_positions.numpy(), masked.masked_lm_weights.numpy() > 0, strict=True)
    return [positions[used].tolist() for positions, used in pairs]


def test_as_a_loop_over_words_has_it(tokenizer):
    rows = list(rows_of(tokenizer))
    batch = batch_of(rows, tokenizer)
    split = left_over = 0
    for step in range(12):
        keys = numpy_bits(SEED, "mask", np.arange(len(rows)), LENGTH, step) >> 1
        for number, (row, found) in enumerate(zip(rows, drawn(draw(batch, tokenizer, step)), strict=True)):
            words, wanted = expected(row, tokenizer.type, keys[number])
            assert len(found) == len(set(found)) and set(found) == wanted, (step, row)
            partly = [word for word in words if 0 < len(wanted & set(word)) < len(word)]
            assert len(partly) <= 1 and all(wanted & set(word) == set(word[: len(wanted & set(word))]) for word in partly)
            split += bool(partly)
            left_over += not wanted
    assert 0 < split < 12 * len(rows) / 4 and left_over  # all cases came


def test_words_are_as_likely_whatever_their_length(tokenizer):
    rows, draws = list(rows_of(tokenizer))[:1], 4000
    batch = batch_of(rows * draws, tokenizer)
    words = [places for places, token in words_of(rows[0], tokenizer.type) if token not in (PAD, CLS, SEP, MASK)]
    masked = draw(batch, tokenizer)
    assert max(map(len, words)) <= masked.masked_lm_weights.numpy()[0].sum()
    # The word that comes first.
    first = np.bincount(masked.masked_lm_positions.numpy()[:, 0], minlength=LENGTH)
    counts = np.array([first[word[0]] for word in words])
    assert counts.sum() == draws and len({len(word) for word in words}) > 2
    degrees, even = len(words) - 1, draws / len(words)
    assert abs(((counts - even) ** 2 / even).sum() - degrees) < 4 * np.sqrt(2 * degrees)


def test_where_every_piece_is_a_word_the_bits_are_those_of_tokens(tokenizer):
    batch = batch_of(list(rows_of(tokenizer)), tokenizer)
    random = Random(SEED, STEP, batch.rows)
    none = np.zeros(tokenizer.vocab_size, bool)
    ours = masking.mask_batch(batch, MASK_PROB, tokenizer.special_ids, random, masking=masking.Masking(continues=none))
    for one, other in zip(ours, masking.mask_batch(batch, MASK_PROB, tokenizer.special_ids, random), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_row_depends_on_nothing_else_and_slots_do_not_matter(tokenizer):
    batch = batch_of(list(rows_of(tokenizer)), tokenizer)
    part = Batch(*(value[7:19] for value in batch))
    whole = drawn(draw(batch, tokenizer))
    assert drawn(draw(part, tokenizer)) == whole[7:19]
    for slots in (20, LENGTH):
        assert drawn(draw(batch, tokenizer, mask_prob=0.1, slots=slots)) == drawn(draw(batch, tokenizer, mask_prob=0.1))


def test_compiled_it_is_the_same(vocab_path):
    tokenizer = load_tokenizer(vocab_path, False)
    batch = batch_of(list(rows_of(tokenizer)), tokenizer)
    compiled = tf.function(lambda: draw(batch, tokenizer), jit_compile=True)()
    assert drawn(compiled) == drawn(draw(batch, tokenizer))


def test_special_tokens_continue_nothing(tokenizer):
    found = continuations(tokenizer.tokens, tokenizer.type)
    assert found.shape == (tokenizer.vocab_size,) and not found[list(tokenizer.special_ids)].any()
    mark = "##" if tokenizer.type == "wordpiece" else "▁"
    marked = np.array([token.startswith(mark) for token in tokenizer.tokens])
    assert found[marked].all() if mark == "##" else not found[marked].any()
    assert 0 < found.sum() < tokenizer.vocab_size
