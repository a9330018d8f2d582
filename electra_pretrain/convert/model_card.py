"""The README.md of an exported model: what it is, how it was trained, on what, with what result."""

import enum
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from electra_pretrain.config.schema import Config


class Weights(enum.Enum):
    """Where weights are from that a card is about."""

    TRAINED = "trained"
    IMPORTED = "imported"
    RANDOM = "random"


class CardFacts(NamedTuple):
    """What a run's or an import's folder knows about itself."""

    step: int
    manifest: dict[str, Any] | None  # of the records; None where nothing was trained
    versions: dict[str, str]
    train_metrics: dict[str, float] | None
    heldout_metrics: dict[str, float] | None
    averaged: int = 1  # checkpoints, up to the one of this step, whose mean the weights are
    hardware: str = "not recorded"
    license: str = "unknown"  # as the hub names licences
    examples: Mapping[str, str] = {}  # kind of network -> what it said of a sentence
    weights: Weights = Weights.TRAINED
    origin: str = ""  # of the weights that it began with; "" for random ones
    vocabulary: dict[str, Any] | None = None  # as a manifest has it, where there is none; None where it is not told


def model_card(kind: str, config: Config, facts: CardFacts) -> str:
    """Write the card, as Markdown, of `discriminator`, `generator` or `masked_lm`."""
    imported = facts.weights is Weights.IMPORTED
    about = "" if imported else "language: ko\n"
    tags = "- electra" if imported else "- electra\n- korean"
    sections = [
        f"---\n{about}license: {facts.license}\nlibrary_name: transformers\ntags:\n{tags}\n---",
        f"# {'' if imported else 'Korean '}{_TITLES[kind]}",
        _origin(kind, config, facts),
        *([config.notes] if config.notes and facts.weights is Weights.TRAINED else []),
        f"## Use\n\n```python\n{_use(kind, config)}```",
        *([_EXAMPLE.format(facts.examples[kind])] if kind in facts.examples else []),
    ]
    if facts.weights is Weights.TRAINED and facts.manifest is not None:
        sections += [_training_text(facts.manifest), *_cleaning(facts.manifest), "## Metrics\n\n" + _metrics(facts)]
        settings = config.to_dict()
    else:
        vocabulary = facts.vocabulary if facts.manifest is None else facts.manifest["vocabulary"]
        sections += ["## Vocabulary\n\n" + _table(_of_vocabulary(vocabulary))] if vocabulary is not None else []
        settings = {"model": config.to_dict()["model"]}
    text = json.dumps({**settings, "versions": facts.versions}, ensure_ascii=False, indent=2)
    return "\n\n".join([*sections, f"## Settings\n\n```json\n{text}\n```"]) + "\n"


def _origin(kind: str, config: Config, facts: CardFacts) -> str:
    """Say what the network is and where its weights are from."""
    if facts.weights is Weights.RANDOM:
        return f"Random weights, drawn from training.seed = {config.training.seed}: this network has learnt nothing."
    taught = _TAUGHT["electric" if kind == "discriminator" and config.objective.electric_objective else kind]
    if facts.weights is Weights.IMPORTED:
        return f"{taught}. The weights are those of {facts.origin}; electra_pretrain converted them, and trained nothing."
    text = (
        f"{taught}, after {facts.step:,} of {config.training.num_train_steps:,} steps, trained with electra_pretrain on "
        f"{facts.hardware}."
    )
    text += f" It began with the weights of {facts.origin}." if facts.origin else ""
    return text + (f" The weights are the mean of {facts.averaged} checkpoints up to this step." if facts.averaged > 1 else "")


def _use(kind: str, config: Config) -> str:
    """Return code that runs the model."""
    if kind != "discriminator":
        return _GENERATOR_USE
    return _ELECTRIC_USE if config.objective.electric_objective else _DISCRIMINATOR_USE


def _training_text(manifest: dict[str, Any]) -> str:
    counts = manifest["counts"]
    rows = {
        "documents": _count(counts["documents"]),
        "sentences": _count(counts["sentences"]),
        "characters": _count(counts["characters"]),
        "tokens": f"{counts['tokens']:,}",
        "[UNK] rate": f"{manifest['unk_rate']:.4%}",
        "training examples": f"{manifest['train_examples']:,} of {manifest['max_seq_length']} tokens",
        "held-out examples": f"{manifest['heldout_examples']:,}",
        **_of_vocabulary(manifest["vocabulary"]),
        "Unicode normalisation": manifest["vocabulary"]["unicode_normalization"],
        "data fingerprint": f"`{manifest['fingerprint']}`",
    }
    return "## Training text\n\n" + _table(rows)


