"""Released names and Hugging Face's names for the same weights: one table, used both ways (method §7)."""

import re
from typing import NamedTuple

# (released, Hugging Face), applied to a whole path in this order; each line undoes itself when read from right to left.
_PARTS = (
    ("encoder/layer_", "encoder.layer."),
    ("attention/self/", "attention.self."),
    ("attention/output/", "attention.output."),
    ("discriminator_predictions/dense_1/", "discriminator_predictions.dense_prediction."),
    ("/", "."),
)


class HuggingFaceName(NamedTuple):
    """A weight's name in a Hugging Face state dict, and whether it lies transposed there."""

    name: str
    transposed: bool


def to_hugging_face(released: str) -> HuggingFaceName:
    """Name of a released variable in the state dict of the network that it belongs to.

    `electra/…` and `generator/…` are both called `electra.…` there, each in its own file.
    """
    name = re.sub(r"^generator/", "electra/", released)
    if name == "generator_predictions/output_bias":
        return HuggingFaceName("generator_lm_head.bias", False)
    for ours, theirs in _PARTS:
        name = name.replace(ours, theirs)
    if name.endswith(".kernel"):
        return HuggingFaceName(name.removesuffix("kernel") + "weight", True)
    if name.endswith("_embeddings"):
        return HuggingFaceName(name + ".weight", False)
    name = re.sub(r"LayerNorm\.gamma$", "LayerNorm.weight", name)
    return HuggingFaceName(re.sub(r"LayerNorm\.beta$", "LayerNorm.bias", name), False)


def discriminator_names(released: list[str]) -> list[str]:
    """Which of a checkpoint's variables make up the discriminator."""
    return [name for name in released if name.startswith(("electra/", "discriminator_predictions/"))]


def generator_names(released: list[str]) -> list[str]:
    """Which make up the generator: its own, and what it shares with the discriminator."""
    own = [name for name in released if name.startswith(("generator/", "generator_predictions/"))]
    own_networks = any(name.startswith("generator/encoder/") for name in own)
    own_embeddings = any(name.startswith("generator/embeddings/") for name in own)
    shared = []
    if not own_networks:
        shared = [name for name in released if name.startswith("electra/")]
    elif not own_embeddings:
        shared = [name for name in released if name.startswith("electra/embeddings/")]
    return sorted(own + shared)
