"""Rows of several documents: each is computed as if it were alone in a row, by both networks and for both kinds of device."""

import numpy as np
import pytest
import tensorflow as tf

from electra_pretrain.core.batch import Batch, MaskedBatch, SpecialIds
from electra_pretrain.core.rng import Random
from electra_pretrain.model import gpu_attention
from electra_pretrain.model.attention import attend
from electra_pretrain.model.bias import SameDocument, add
from electra_pretrain.model.documents import document_numbers, document_positions, look_up
from electra_pretrain.model.electra import Electra
from electra_pretrain.model.kernels import gpu_program
from electra_pretrain.model.masking import mask_batch
from electra_pretrain.model.objective import compute_losses, count
from tests.conftest import MICRO, changed
from tests.model.test_layers import normal
from tests.model.test_masking import IDS

CONFIG = changed(MICRO, model={"num_hidden_layers": 2}, data={"vocab_size": 50, "short_documents": "packed"})
SEQ = 32
# Rows of documents, each the lengths of its one or two segments, with their [CLS] and [SEP].
ROWS = [[(9,), (6, 5), (3,), (7,)], [(32,)], [(2,), (12, 6)], [(4, 4), (20, 4)]]


def batch_of(rows, seed=0):
    """Rows `[CLS] … [SEP] … [SEP] [CLS] …`."""
    generator = np.random.default_rng(seed)
    ids, mask, segments = (np.zeros([len(rows), SEQ], np.int32) for _ in range(3))
    for row, documents in enumerate(rows):
        at = 0
        for document in documents:
            ids[row, at] = IDS.cls
            for segment, length in enumerate(document):
                first = at + (segment == 0)
                ids[row, first : at + length] = generator.integers(5, 50, length - (segment == 0))
                ids[row, at + length - 1] = IDS.sep
                mask[row, at : at + length], segments[row, at : at + length] = 1, segment
                at += length
    return Batch(*map(tf.constant, (ids, mask, segments)), tf.range(len(rows)))


def spans_of(rows):
    """Where each document lies: row, first, one past the last."""
    for row, documents in enumerate(rows):
        ends = np.cumsum([sum(document) for document in documents])
        yield from ((row, end - sum(document), end) for document, end in zip(documents, ends, strict=True))


def alone(x, spans):
    """Each document of x [B, S] in a row of its own."""
    rows = np.zeros([len(spans), SEQ], np.int32)
    for number, (row, first, last) in enumerate(spans):
        rows[number, : last - first] = x[row, first:last]
    return tf.constant(rows)


def packed_rows():
    """A batch of packed rows, masked nearly everywhere, the same documents in rows of their own, and where they lay."""
    batch, spans = batch_of(ROWS), list(spans_of(ROWS))
    masked = mask_batch(batch, 0.9, SpecialIds(*IDS), Random(1, 0, batch.rows))
    masked = masked._replace(documents=document_numbers(batch, IDS.cls))
    own = Batch(*(alone(x.numpy(), spans) for x in batch[:3]), tf.range(len(spans)))
    return batch, masked, own, spans


@pytest.fixture(scope="module")
def packed():
    return packed_rows()


def masked_alone(masked, own, spans):
    """The documents alone, masked where the packed rows are; and of each used slot the row and slot that it was there."""
    used, positions, ids = (
        masked.masked_lm_weights.numpy() > 0,
        masked.masked_lm_positions.numpy(),
        masked.masked_lm_ids.numpy(),
    )
    own_positions, own_ids, own_weights = np.zeros([3, len(spans), positions.shape[1]], np.int32)
    rows, slots = [], []
    for number, (row, first, last) in enumerate(spans):
        (its,) = np.nonzero(used[row] & (positions[row] >= first) & (positions[row] < last))
        own_positions[number, : len(its)] = positions[row, its] - first
        own_ids[number, : len(its)], own_weights[number, : len(its)] = ids[row, its], 1
        rows += [row] * len(its)
        slots += its.tolist()
    own_masked = MaskedBatch(
        input_ids=alone(masked.input_ids.numpy(), spans),
        input_mask=own.input_mask,
        segment_ids=own.segment_ids,
        masked_lm_positions=tf.constant(own_positions),
        masked_lm_ids=tf.constant(own_ids),
        masked_lm_weights=tf.constant(own_weights, tf.float32),
        maskable=tf.cast(alone(masked.maskable.numpy(), spans), tf.float32),
    )
    return own_masked, (rows, slots)


