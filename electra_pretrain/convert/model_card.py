"""The README.md of an exported model: what it is, how it was trained, on what, with what result."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from electra_pretrain.config.schema import Config


class CardFacts(NamedTuple):
    """What a run's folder knows about itself."""

    step: int
    manifest: dict[str, Any]
    versions: dict[str, str]
    train_metrics: dict[str, float] | None
    heldout_metrics: dict[str, float] | None
    averaged: int = 1  # checkpoints, up to the one of this step, whose mean the weights are
    hardware: str = "not recorded"
    license: str = "unknown"  # as the hub names licences
    examples: Mapping[str, str] = {}  # kind of network -> what it said of a sentence


def model_card(kind: str, config: Config, facts: CardFacts) -> str:
    """Write the card, as Markdown, of `discriminator`, `generator` or `masked_lm`."""
    counts, vocabulary = facts.manifest["counts"], facts.manifest["vocabulary"]
    settings = json.dumps({**config.to_dict(), "versions": facts.versions}, ensure_ascii=False, indent=2)
    use = _DISCRIMINATOR_USE if kind == "discriminator" else _GENERATOR_USE
    sections = [
        f"---\nlanguage: ko\nlicense: {facts.license}\nlibrary_name: transformers\ntags:\n- electra\n- korean\n---",
        _TITLES[kind],
        f"{_TAUGHT[kind]}, after {facts.step:,} of {config.training.num_train_steps:,} steps, trained with electra_pretrain on "
        f"{facts.hardware}."
        + (f" The weights are the mean of {facts.averaged} checkpoints up to this step." if facts.averaged > 1 else ""),
        *([config.notes] if config.notes else []),
        f"## Use\n\n```python\n{use}```",
        *([_EXAMPLE.format(facts.examples[kind])] if kind in facts.examples else []),
        "## Training text\n\n"
        + _table(
            {
                "documents": _count(counts["documents"]),
                "sentences": _count(counts["sentences"]),
                "characters": _count(counts["characters"]),
                "tokens": f"{counts['tokens']:,}",
                "[UNK] rate": f"{facts.manifest['unk_rate']:.4%}",
                "training examples": f"{facts.manifest['train_examples']:,} of {facts.manifest['max_seq_length']} tokens",
                "held-out examples": f"{facts.manifest['heldout_examples']:,}",
                "vocabulary": f"{vocabulary['size']:,} tokens ({vocabulary['type']}), SHA-256 `{vocabulary['sha256']}`",
                "lower case": "yes" if vocabulary["do_lower_case"] else "no",
                "Unicode normalisation": vocabulary["unicode_normalization"],
                "data fingerprint": f"`{facts.manifest['fingerprint']}`",
            }
        ),
        *_cleaning(facts.manifest),
        "## Metrics\n\n" + _metrics(facts),
        f"## Settings\n\n```json\n{settings}\n```",
    ]
    return "\n\n".join(sections) + "\n"


_TITLES = {
    "discriminator": "# Korean ELECTRA discriminator",
    "generator": "# Korean ELECTRA generator",
    "masked_lm": "# Korean masked language model",
}
_TAUGHT = {
    "discriminator": "The discriminator of a pair that learnt by replaced-token detection (Clark et al., ICLR 2020)",
    "generator": "The generator of a pair that learnt by replaced-token detection (Clark et al., ICLR 2020)",
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
