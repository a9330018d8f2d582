"""Our scores beside published ones: every published number with its source, ours in the right column, and what differs told."""

import json
import re
import unicodedata

import numpy as np
import pytest

from electra_pretrain import compare
from electra_pretrain.core.errors import UserError
from electra_pretrain.evaluation.markdown import aligned
from electra_pretrain.evaluation.published import tables
from electra_pretrain.finetuning import registry

NUMBER = r"\d{2}\.\d{1,3}( \(\d{2}\.\d\))?"


def write_result(folder, task="nsmc", seed=0, metrics=None, model="models/small", **more):
    folder.mkdir(parents=True)
    metrics = {"accuracy": 90.0} if metrics is None else metrics
    result = {"task": task, "model": model, "metrics": metrics, "metric": next(iter(metrics)), "seed": seed, "split": "test"}
    (folder / "results.json").write_text(json.dumps(result | more))
    return folder


def shown(*arguments):
    return compare.compare(compare.parse_args([str(argument) for argument in arguments]))


def rows(text):
    """First cell of a table's row -> its other cells."""
    lines = [[cell.strip() for cell in line.split(" | ")] for line in text.splitlines() if line.startswith("| ")]
    return {line[0].removeprefix("| "): [cell.removesuffix(" |") for cell in line[1:]] for line in lines}


@pytest.mark.parametrize("table", tables(), ids=lambda table: table.name)
def test_published_rows_have_a_source_and_their_columns_are_tasks_of_ours(table):
    for column in table.columns:
        task = registry.find_task(column.task)
        assert set(column.metrics) <= set(task.metrics)
        assert column.metrics[0] == task.metric
        assert column.split is None or column.split in ("dev", "test")
    assert {row.source for row in table.rows} == set(table.sources)
    for source in table.sources.values():
        assert source.title and re.fullmatch(r"https://github\.com/[\w-]+/[\w-]+/blob/[0-9a-f]{40}/[\w/.]+", source.address)
    assert len({row.model for row in table.rows}) == len(table.rows)
    for row in table.rows:
        for column, score in zip(table.columns, row.scores, strict=True):
            pattern = " / ".join([NUMBER] * len(column.metrics))
            assert score is None or re.fullmatch(pattern, score), (row.model, column.head, score)
    for column, scores in zip(table.columns, zip(*(row.scores for row in table.rows), strict=True), strict=True):
        assert any(scores), f"nobody published {column.head}"


def test_published_numbers_are_the_sources():
    """A few, as the sources print them."""
    found = {
        (table.name, row.model): dict(zip([column.head for column in table.columns], row.scores, strict=True))
        for table in tables()
        for row in table.rows
    }
    base, small = found["korean", "KoELECTRA-Base-v3"], found["korean", "KoELECTRA-Small-v3"]
    assert list(base.values()) == ["90.63", "88.11", "84.45", "82.24", "85.53", "95.25", "84.83 / 93.45", "67.61"]
    assert list(small.values()) == ["89.36", "85.40", "77.45", "78.60", "80.79", "94.85", "82.11 / 91.13", "63.07"]
    assert found["korean", "KcELECTRA-base-v2022"]["NSMC (acc)"] == "91.97"
    student, teacher = found["korean", "DistilKoBERT (its own)"], found["korean", "KoBERT (DistilKoBERT's)"]
    published = {"NSMC (acc)": ("88.41", "89.63"), "Naver NER (F1)": ("84.13", "86.11")}
    published["KorQuAD (EM / F1)"] = ("54.12 / 77.80", "52.81 / 80.27")
    assert {head: (student[head], teacher[head]) for head in student if student[head]} == published
    assert found["klue", "KLUE-RoBERTa-large"]["MRC (EM / ROUGE)"] == "75.58 / 80.59"
    assert found["chinese", "ELECTRA-small"]["CMRC 2018 dev (EM / F1)"] == "63.4 (62.9) / 80.8 (80.2)"
    assert found["chinese", "ELECTRA-base"]["BQ test (acc)"] == "84.5 (84.0)"


