"""What a model card says that its network is for, what it was taught, and which of a pair is for what else."""

from electra_pretrain.config.schema import Config

_TITLES = {
    "discriminator": "ELECTRA discriminator",
    "generator": "ELECTRA generator",
    "masked_lm": "masked language model",
    "electric": "Electric energy model",
}
_CITED = "replaced-token detection (Clark et al., ICLR 2020)"
_TAUGHT = {
    "discriminator": f"The discriminator of a pair that learnt by {_CITED}",
    "uniform": f"A discriminator that learnt by {_CITED}, with replacements drawn uniformly from the vocabulary",
    "student": f"A discriminator that learnt {_CITED} from a larger one, on the samples of that one's generator",
    "generator": f"The generator of a pair that learnt by {_CITED}",
    "electric": "The energy model of Electric (Clark et al., EMNLP 2020), which learnt to tell text from a generator's noise",
    "masked_lm": "A network that learnt to fill in masked tokens",
}
_FINE_TUNE = (
    "this model, as `AutoModelForSequenceClassification`, `AutoModelForTokenClassification`, … which put a fresh head in the "
    "place of its own"
)
_EMBEDDINGS = "this model, as `AutoModel`: a vector for each token. It learnt none for whole sentences; fine-tune it for those"
_NOISE = "gives noise: it has no head for that, and `transformers` would draw one at random"
_USES = {
    "discriminator": {
        "find replaced tokens": "this model, as `ElectraForPreTraining`",
        "fine-tune": _FINE_TUNE,
        "get embeddings": _EMBEDDINGS,
        "fill masks": f"{{generator}}. As a masked language model this one {_NOISE}",
    },
    "electric": {
        "tell how likely each token is, given the others": "this model, as `ElectraForPreTraining`: its output is an energy",
        "fine-tune": _FINE_TUNE,
        "get embeddings": _EMBEDDINGS,
        "fill masks": f"{{generator}}. As a masked language model this one {_NOISE}",
    },
    "generator": {
        "fill masks": "this model, as `AutoModelForMaskedLM`",
        "fine-tune, get embeddings": "the discriminator, which `export_hf` writes to `discriminator/`",
        "find replaced tokens": f"the discriminator. As `ElectraForPreTraining` this model {_NOISE}",
    },
    "masked_lm": {
        "fill masks": "this model, as `AutoModelForMaskedLM`",
        "fine-tune": _FINE_TUNE,
        "get embeddings": _EMBEDDINGS,
    },
}


def title(kind: str, config: Config) -> str:
    """Name the network of a directory: `discriminator`, `generator` or `masked_lm`."""
    return _TITLES[_network(kind, config)]


def taught(kind: str, config: Config) -> str:
    """Say what the network learnt, and whom it shares weights with; without a full stop."""
    if kind == "discriminator" and config.objective.uniform_generator:
        return _TAUGHT["uniform"]
    if kind == "discriminator" and config.distillation is not None:
        return _TAUGHT["student"]
    said = _TAUGHT[_network(kind, config)]
    is_one = kind != "masked_lm" and not (config.objective.untied_generator or config.objective.uniform_generator)
    return f"{said}; the two are one encoder with a head each" if is_one else said


def uses(kind: str, config: Config, no_generator: str) -> dict[str, str]:
    """Say what is done with what.

    Args:
        kind: of network.
        config: of the run.
        no_generator: why the export holds no generator; "" where it does.

    Returns:
        What one wants -> which model of the export is for it, and as which class.
    """
    generator = "the generator, which `export_hf` writes to `generator/`"
    generator = f"nothing here: no generator was exported, as {no_generator}" if no_generator else generator
    return {want: take.format(generator=generator) for want, take in _USES[_network(kind, config)].items()}


def metadata_lines(kind: str, learnt: bool) -> str:
    """Write the lines of a card's YAML that say by which pipeline the hub shows the model; none where it learnt nothing."""
    if not learnt:
        return "inference: false\n"
    # The hub would put a fresh head on a discriminator for any other task that it knows.
    return f"pipeline_tag: {'feature-extraction' if kind == 'discriminator' else 'fill-mask'}\n"


def _network(kind: str, config: Config) -> str:
    return "electric" if kind == "discriminator" and config.objective.electric_objective else kind