def for_gpu(function):
    @tf.function(jit_compile=True, autograph=False)
    def program(*args):
        with gpu_program():
            return function(*args)

    return program


def as_it_is(function):
    return function


@pytest.mark.parametrize(("variant", "program"), [({}, as_it_is), ({}, for_gpu), ({"untied_generator": False}, as_it_is)])
def test_a_document_has_the_logits_that_it_has_alone(packed, variant, program):
    batch, masked, own, spans = packed
    model = Electra(changed(CONFIG, objective=variant))
    own_masked, (rows, slots) = masked_alone(masked, own, spans)

    def both(batch, masked):
        logits = model.discriminator_logits(masked.input_ids, batch.input_mask, batch.segment_ids, None, masked.documents)
        return tf.reshape(model.generator_logits(masked, None), [*masked.masked_lm_ids.shape, -1]), logits

    (generator, discriminator), expected = program(both)(batch, masked), both(own, own_masked)
    assert set(rows) == set(range(len(ROWS)))
    given = expected[0].numpy()[own_masked.masked_lm_weights.numpy() > 0]
    np.testing.assert_allclose(generator.numpy()[rows, slots], given, atol=1e-5, rtol=0)
    for number, (row, first, last) in enumerate(spans):
        np.testing.assert_allclose(
            discriminator.numpy()[row, first:last], expected[1].numpy()[number, : last - first], atol=1e-5, rtol=0
        )
    assert np.isfinite(discriminator).all() and np.isfinite(generator).all()


