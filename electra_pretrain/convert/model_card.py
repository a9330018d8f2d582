"""The README.md of an exported model: what it is, how it was trained, on what, with what result."""

import json
from typing import Any, NamedTuple

from electra_pretrain.config import Config


class CardFacts(NamedTuple):
    """What a run's folder knows about itself."""

    step: int
    manifest: dict[str, Any]
    versions: dict[str, str]
    train_metrics: dict[str, float] | None
    heldout_metrics: dict[str, float] | None


def model_card(kind: str, config: Config, facts: CardFacts) -> str:
    """Markdown for `discriminator` or `generator`."""
    counts, vocabulary = facts.manifest["counts"], facts.manifest["vocabulary"]
    settings = json.dumps({**config.to_dict(), "versions": facts.versions}, ensure_ascii=False, indent=2)
    steps = facts.manifest.get("corpus_steps")  # a run's folder may hold the manifest of an older version
    use = _DISCRIMINATOR_USE if kind == "discriminator" else _GENERATOR_USE
    sections = [
        "---\nlanguage: ko\nlibrary_name: transformers\ntags:\n- electra\n- korean\n---",
        f"# Korean ELECTRA {kind}",
        f"The {kind} of a Korean ELECTRA pair, after {facts.step:,} of {config.training.num_train_steps:,} steps of "
        "replaced-token detection (Clark et al., ICLR 2020), trained with electra_pretrain.",
        *([config.notes] if config.notes else []),
        f"## Use\n\n```python\n{use}```",
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
        *([_corpus_steps(steps)] if steps else []),
        "## Metrics\n\n" + _metrics(facts),
        f"## Settings\n\n```json\n{settings}\n```",
    ]
    return "\n\n".join(sections) + "\n"


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
logits = model(**tokenizer("오늘은 [MASK]가 참 맑습니다.", return_tensors="pt")).logits
"""


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


def _corpus_steps(steps: list[dict[str, Any]]) -> str:
    """What made the text, step by step, with all that each step tells of itself."""
    content = json.dumps(steps, ensure_ascii=False, indent=2)
    names = ", ".join(f"`{step['command']}`" for step in steps)
    return f"### How the text was made\n\nBy {names}, in this order:\n\n```json\n{content}\n```"


def _count(value: int | None) -> str:
    """A count; None where records were adopted, which do not tell what text they were made of."""
    return "not known" if value is None else f"{value:,}"


def _table(rows: dict[str, str]) -> str:
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())])
