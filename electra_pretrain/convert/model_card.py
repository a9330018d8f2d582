"""The README.md of an exported model: what it is, how it was trained, on what, with what result."""

import enum
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from electra_pretrain.config.schema import Config
from electra_pretrain.convert.card_code import Example
from electra_pretrain.convert.card_uses import metadata_lines, taught, title, uses


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
    examples: Mapping[str, Example] = {}  # kind of network -> code that runs it, with its output
    weights: Weights = Weights.TRAINED
    origin: str = ""  # of the weights that it began with; "" for random ones
    vocabulary: dict[str, Any] | None = None  # as a manifest has it, where there is none; None where it is not told
    is_korean: bool = False  # by its vocabulary
    no_generator: str = ""  # why none is exported; "" where one is, or where there is no pair
    dtype: str = "float32"  # of the weights written
    teacher: str = ""  # a student's, and which of its layers it began with; "" where there is none, or it is not told


_SCORES = ("masked_lm", "sampled", "cloze", "disc", "distil", "cosine", "teacher")  # but the discriminator's rate and norm
_NOTES = "What its config says of the recipe; published figures are those of the model that it follows, not of this one:\n\n> "
_EXAMPLE = """\
## Example

```python
{}```

prints

```
{}
```

The output was computed when the model was exported, in float32 on a CPU; on a GPU or in half precision the last digit may be
another."""
# What a class of `transformers` other than AutoTokenizer would do otherwise belongs here.
_TOKENIZER = "Load it with `AutoTokenizer`, which takes `tokenizer.json` as it is."


def model_card(kind: str, config: Config, facts: CardFacts) -> str:
    """Write the card, as Markdown, of `discriminator`, `generator` or `masked_lm`."""
    sections = [
        _metadata(kind, facts),
        f"# {'Korean ' if facts.is_korean else ''}{title(kind, config)}",
        _origin(kind, config, facts),
        *([_NOTES + config.notes] if config.notes and facts.weights is Weights.TRAINED else []),
        "## What it is for\n\n" + _purpose(kind, config, facts),
        *([_EXAMPLE.format(*facts.examples[kind])] if kind in facts.examples else []),
        "## Tokenizer\n\n" + _TOKENIZER,
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


def _metadata(kind: str, facts: CardFacts) -> str:
    """Write the YAML that the hub reads."""
    language, tag = ("language: ko\n", "\n- korean") if facts.is_korean else ("", "")
    pipeline = metadata_lines(kind, learnt=facts.weights is not Weights.RANDOM)
    # Quoted, as a licence such as 1.0 or no would be no text.
    return f'---\n{language}license: "{facts.license}"\nlibrary_name: transformers\n{pipeline}tags:\n- electra{tag}\n---'


def _origin(kind: str, config: Config, facts: CardFacts) -> str:
    """Say what the network is and where its weights are from."""
    stored = "" if facts.dtype == "float32" else f" Numbers are stored as {facts.dtype}."
    if facts.weights is Weights.RANDOM:
        return f"Random weights, drawn from training.seed = {config.training.seed}: this network has learnt nothing.{stored}"
    about = taught(kind, config)
    if facts.weights is Weights.IMPORTED:
        return (
            f"{about}. The weights are those of {facts.origin}; electra_pretrain converted them, and trained nothing.{stored}"
        )
    text = f"{about}, after {facts.step:,} of {config.training.num_train_steps:,} steps, trained with electra_pretrain."
    text += _student(config, facts)
    text += f" Hardware: {facts.hardware}."
    text += f" It began with the weights of {facts.origin}." if facts.origin else ""
    text += f" The weights are the mean of {facts.averaged} checkpoints up to this step." if facts.averaged > 1 else ""
    return text + stored


def _student(config: Config, facts: CardFacts) -> str:
    """Say whose student the network is, and by which losses it learnt; nothing of one that has no teacher."""
    distillation = config.distillation
    if distillation is None:
        return ""
    losses = {
        "alpha_ce": f"the teacher's probabilities at temperature {distillation.temperature:g}",
        "alpha_mlm": "the masked tokens",
        "alpha_cos": "the direction of the last hidden states",
        "alpha_disc": "which tokens were replaced",
    }
    weights = {name: getattr(distillation, name) for name in losses}
    said = "; ".join(f"{losses[name]} (`{name}` {weight:g})" for name, weight in weights.items() if weight)
    return f" It is a student (Sanh et al., 2019) of {facts.teacher or distillation.teacher}. What it learnt from: {said}."


def _purpose(kind: str, config: Config, facts: CardFacts) -> str:
    """Say which model is for what."""
    if facts.weights is Weights.RANDOM:
        return (
            "A baseline: what it scores after fine-tuning is what trained weights have to beat. What it says of text is noise."
        )
    return _table(uses(kind, config, facts.no_generator), "to", "take")


def _training_text(manifest: dict[str, Any]) -> str:
    counts = manifest["counts"]
    rows = {
        "documents": _count(counts["documents"]),
        "sentences": _count(counts["sentences"]),
        "characters": _count(counts["characters"]),
        "tokens": f"{counts['tokens']:,}",
        "[UNK] rate": f"{manifest['unk_rate']:.4%}",
        "training rows": f"{manifest['train_examples']:,} of {manifest['max_seq_length']} tokens",
        "held-out rows": f"{manifest['heldout_examples']:,}",
        **_of_rows(manifest),
        **_of_vocabulary(manifest["vocabulary"]),
        "Unicode normalisation": manifest["vocabulary"]["unicode_normalization"],
        "data fingerprint": f"`{manifest['fingerprint']}`",
    }
    return "## Training text\n\n" + _table(rows)


def _of_rows(manifest: dict[str, Any]) -> dict[str, str]:
    """Say how several documents came into a row; nothing where they did not, as in all records of earlier releases."""
    kind = {"short_documents": "apart", **manifest}["short_documents"]
    said = {"packed": "several in a row, each attending to itself alone", "joined": "one text, across their ends"}
    return {"documents in a row": said[kind]} if kind in said else {}


def _of_vocabulary(vocabulary: dict[str, Any]) -> dict[str, str]:
    return {
        "vocabulary": f"{vocabulary['size']:,} tokens ({vocabulary['type']}), SHA-256 `{vocabulary['sha256']}`",
        "lower case": "yes" if vocabulary["do_lower_case"] else "no",
        **({"accents": "taken off"} if vocabulary["strip_accents"] else {}),
    }


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
    names = [name for name in {**train, **heldout} if name.startswith(_SCORES) and not name.startswith("discriminator_")]

    def cell(metrics: dict[str, float], name: str) -> str:
        return f"{metrics[name]:.4f}" if name in metrics else "–"

    rows = [f"| {name} | {cell(train, name)} | {cell(heldout, name)} |" for name in names]
    heads = [
        f"{kind} (step {int(metrics['step']):,})" if metrics else kind
        for kind, metrics in (("training", train), ("held-out", heldout))
    ]
    mean = ["Of single checkpoints, not of their mean.\n"] if facts.averaged > 1 else []
    return "\n".join([*mean, f"| | {heads[0]} | {heads[1]} |", "|---|---|---|", *rows])


def _count(value: int | None) -> str:
    """Write a count; None where records were adopted, which do not tell what text they were made of."""
    return "not known" if value is None else f"{value:,}"


def _table(rows: dict[str, str], *heads: str) -> str:
    first, second = heads or ("", "")
    return "\n".join([f"| {first} | {second} |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())])
