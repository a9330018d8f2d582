"""Weights of a model whose discriminator has tables of its own, as a difference, and the config of such a model."""

import numpy as np

from tests.conftest import MICRO, changed
from tests.support import released_weights
from tests.support.released_weights import LAYERS, E, F, G, H, P, V

TABLES = ("word_embeddings", "position_embeddings")
DIFFERENCES = tuple(f"electra/embeddings_difference/{name}" for name in TABLES)
CONFIG = changed(
    MICRO,
    model={
        "num_hidden_layers": LAYERS,
        "hidden_size": H,
        "embedding_size": E,
        "intermediate_size": F,
        "num_attention_heads": 2,
        "max_position_embeddings": P,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    },
    objective={"generator_hidden_size": G / H, "embedding_sharing": "gradient_disentangled"},
    data={"vocab_size": V, "max_seq_length": P},
)


def make_values():
    """Released name -> value."""
    rng = np.random.default_rng(11)
    rows = dict(zip(DIFFERENCES, (V, P), strict=True))
    return released_weights.make_values() | {
        name: rng.normal(scale=0.2, size=[count, E]).astype(np.float32) for name, count in rows.items()
    }


def added(values):
    """The same with the discriminator's tables where a released checkpoint has those of both networks."""
    tables = {f"electra/embeddings/{name}": values[difference] for name, difference in zip(TABLES, DIFFERENCES, strict=True)}
    return {name: value + tables.get(name, 0) for name, value in values.items() if name not in DIFFERENCES}