def test_ours_stand_below_theirs_in_the_same_columns(tmp_path):
    values = [90.1, 90.4, 91.3]
    for seed, value in enumerate(values):
        write_result(tmp_path / "ours" / f"nsmc-{seed}", seed=seed, metrics={"accuracy": value})
    write_result(tmp_path / "ours" / "qa", "korquad", metrics={"exact_match": 80.25, "f1": 90.5}, split="dev")
    output = tmp_path / "new" / "table.md"
    text = shown(tmp_path / "ours", "--published", "--output", output)
    assert output.read_text() == "<!-- electra_pretrain compare -->\n" + text
    table = rows(text)
    assert table["KoBERT"] == ["89.59", "87.92", "81.25", "79.62", "81.59", "94.85", "51.75 / 79.15", "66.21", "[1]"]
    nsmc = f"**{np.mean(values):.2f} ± {np.std(values, ddof=1):.2f}**"
    assert table["**small**"] == [nsmc, "–", "–", "–", "–", "–", "**80.25 / 90.50**", "–", "ours"]
    assert list(table)[-1] == "**small**"
    assert "## KLUE" not in text and "- small: mean ± sample standard deviation of 1 to 3 seeds." in text
    assert "[1] KoELECTRA, finetune/README_EN.md" in text
    assert rows(shown(tmp_path / "ours"))["**small**"] == [nsmc, "**80.25 / 90.50**"], "only our columns without --published"


def test_every_line_of_a_table_is_as_wide_as_the_others():
    text = aligned(["model", "a|b"], [["우리 모델", "1.00"], ["KoELECTRA", "10.00 ± 0.10"]])
    widths = {sum(2 if unicodedata.east_asian_width(letter) == "W" else 1 for letter in line) for line in text.splitlines()}
    assert len(widths) == 1
    assert text.splitlines()[2] == "| 우리 모델 |         1.00 |"


def test_what_is_not_as_it_was_published_is_told(tmp_path):
    more = {"max_steps": 200, "select": "best", "stuck_at_chance": True}
    write_result(tmp_path / "a", split="dev", **more)
    text = shown(tmp_path / "a", "--published")
    assert "**90.00†**" in text
    for note in (
        "- small, nsmc: scored on dev; published is test.",
        "- small: fine-tuned for at most 200 steps, not for as long as the config says.",
        "- small: the best of several checkpoints of a fine-tuning",
        "- small: † a seed was stuck at chance",
        "- small: one seed.",
    ):
        assert note in text
    write_result(tmp_path / "b")
    clean = shown(tmp_path / "b", "--published")
    assert [line for line in clean.splitlines() if line.startswith("- small")] == ["- small: one seed."]


def test_each_split_has_its_column(tmp_path):
    write_result(tmp_path / "a", "drcd", metrics={"exact_match": 80.0, "f1": 85.0})
    write_result(tmp_path / "b", "cmrc2018", metrics={"exact_match": 60.0, "f1": 75.0}, split="dev")
    assert rows(shown(tmp_path))["model"] == ["CMRC 2018 dev (EM / F1)", "DRCD test (EM / F1)"]


def test_models_are_told_apart_by_the_ends_of_their_paths(tmp_path):
    write_result(tmp_path / "a", model="x/model")
    write_result(tmp_path / "b", model="y/model")
    assert list(rows(shown(tmp_path)))[2:] == ["**x/model**", "**y/model**"]


def test_an_evaluation_of_checkpoints_is_one_row_or_one_a_checkpoint(tmp_path):
    cell = {"model": "out/exports/step-1000", "metric": "accuracy", "split": "test", "task": "nsmc"}
    scores = {(step, seed): {"accuracy": 80.0 + step / 1000 + seed} for step in (0, 1000) for seed in (0, 1)}
    cells = [cell | {"step": step, "seed": seed, "metrics": metrics} for (step, seed), metrics in scores.items()]
    (tmp_path / "results.json").write_text(json.dumps({"run": "runs/base", "cells": cells, "means": []}))
    assert list(rows(shown(tmp_path)).items())[2:] == [("**base, step 1,000**", ["**81.50 ± 0.71**"])]
    assert list(rows(shown(tmp_path, "--all_steps")))[2:] == ["**base, random weights**", "**base, step 1,000**"]


def test_mistakes(tmp_path):
    (tmp_path / "empty").mkdir()
    write_result(tmp_path / "twice" / "a")
    write_result(tmp_path / "twice" / "b", metrics={"accuracy": 91.0})
    nan = '{"task": "nsmc", "model": "m", "seed": 0, "metric": "f1", "metrics": {"f1": NaN}}'
    for name, text in (("broken", "{"), ("other", '{"a": 1}'), ("infinite", nan)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "results.json").write_text(text)
    for arguments, message in (
        ([], "name results to compare, or --published"),
        (["nowhere"], "nowhere: no such file or folder"),
        (["empty"], "empty: holds no results.json; name an output"),
        (["twice"], r"models/small: two results of nsmc \(test\) with seed 0"),
        (["broken"], "results.json, line 1, column 2: not valid JSON"),
        (["other"], "results.json: lacks task, model, metrics, metric, seed; name the output of finetune"),
        (["infinite"], "results.json: NaN is no finite number"),
    ):
        with pytest.raises(UserError, match=message) as raised:
            shown(*(tmp_path / argument for argument in arguments))
        assert "\n" not in str(raised.value)