def test_gradients_are_the_sum_of_those_of_documents_alone(packed):
    batch, masked, own, spans = packed
    own_masked, (rows, slots) = masked_alone(masked, own, spans)
    model, denominators = Electra(CONFIG), count(batch, masked)
    variables = list(model.named_variables().values())
    # Not drawn: the same in both, and [CLS] among them, which begins no document.
    sampled = np.full(masked.masked_lm_ids.shape, IDS.cls)
    sampled_alone = np.full(own_masked.masked_lm_ids.shape, IDS.cls)
    sampled[:, ::2], at = 17, own_masked.masked_lm_weights.numpy() > 0
    sampled_alone[at] = sampled[rows, slots]

    def losses_and_gradients(batch, masked, sampled):
        with tf.GradientTape() as tape:
            arguments = (denominators, CONFIG.objective, Random(1, 0, batch.rows))
            outputs = compute_losses(model, batch, masked, *arguments, False, tf.constant(sampled, tf.int32))
        gradients = [tf.convert_to_tensor(one) for one in tape.gradient(outputs.total_loss, variables)]
        return [outputs.masked_lm_loss, outputs.disc_loss, *gradients]

    got = losses_and_gradients(batch, masked, sampled)
    for one, other in zip(got, losses_and_gradients(own, own_masked, sampled_alone), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_a_row_of_one_document_is_a_plain_row(packed):
    """To the bit, unless the compiler adds up the softmax's row in another order."""
    batch, masked, _, _ = packed
    model, row = Electra(CONFIG), slice(1, 2)
    inputs = [x[row] for x in (masked.input_ids, batch.input_mask, batch.segment_ids)]
    got, plain = model.discriminator_logits(*inputs, None, masked.documents[row]), model.discriminator_logits(*inputs, None)
    np.testing.assert_array_equal(got, plain)


def test_documents_are_numbered_by_the_builders_tokens(packed):
    _, masked, _, spans = packed
    numbers, positions = np.zeros([2, len(ROWS), SEQ], np.int32)
    for row, first, last in spans:
        numbers[row, first:last] = numbers[row].max() + 1
        positions[row, first:last] = np.arange(last - first)
    np.testing.assert_array_equal(masked.documents, numbers)
    np.testing.assert_array_equal(document_positions(masked.documents), positions)


def block_diagonal(query, key, value, queries, keys):
    """Attention by NumPy, [B, heads, D, Q]; a query of document n sees the keys of document n."""
    query, key, value = (x.numpy().astype(np.float64) for x in (query, key, value))
    odds = np.exp(np.einsum("bhdq,bhdk->bhqk", query, key) / np.sqrt(query.shape[2]))
    odds *= (queries[:, :, None] == keys[:, None])[:, None]
    return np.einsum("bhqk,bhdk->bhdq", odds / odds.sum(-1, keepdims=True), value)


@for_gpu
def attend_on_gpu(query, key, value, bias):
    beside = (tf.transpose(x, [3, 0, 1, 2]) for x in (query, key, value))
    return tf.transpose(gpu_attention.attend(*beside, bias, lambda x: x), [1, 2, 3, 0])


@pytest.mark.parametrize("positions", [None, [[0, 8, 9, 31], [3, 5, 7, 31], [1, 2, 0, 0], [7, 8, 31, 0]]])
@pytest.mark.parametrize(("dtype", "tolerance"), [(tf.float32, 1e-5), (tf.bfloat16, 0.02), (tf.float16, 2e-3)])
def test_attention_is_block_diagonal(packed, dtype, tolerance, positions):
    """And what stands in other documents has no weight at all, however large it is, in any type."""
    documents = packed[1].documents
    query, key, value = (tf.cast(normal(seed, len(ROWS), 2, 4, SEQ), dtype) for seed in range(3))
    bias = SameDocument(documents, documents)
    if positions is not None:
        bias, query = bias.at(tf.constant(positions)), tf.gather(query, positions, axis=3, batch_dims=1)
    got = attend(query, key, value, bias, lambda x: x).numpy()
    expected = block_diagonal(query, key, value, bias.queries.numpy(), documents.numpy())
    on_gpu = [attend_on_gpu(query, key, value, bias).numpy()] if dtype == tf.float32 else []
    for one in (got, *on_gpu):
        np.testing.assert_allclose(one.astype(np.float64), expected, rtol=tolerance, atol=tolerance)
    first = documents.numpy()[:, np.newaxis, np.newaxis] == 1
    elsewhere = attend(query, key, tf.where(first, value, tf.constant(1000, dtype)), bias, lambda x: x).numpy()
    of_first = np.broadcast_to(bias.queries.numpy()[:, np.newaxis, np.newaxis] == 1, got.shape)
    np.testing.assert_array_equal(elsewhere[of_first], got[of_first])


def test_no_bias_is_there_for_all_heads_at_once(packed):
    """Of all that is computed for it, what has a row for each query and a column for each key has the heads as well."""
    documents, scores = packed[1].documents, tf.zeros([len(ROWS), 2, SEQ, SEQ])
    graph = tf.function(add).get_concrete_function(scores, SameDocument(documents, documents)).graph
    shapes = {tuple(output.shape) for operation in graph.get_operations() for output in operation.outputs}
    assert {shape for shape in shapes if shape.count(SEQ) > 1} == {(len(ROWS), 2, SEQ, SEQ)}


def test_looked_up_rows_and_their_gradient(packed):
    table, positions = normal(1, SEQ, 8), document_positions(packed[1].documents)
    upstream = normal(2, len(ROWS), SEQ, 8)
    with tf.GradientTape() as tape:
        tape.watch(table)
        got = look_up(table, positions)
    np.testing.assert_array_equal(got, table.numpy()[positions.numpy()])
    expected = np.zeros(table.shape, np.float64)
    np.add.at(expected, positions.numpy(), upstream.numpy())
    np.testing.assert_allclose(tape.gradient(got, table, output_gradients=upstream), expected, rtol=1e-5, atol=1e-5)
