"""Embeddings and the BERT encoder: post-LayerNorm blocks, learned positions, erf gelu (method §1)."""

from functools import partial
from typing import NamedTuple

import tensorflow as tf

from electra_pretrain.config.schema import Config
from electra_pretrain.core.rng import Random, Selection
from electra_pretrain.model.attention import Attention
from electra_pretrain.model.bias import Bias, Direction, SameDocument, attention_bias
from electra_pretrain.model.documents import document_positions, look_up
from electra_pretrain.model.kernels import arrange, in_gpu_program, remat, rows_axis
from electra_pretrain.model.layers import Dense, Initializer, LayerNorm, make_dropout


class Sizes(NamedTuple):
    """One network's shape."""

    num_hidden_layers: int
    hidden_size: int
    embedding_size: int
    intermediate_size: int
    num_attention_heads: int


def discriminator_sizes(config: Config) -> Sizes:
    """Return the sizes of the network that the config describes."""
    model = config.model
    return Sizes(
        model.num_hidden_layers,
        model.hidden_size,
        model.embedding_size,
        model.intermediate_size,
        model.num_attention_heads,
    )


def generator_sizes(config: Config) -> Sizes:
    """Return the sizes of an untied generator, derived from the discriminator's as the released code derives them."""
    model, objective = config.model, config.objective
    hidden_size = round(model.hidden_size * objective.generator_hidden_size)
    return Sizes(
        num_hidden_layers=max(1, round(model.num_hidden_layers * objective.generator_layers)),
        hidden_size=hidden_size,
        embedding_size=hidden_size if objective.embedding_sharing == "untied" else model.embedding_size,
        intermediate_size=4 * hidden_size,
        num_attention_heads=max(1, hidden_size // 64),
    )


class Embeddings(tf.Module):
    """Word + position + token type, then LayerNorm; shared by both networks unless the generator is given its own.

    A masked language model may do without token types.
    """

    def __init__(self, scope: str, size: int, config: Config, init: Initializer) -> None:
        super().__init__()
        rows = {
            "word_embeddings": config.data.vocab_size,
            "position_embeddings": config.model.max_position_embeddings,
        }
        if types := config.model.type_vocab_size:
            rows["token_type_embeddings"] = types
        tables = {
            name: tf.Variable(
                init.truncated_normal(f"{scope}/embeddings/{name}", [count, size]), name=f"{scope}/embeddings/{name}"
            )
            for name, count in rows.items()
        }
        self.word, self.position = tables["word_embeddings"], tables["position_embeddings"]
        self.token_type = tables.get("token_type_embeddings")
        self.layer_norm = LayerNorm(f"{scope}/embeddings", size)

    def __call__(self, input_ids: tf.Tensor, segment_ids: tf.Tensor, positions: tf.Tensor | None = None) -> tf.Tensor:
        """Embed int32 [B, S] twice -> float32 [B, S, E]; or, with `arrange` before it, [S, B] -> [S, B, E].

        `positions`, in the same shape, are those of rows whose tokens do not count from 0 to S - 1.
        """
        axis = rows_axis()
        words, places = self._tables()
        # A slice of the variable itself would keep it alive as long as the graph: longer than its trainer.
        table = tf.convert_to_tensor(places)[: input_ids.shape[1 - axis]]
        position = tf.expand_dims(table, axis) if positions is None else look_up(table, positions)
        if self.token_type is None:
            return self.layer_norm(tf.gather(words, input_ids) + position)
        token_type = tf.matmul(tf.one_hot(segment_ids, self.token_type.shape[0]), self.token_type)
        return self.layer_norm(tf.gather(words, input_ids) + token_type + position)

    def _tables(self) -> tuple[tf.Variable | tf.Tensor, tf.Variable | tf.Tensor]:
        """Return the words' and the positions' rows."""
        return self.word, self.position


class Block(tf.Module):
    """Attention, then the feed-forward layers."""

    def __init__(self, scope: str, sizes: Sizes, config: Config, init: Initializer) -> None:
        super().__init__()
        self._config = config.model
        self.attention = Attention(f"{scope}/attention", sizes.hidden_size, sizes.num_attention_heads, config, init)
        self.intermediate = Dense(f"{scope}/intermediate/dense", sizes.hidden_size, sizes.intermediate_size, init)
        self.output = Dense(f"{scope}/output/dense", sizes.intermediate_size, sizes.hidden_size, init)
        self.layer_norm = LayerNorm(f"{scope}/output", sizes.hidden_size)

    def __call__(
        self, x: tf.Tensor, bias: Bias, random: Random | None, scope: str, positions: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Map [B, S, H] to the same or, at `positions`, [B, N, H]; `scope` names the dropouts, since a block may repeat.

        In a GPU's program the first two axes are swapped, and what the feed-forward layers hold in between is computed again
        for the gradient.
        """
        axis = rows_axis()
        shape = [x.shape[1 - axis], x.shape[2]]
        selection = None if positions is None else Selection(0, positions)
        x = self.attention(x, bias, random, f"{scope}/attention", positions)
        y = remat(self._feed_forward, x) if in_gpu_program() else self._feed_forward(x)
        y = make_dropout(shape, self._config.hidden_dropout_prob, random, f"{scope}/output/dropout", selection, axis)(y)
        return self.layer_norm(y + x)

    def _feed_forward(self, x: tf.Tensor) -> tf.Tensor:
        return self.output.after_gelu(self.intermediate(x))


class Encoder(tf.Module):
    """Embeddings (given), projection where sizes differ, and the blocks, all under one scope.

    Attributes:
        layers: a block for each layer; the same one several times in a row where `model.num_hidden_groups` shares weights.
    """

    def __init__(
        self,
        scope: str,
        sizes: Sizes,
        embeddings: Embeddings,
        config: Config,
        init: Initializer,
        direction: Direction = Direction.BOTH,
    ) -> None:
        super().__init__()
        self._scope, self._config, self._direction = scope, config, direction
        self._remat = config.training.remat
        self.embeddings = embeddings
        self.embeddings_project = (
            Dense(f"{scope}/embeddings_project", sizes.embedding_size, sizes.hidden_size, init, glorot=True)
            if sizes.embedding_size != sizes.hidden_size
            else None
        )
        groups = config.model.num_hidden_groups
        # A name of their own for shared blocks: elsewhere "layer_0" is one block of many.
        name, count = ("group", groups) if groups else ("layer", sizes.num_hidden_layers)
        blocks = [Block(f"{scope}/encoder/{name}_{number}", sizes, config, init) for number in range(count)]
        self.layers = [block for block in blocks for _ in range(sizes.num_hidden_layers // count)]

    def __call__(
        self,
        input_ids: tf.Tensor,
        input_mask: tf.Tensor,
        segment_ids: tf.Tensor,
        random: Random | None,
        positions: tf.Tensor | None = None,
        documents: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Encode int32 [B, S] three times -> hidden states [B, S, H] in the compute dtype; dropout only with `random`.

        With `positions`, int32 [B, N], only [B, N, H]: what `tf.gather` would take of the whole. The last block then computes
        no more than these. With `documents`, int32 [B, S] of `document_numbers`, each document is encoded as if it were alone.
        An encoder of one direction can do neither.
        """
        assert (positions is None and documents is None) or self._direction is Direction.BOTH
        within = None if documents is None else arrange(document_positions(documents))
        x = self.embeddings(arrange(input_ids), arrange(segment_ids), within)
        x = tf.cast(x, tf.as_dtype(self._config.training.compute_dtype))
        rate, purpose = self._config.model.hidden_dropout_prob, f"{self._scope}/embeddings/dropout"
        x = make_dropout([input_ids.shape[1], x.shape[2]], rate, random, purpose, rows_axis=rows_axis())(x)
        if self.embeddings_project is not None:
            x = self.embeddings_project(x)
        bias = attention_bias(input_mask, self._direction) if documents is None else SameDocument(documents, documents)
        for number, layer in enumerate(self.layers):
            scope = f"{self._scope}/encoder/layer_{number}"
            # So that a compiler's complaint names the layer.
            with tf.name_scope(scope):
                last = positions if number == len(self.layers) - 1 else None
                block = partial(layer, bias=bias, random=random, scope=scope, positions=last)
                x = remat(block, x) if self._remat else block(x)
        return arrange(x)
