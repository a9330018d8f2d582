"""What torch's side of a comparison is built from, read from a config's fields."""

from typing import Any, NamedTuple


class NetworkSizes(NamedTuple):
    """One encoder's shape, and its dropout."""

    vocab_size: int
    embedding_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int
    hidden_dropout_prob: float
    attention_probs_dropout_prob: float


class Sizes(NamedTuple):
    """A training step: both networks, the batch, the optimiser.

    Attributes:
        discriminator: the network that is kept.
        generator: the other; it shares the embeddings.
        initializer_range: standard deviation of initial weights.
        batch: sequences of a step.
        length: tokens of a sequence.
        slots: masked positions of a sequence.
        gen_weight: of the generator's loss.
        disc_weight: of the discriminator's loss.
        optimizer: the config's section.
        compute_dtype: the config's.
    """

    discriminator: NetworkSizes
    generator: NetworkSizes
    initializer_range: float
    batch: int
    length: int
    slots: int
    gen_weight: float
    disc_weight: float
    optimizer: dict[str, Any]
    compute_dtype: str


def sizes_of(config: dict[str, Any]) -> Sizes:
    """Read them from a config's fields, section by section."""
    model, objective, training = config["model"], config["objective"], config["training"]
    length = config["data"]["max_seq_length"]
    hidden_size = round(model["hidden_size"] * objective["generator_hidden_size"])
    discriminator = NetworkSizes(
        config["data"]["vocab_size"],
        *(model[name] for name in NetworkSizes._fields[1:]),
    )
    generator = discriminator._replace(
        hidden_size=hidden_size,
        num_hidden_layers=max(1, round(model["num_hidden_layers"] * objective["generator_layers"])),
        num_attention_heads=max(1, hidden_size // 64),
        intermediate_size=4 * hidden_size,
    )
    return Sizes(
        discriminator,
        generator,
        model["initializer_range"],
        training["train_batch_size"],
        length,
        int((objective["mask_prob"] + 0.005) * length),
        objective["gen_weight"],
        objective["disc_weight"],
        config["optimizer"],
        training["compute_dtype"],
    )


def is_plain(config: dict[str, Any]) -> bool:
    """Return whether torch's side computes what this config asks for: a plain ELECTRA, a batch at once."""
    model, objective, training = config["model"], config["objective"], config["training"]
    variants = (
        "electric_objective",
        "uniform_generator",
        "two_tower_generator",
        "disallow_correct",
    )
    return (
        objective["electra_objective"]
        and objective["untied_generator"]
        and objective["embedding_sharing"] == "tied"
        and objective["masking"] == "token"
        and not objective["mask_prob_end"]
        and not any(objective[name] for name in variants)
        and objective["temperature"] == 1
        and not model["num_hidden_groups"]
        and not training["remat"]
        and training["gradient_accumulation_steps"] == 1
    )
