"""What the name of a variable says of it: a weight, one of the optimiser's values, of which network."""

from collections.abc import Iterable

# Of float16's dynamic loss scale; `train/loss_scale.py` says what they are.
LOSS_SCALE_NAMES = ("loss_scale", "loss_scale_good_steps")
MOMENTS = ("adam_m", "adam_v")
STEP_NAME = "global_step"


def is_optimizer_value(name: str) -> bool:
    """Return whether a name is the step's, a moment's or the loss scale's, not a weight's."""
    return name == STEP_NAME or is_moment(name) or is_loss_scale(name)


def is_moment(name: str) -> bool:
    """Return whether a name is that of one of Adam's moments."""
    return name.endswith(tuple(f"/{slot}" for slot in MOMENTS))


def is_loss_scale(name: str) -> bool:
    """Return whether a name is one of those that only runs in float16 have; elsewhere nothing goes by it."""
    return name in LOSS_SCALE_NAMES


def is_generators(name: str) -> bool:
    """Return whether a weight is the generator's own, two towers' included."""
    return name.startswith(("generator", "cloze_predictions/"))


def is_generator_alone(names: Iterable[str]) -> bool:
    """Return whether these are the weights of a generator, or another masked language model, without a discriminator's head."""
    heads = {name.partition("/")[0] for name in names} & {"discriminator_predictions", "generator_predictions"}
    return heads == {"generator_predictions"}
