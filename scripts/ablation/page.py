"""Results into a page: tables between two markers, drawings beside it. The same results give the same bytes, however often."""

import math
import os
import re
from collections.abc import Mapping, Sequence

import numpy as np

from ablation.compare import (
    METRICS,
    MINUTES,
    TOKENS,
    Difference,
    Metric,
    differences,
    seconds_a_step,
    spread,
    values,
    variants_of,
)
from ablation.pictures import draw
from ablation.results import Result
from ablation.studies import BASELINE, STUDIES, Study
from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError
from electra_pretrain.evaluation.markdown import aligned

Runs = Mapping[int, Result]
_CAPTIONS = {
    "differences": "Differences to the baseline at the same tokens: a pale dot for each seed, their mean, two standard errors "
    "to both sides; further right is better.",
    "curves": "Means over the seeds, and a band of one standard deviation to both sides.",
}


def write(page: str, results: Sequence[Result], source: str) -> list[str]:
    """Write what a page has markers for, `<!-- ablate STUDY -->` and `<!-- end of STUDY -->`; return the studies written.

    Args:
        page: a Markdown file; the drawings go into its folder.
        results: of any studies.
        source: of the results, named in errors.

    Raises:
        UserError: the page has no markers of a study that there are results of.
    """
    text = before = files.read_text(page)
    written = []
    for name, study in STUDIES.items():
        found = [result for result in results if result.study == name]
        marked = re.compile(rf"(<!-- ablate {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
        if not found or not marked.search(text):
            continue
        picture = f"ablation_{name}.png"
        body = section(study, found, picture)
        text = marked.sub(rf"\g<1>{_literal(body)}\g<2>", text)
        files.write_bytes(os.path.join(os.path.dirname(page), picture), draw(study, variants_of(found)))
        written.append(name)
    if not written:
        raise UserError(f"{page}: has no line <!-- ablate STUDY --> of a study that {source} has results of")
    if text != before:
        files.write_text(page, text)
    return written


def _literal(text: str) -> str:
    """Return the text as a replacement in which nothing stands for a group."""
    return text.replace("\\", r"\\")


def section(study: Study, results: Sequence[Result], picture: str) -> str:
    """Write what one study gave, as Markdown."""
    variants = variants_of(results)
    parts = [f"![{study.title}: {study.picture}]({picture})", _CAPTIONS[study.picture]]
    tables = {reading: _table(study, variants, reading) for reading in (TOKENS, MINUTES)}
    parts += [part for reading, table in tables.items() for part in (f"At {reading}:", table)]
    parts += ["What each run took:", _costs(study, variants), *_notes(study, variants)]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _table(study: Study, variants: Mapping[str, Runs], reading: str) -> str:
    read = {metric: values(variants, metric, reading) for metric in METRICS}
    compared = {metric: differences(read[metric], metric.up) for metric in METRICS}
    metrics = [metric for metric in METRICS if any(read[metric].values())]
    rows = []
    for name in variants:
        row = [_called(study, name)]
        for metric in metrics:
            row.append(_cell(metric, list(read[metric][name].values()), compared[metric].get(name)))
        rows.append(row)
    return aligned(["variant", *(metric.title for metric in metrics)], rows)


def _cell(metric: Metric, found: Sequence[float], difference: Difference | None) -> str:
    """Write "5.1710 ± 0.0120" of the baseline, "5.1590 (-0.0120 ± 0.0040, better)" of another."""
    if not found:
        return "–"
    mean = f"{np.mean(found):.{metric.digits}f}"
    if difference is None:
        deviation = spread(found)
        return mean if deviation is None else f"{mean} ± {deviation:.{metric.digits}f}"
    error = "" if math.isnan(difference.error) else f" ± {difference.error:.{metric.digits}f}"
    by = round(difference.mean, metric.digits) + 0.0  # no minus before a zero
    return f"{mean} ({by:+.{metric.digits}f}{error}, {difference.word})"


def _costs(study: Study, variants: Mapping[str, Runs]) -> str:
    """Write, a line a variant: seeds, steps, real tokens, time on the device and of the CPU."""
    rows = []
    for name, runs in variants.items():
        seconds, last = seconds_a_step(runs), [run.looks[-1] for run in runs.values()]
        cpu = [run.cpu_seconds / 60 for run in runs.values() if run.cpu_seconds is not None]
        rows.append(
            [
                _called(study, name),
                str(len(runs)),
                f"{np.median([look.step for look in last]):,.0f}",
                f"{np.median([look.tokens for look in last]) / 1e6:.2f} M",
                f"{seconds * 1000:.1f}",
                f"{np.median([look.step for look in last]) * seconds / 60:.1f}",
                f"{np.median(cpu):.1f}" if cpu else "–",
            ]
        )
    head = ["variant", "seeds", "steps", "real tokens", "ms a step", "minutes of steps", "CPU minutes of the run"]
    return aligned(head, rows)


def _notes(study: Study, variants: Mapping[str, Runs]) -> list[str]:
    """Say how far seeds alone lie apart, on what it was measured, and what is missing."""
    baseline = variants.get(BASELINE, {})
    apart = []
    for metric in METRICS:
        found = list(values(variants, metric, TOKENS).get(BASELINE, {}).values())
        if (deviation := spread(found)) is not None:
            apart.append(
                f"{metric.title} {deviation:.{metric.digits}f} ({min(found):.{metric.digits}f} to "
                f"{max(found):.{metric.digits}f})"
            )
    notes = [f"Between the {len(baseline)} seeds of the baseline, as deviation and range: {'; '.join(apart)}."] if apart else []
    missing = [_called(study, name) for name in study.variants if name not in variants]
    seeds = max(map(len, variants.values()))
    fewer = [f"{_called(study, name)} ({len(runs)})" for name, runs in variants.items() if len(runs) < seeds]
    notes += [f"Of fewer seeds than {seeds}: {', '.join(fewer)}."] if fewer else []
    notes += [f"Not run: {', '.join(missing)}."] if missing else []
    hardware = sorted({run.hardware for runs in variants.values() for run in runs.values()})
    return [*notes, f"Measured on: {'; '.join(hardware)}."]


def _called(study: Study, name: str) -> str:
    return study.names.get(name, name)