def _of_vocabulary(vocabulary: dict[str, Any]) -> dict[str, str]:
    return {
        "vocabulary": f"{vocabulary['size']:,} tokens ({vocabulary['type']}), SHA-256 `{vocabulary['sha256']}`",
        "lower case": "yes" if vocabulary["do_lower_case"] else "no",
        **({"accents": "taken off"} if vocabulary["strip_accents"] else {}),
    }


_TITLES = {
    "discriminator": "ELECTRA discriminator",
    "generator": "ELECTRA generator",
    "masked_lm": "masked language model",
}
_TAUGHT = {
    "discriminator": "The discriminator of a pair that learnt by replaced-token detection (Clark et al., ICLR 2020)",
    "generator": "The generator of a pair that learnt by replaced-token detection (Clark et al., ICLR 2020)",
    "electric": "The energy model of Electric (Clark et al., EMNLP 2020), which learnt to tell text from a generator's noise",
    "masked_lm": "A network that learnt to fill in masked tokens",
}
_EXAMPLE = """\
What these weights say, computed by the training code when they were exported:

```
{}
```"""
_DISCRIMINATOR_USE = """\
from transformers import AutoModel, AutoTokenizer, ElectraForPreTraining

folder = "."  # this folder, or its name on the hub
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModel.from_pretrained(folder)  # to fine-tune
detector = ElectraForPreTraining.from_pretrained(folder)  # a logit above 0: this token was replaced
logits = detector(**tokenizer("오늘은 날씨가 참 맑습니다.", return_tensors="pt")).logits
"""

_ELECTRIC_USE = """\
from transformers import AutoModel, AutoTokenizer, ElectraForPreTraining

folder = "."  # this folder, or its name on the hub
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModel.from_pretrained(folder)  # to fine-tune
scorer = ElectraForPreTraining.from_pretrained(folder)
# Of each token -log of its probability given all the others, but not normalised: the lower, the likelier. No sigmoid of it
# is the probability that the token was replaced: for that the generator's own odds would have to be added.
energies = scorer(**tokenizer("오늘은 날씨가 참 맑습니다.", return_tensors="pt")).logits
print(energies)
"""

_GENERATOR_USE = """\
from transformers import AutoModelForMaskedLM, AutoTokenizer

folder = "."  # this folder, or its name on the hub
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForMaskedLM.from_pretrained(folder)
inputs = tokenizer("오늘은 [MASK]가 참 맑습니다.", return_tensors="pt")
probs = model(**inputs).logits[inputs.input_ids == tokenizer.mask_token_id].softmax(-1)
print(tokenizer.convert_ids_to_tokens(probs[0].topk(5).indices))
"""


def _cleaning(manifest: dict[str, Any]) -> list[str]:
    """Write a section on how the text came about; none where the records do not tell."""
    if "corpus_steps" not in manifest or not manifest["corpus_steps"]:
        return []
    steps = json.dumps(manifest["corpus_steps"], ensure_ascii=False, indent=2)
    commands = ", then ".join(f"`{step['command']}`{_recipe_name(step)}" for step in manifest["corpus_steps"])
    return [f"## Cleaning\n\nThe text came about by {commands}.\n\n```json\n{steps}\n```"]


def _recipe_name(step: dict[str, Any]) -> str:
    recipe = {"recipe": None, **step}["recipe"]
    return f" (recipe {recipe['name']})" if isinstance(recipe, dict) and "name" in recipe else ""


def _metrics(facts: CardFacts) -> str:
    if facts.train_metrics is None and facts.heldout_metrics is None:
        return "None were recorded up to this step."
    train, heldout = facts.train_metrics or {}, facts.heldout_metrics or {}
    names = [name for name in {**train, **heldout} if name.startswith(("masked_lm", "sampled", "cloze", "disc"))]

    def cell(metrics: dict[str, float], name: str) -> str:
        return f"{metrics[name]:.4f}" if name in metrics else "–"

    rows = [f"| {name} | {cell(train, name)} | {cell(heldout, name)} |" for name in names]
    heads = [
        f"{kind} (step {int(metrics['step']):,})" if metrics else kind
        for kind, metrics in (("training", train), ("held-out", heldout))
    ]
    return "\n".join([f"| | {heads[0]} | {heads[1]} |", "|---|---|---|", *rows])


def _count(value: int | None) -> str:
    """Write a count; None where records were adopted, which do not tell what text they were made of."""
    return "not known" if value is None else f"{value:,}"


def _table(rows: dict[str, str]) -> str:
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())])
