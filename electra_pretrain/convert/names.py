"""Released names and Hugging Face's names for the same weights: one table, used both ways (method §7)."""

import re
from typing import NamedTuple

# (released, Hugging Face), applied to a whole path in this order; each line undoes itself when read from right to left.
_WITHIN = (
    ("encoder/layer_", "encoder.layer."),
    ("attention/self/", "attention.self."),
    ("attention/output/", "attention.output."),
    ("discriminator_predictions/dense_1/", "discriminator_predictions.dense_prediction."),
    ("generator_predictions/output_bias", "generator_lm_head.bias"),
    ("/", "."),
)
# (released, Hugging Face, whether it lies transposed there), the ends of paths; the first that fits is taken.
_ENDS = (
    ("LayerNorm/gamma", "LayerNorm.weight", False),
    ("LayerNorm/beta", "LayerNorm.bias", False),
    ("word_embeddings", "word_embeddings.weight", False),
    ("position_embeddings", "position_embeddings.weight", False),
    ("token_type_embeddings", "token_type_embeddings.weight", False),
    ("kernel", "weight", True),
)


class Name(NamedTuple):
    """A weight's name on the other side, and whether it lies transposed in a Hugging Face state dict."""

    name: str
    transposed: bool


def to_hugging_face(released: str) -> Name:
    """Return a released variable's name in the state dict of the network that it belongs to.

    `electra/…` and `generator/…` are both called `electra.…` there, each in its own file.
    """
    name = re.sub(r"^generator/", "electra/", released)
    transposed = False
    for ours, theirs, crosswise in _ENDS:
        if name.endswith(f"/{ours}"):
            name, transposed = name.removesuffix(ours) + theirs, crosswise
            break
    for ours, theirs in _WITHIN:
        name = name.replace(ours, theirs)
    return Name(name, transposed)


def from_hugging_face(name: str, scope: str) -> Name:
    """Return the released name of a weight in a Hugging Face state dict.

    For a name that no ELECTRA has, it is one that no ELECTRA has either.

    Args:
        name: there.
        scope: what `electra.…` is called here: "electra", or "generator" for a generator's own file.
    """
    released, transposed = name, False
    for ours, theirs, crosswise in _ENDS:
        if name.endswith(f".{theirs}"):
            released, transposed = name.removesuffix(theirs) + ours, crosswise
            break
    for ours, theirs in _WITHIN:
        released = released.replace(theirs, ours)
    return Name(re.sub(r"^electra/", f"{scope}/", released), transposed)


def discriminator_names(released: list[str]) -> list[str]:
    """Choose, of a checkpoint's variables, those that make up the discriminator."""
    return [name for name in released if name.startswith(("electra/", "discriminator_predictions/"))]


def generator_names(released: list[str]) -> list[str]:
    """Choose those that make up the generator: its own, and what it shares with the discriminator."""
    own = [name for name in released if name.startswith(("generator/", "generator_predictions/"))]
    own_networks = any(name.startswith("generator/encoder/") for name in own)
    own_embeddings = any(name.startswith("generator/embeddings/") for name in own)
    shared = []
    if not own_networks:
        shared = [name for name in released if name.startswith("electra/")]
    elif not own_embeddings:
        shared = [name for name in released if name.startswith("electra/embeddings/")]
    return sorted(own + shared)
