"""Learning rates that fall from the output to the input, layer by layer, as the released ELECTRA code has them.

`_get_layer_lrs` of its `model/optimization.py`: embeddings are at depth 0, encoder layer i at i + 1, the task's head at n + 2,
and what lies k below the head has the rate times decay^k. The topmost layer thus lies two below the head: depth n + 1 is empty.
"""

import re
from collections.abc import Iterable
from typing import Any

from electra_pretrain.core.errors import UserError

_LAYER = re.compile(r"\b(?:encoder|transformer)\.layer\.(\d+)\.")  # the second: DistilBERT's
_EMBEDDINGS = re.compile(r"\bembeddings(_project)?\.")
_NO_DECAY = re.compile(r"LayerNorm|layer_norm|\bbias$")


def depth(name: str, num_layers: int) -> int:
    """Return how far from the input a parameter lies, by its name in a `transformers` model."""
    if (layer := _LAYER.search(name)) is not None:
        return int(layer.group(1)) + 1
    return 0 if _EMBEDDINGS.search(name) else num_layers + 2


def parameter_groups(
    named_parameters: Iterable[tuple[str, Any]],
    num_layers: int,
    learning_rate: float,
    layerwise_lr_decay: float,
    weight_decay: float,
) -> list[dict[str, Any]]:
    """Make an optimiser's groups, from the input to the output, each with a rate and a weight decay.

    Args:
        named_parameters: those that are trained.
        num_layers: of the encoder.
        learning_rate: the head's.
        layerwise_lr_decay: factor from one depth to the next below it; 1 gives all the same.
        weight_decay: of all but LayerNorms and biases.

    Raises:
        UserError: rates shall differ, and the model has no layers of these names.
    """
    groups: dict[tuple[int, bool], list[Any]] = {}
    for name, parameter in named_parameters:
        groups.setdefault((depth(name, num_layers), _NO_DECAY.search(name) is None), []).append(parameter)
    if layerwise_lr_decay != 1 and not any(0 < at <= num_layers for at, _ in groups):
        raise UserError("layerwise_lr_decay: this model's layers are not named encoder.layer.N; set it to 1")
    return [
        {
            "params": parameters,
            "lr": learning_rate * layerwise_lr_decay ** (num_layers + 2 - at),
            "weight_decay": weight_decay if decays else 0.0,
        }
        for (at, decays), parameters in sorted(groups.items(), key=lambda group: group[0])
    ]
