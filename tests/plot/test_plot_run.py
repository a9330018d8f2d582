"""Drawings of runs: what is on them, the same bytes for the same run, nothing foreign in a page, one line for a mistake."""

import dataclasses
import html.parser
import io
import json
import re
import sys

import numpy as np
import pytest

from electra_pretrain import plot_run
from electra_pretrain.config.load import load_config
from electra_pretrain.config.schema import PhaseConfig
from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError
from electra_pretrain.plot.chart import COLOURS, short
from electra_pretrain.plot.curves import Curve, Run, curve, labels, smoothed, thinned
from electra_pretrain.plot.healthy import band, recipe_of, recipe_of_run, recipes
from electra_pretrain.plot.run_figure import PANELS, choose_panels, render
from tests.conftest import MICRO, changed

MASKED_LM = ("masked_lm_loss", "masked_lm_accuracy")
ELECTRA = (*MASKED_LM, "disc_loss", "disc_accuracy", "disc_baseline_accuracy", "disc_auc")
ELECTRIC = (*MASKED_LM, "cloze_loss", *ELECTRA[2:])
DISTILLED = ("distil_loss", "cosine_loss", "teacher_agreement")
SPEED = ("total_loss", "grad_norm", "learning_rate", "sequences_per_second")
VOID = {"meta", "link", "br", "hr", "img", "input"}


def metric_rows(names=ELECTRA, steps=400, seed=0):
    """Rows as a run writes them: training every 20 steps, held-out every 100."""
    values = np.random.default_rng(seed)
    rows = []
    for step in range(20, steps + 1, 20):
        rows.append({"kind": "train", "step": step, **{name: round(values.random(), 6) for name in (*names, *SPEED)}})
        if step % 100 == 0:
            rows.append({"kind": "heldout", "step": step, **{name: round(values.random(), 6) for name in names}})
    return rows


def write_run(folder, rows=None, config=MICRO):
    folder.mkdir(parents=True)
    lines = "".join(f"{json.dumps(row)}\n" for row in (metric_rows() if rows is None else rows))
    (folder / "metrics.jsonl").write_text(lines)
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config.to_dict()))
    return folder


def draw(*arguments):
    """Run the command in this process; returns what it says."""
    return plot_run.plot_run(plot_run.parse_args([str(argument) for argument in arguments]))


def drawn(names=ELECTRA, smoothing=0.0, from_step=0, metrics=None, rows=None):
    """The SVG of one run."""
    runs = [Run("run", metric_rows(names) if rows is None else rows, None)]
    return render(runs, choose_panels(runs, metrics), smoothing, from_step, "svg").decode()


def pixels(png):
    from matplotlib import image

    return (image.imread(io.BytesIO(png), format="png")[..., :3] * 255).round().astype(int)


class Page(html.parser.HTMLParser):
    """Elements, attributes, text and tables' cells of a page whose elements must be closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.attributes, self.text, self.cells = [], set(), [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.cells.append([])
        if tag in ("td", "th"):
            self.cells[-1].append("")

    def handle_startendtag(self, tag, attrs):
        self.elements.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)
        if {"td", "th"} & set(self.open):
            self.cells[-1][-1] += data


@pytest.mark.parametrize(
    ("names", "absent"),
    [
        (ELECTRA, {"cloze_loss", *DISTILLED}),
        (ELECTRIC, set(DISTILLED)),
        ((*ELECTRIC, *DISTILLED), set()),
        (MASKED_LM, {"cloze_loss", "disc_loss", "disc_accuracy", "disc_auc", *DISTILLED}),
    ],
)
def test_each_metric_that_a_run_has_gets_a_panel(names, absent):
    svg = drawn(names)
    for panel in PANELS:
        assert (f">{panel.metric}<" in svg, f">{panel.title}<" in svg) == (panel.metric not in absent,) * 2
    assert ("calling every token original" in svg) == ("disc_accuracy" not in absent)


def test_a_metric_of_one_run_only_gets_a_panel():
    runs = [Run("a", metric_rows(MASKED_LM), None), Run("b", metric_rows((*ELECTRIC, *DISTILLED)), None)]
    assert [panel.metric for panel in choose_panels(runs, None)] == [panel.metric for panel in PANELS]


def test_panels_can_be_chosen():
    svg = drawn(metrics=["grad_norm", "disc_auc", "grad_norm"])
    assert svg.count(">grad_norm<") == 1 and ">disc_auc<" in svg and ">learning_rate<" not in svg
    assert svg.index(">grad_norm<") < svg.index(">disc_auc<")


def test_png_shows_every_run(tmp_path):
    folders = [write_run(tmp_path / name, metric_rows(seed=seed)) for seed, name in enumerate("abc")]
    draw(*folders, "--metrics", "disc_auc", "--output", tmp_path / "out.png")
    png = (tmp_path / "out.png").read_bytes()
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    seen = [(pixels(png) == list(bytes.fromhex(colour[1:]))).all(axis=-1).any() for colour in COLOURS]
    assert seen[:5] == [True, True, True, False, False]


@pytest.mark.parametrize("suffix", ["png", "html"])
def test_same_input_same_bytes(tmp_path, suffix):
    """Whatever a reader's own settings of matplotlib are."""
    import matplotlib

    write_run(tmp_path / "a")
    draw(tmp_path / "a", "--metrics", "disc_accuracy,disc_auc", "--output", tmp_path / f"1.{suffix}")
    with matplotlib.rc_context({"font.size": 20, "svg.hashsalt": None, "lines.linestyle": ":", "savefig.dpi": 30}):
        draw(tmp_path / "a", "--metrics", "disc_accuracy,disc_auc", "--output", tmp_path / f"2.{suffix}")
    first = (tmp_path / f"1.{suffix}").read_bytes()
    assert first == (tmp_path / f"2.{suffix}").read_bytes()
    assert not re.search(rb"20\d\d-\d\d-\d\d|tIME|tEXt(?!Software\0electra_pretrain plot_run)", first)


def test_training_and_heldout_look_different():
    """Smoothed training curves have the raw ones faint behind; held-out curves have markers; baselines are dashed."""
    assert "opacity: 0.3" not in drawn(smoothing=0.0) and "opacity: 0.3" in drawn(smoothing=0.5)
    assert "opacity: 0.3" not in drawn(smoothing=0.5, metrics=["learning_rate"]), "a planned rate is not smoothed"
    plain, dashed = (drawn(metrics=[name]).count("stroke-dasharray") for name in ("disc_auc", "disc_accuracy"))
    assert (plain, dashed) == (0, 3), "training, held-out, key"


def test_evaluations_are_marked_and_so_is_a_single_training_point():
    def points(rows):
        """Markers in the panel: uses in groups clipped to it."""
        return len(re.findall(r'<g clip-path="[^"]*">\s*((?:<use [^>]*/>\s*)+)', drawn(metrics=["disc_auc"], rows=rows)))

    rows = metric_rows()
    train = [row for row in rows if row["kind"] == "train"]
    assert points(train) == 0 and points(rows) == 1 and points(train[:1]) == 1


def test_from_step_cuts_what_smoothing_made():
    rows = metric_rows()
    whole, cut = (drawn(rows=rows, smoothing=0.5, from_step=step, metrics=["grad_norm"]) for step in (0, 300))
    assert ">80<" in whole and ">80<" not in cut and ">400<" in cut
    raw = curve(rows, "train", "grad_norm")
    assert raw.since(300).steps.tolist() == [300, 320, 340, 360, 380, 400]
    np.testing.assert_array_equal(raw.since(300).values, raw.values[-6:])


def test_smoothing_is_a_mean_of_the_past():
    steps = np.arange(5)
    constant, jump = Curve(steps, np.full(5, 7.0)), Curve(steps, np.array([0.0, 0, 0, 1, 1]))
    np.testing.assert_allclose(smoothed(constant, 0.9).values, 7.0)
    np.testing.assert_array_equal(smoothed(jump, 0.0).values, jump.values)
    np.testing.assert_allclose(smoothed(jump, 0.5).values, [0, 0, 0, 8 / 15, 24 / 31])


def test_thinning_keeps_the_outline():
    values = np.random.default_rng(0).normal(size=100_000)
    values[77_777] = 50
    whole = Curve(np.arange(100_000), values)
    thin = thinned(whole)
    assert len(thin.steps) <= 1002 and (np.diff(thin.steps) > 0).all()
    assert {0, 77_777, 99_999} <= set(thin.steps.tolist()) and thin.values.min() == values.min()
    np.testing.assert_array_equal(thin.values, values[thin.steps])
    assert thinned(Curve(whole.steps[:1000], values[:1000])).steps.tolist() == list(range(1000))


def test_curves_are_sorted_and_skip_what_is_no_number():
    values = {3: 0.3, 1: 0.1, 2: None, 4: float("nan"), 5: "x", 6: True}
    rows = [{"kind": "train", "step": step, "disc_auc": value} for step, value in values.items()]
    rows += [{"kind": "train", "step": 3, "disc_auc": 0.4}, {"kind": "heldout", "step": 9, "disc_auc": 0.9}]
    steps, found = curve(rows, "train", "disc_auc")
    assert (steps.tolist(), found.tolist()) == ([1, 3], [0.1, 0.4])


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        (["/runs/a"], ["a"]),
        (["/runs/a/", "/runs/b"], ["a", "b"]),
        (["/x/run", "/y/run", "/y/other"], ["x/run", "y/run", "other"]),
        (["/run", "/y/run"], ["/run", "y/run"]),
        (["gs://bucket/a/run", "gs://bucket/b/run/"], ["a/run", "b/run"]),
        (["/r/new\nline", "/r/\udcff", "/r/실험"], ["new\\nline", "\\udcff", "실험"]),
    ],
)
def test_runs_are_called_by_what_tells_them_apart(folders, expected):
    assert labels(folders) == expected


def test_a_name_is_drawn_as_it_is():
    """No mathematics between dollars, no name lost for its underscore, no markup."""
    runs = [Run(label, metric_rows(), None) for label in ("_hidden", "$x^2$", "<b>&")]
    svg = render(runs, choose_panels(runs, ["disc_auc"]), 0.0, 0, "svg").decode()
    assert ">_hidden<" in svg and ">$x^2$<" in svg and ">&lt;b&gt;&amp;<" in svg


def test_a_name_without_a_font_is_said_in_one_line(tmp_path, capfd, recwarn):
    folder = write_run(tmp_path / "\U00013000\U00013001")  # hieroglyphs
    draw(folder, "--output", tmp_path / "out.html")
    assert capfd.readouterr().err == ""
    draw(folder, "--output", tmp_path / "out.png")
    assert capfd.readouterr().err.count("\n") == 1 and not recwarn.list


def test_page_tells_last_metrics_and_what_configs_differ_in(tmp_path):
    rows = metric_rows()
    write_run(tmp_path / "a", rows)
    other = changed(MICRO, optimizer={"learning_rate": 0.25}, training={"seed": 7})
    write_run(tmp_path / "b", rows[:4], dataclasses.replace(other, phases=(PhaseConfig(until_step=3),)))
    write_run(tmp_path / "c", config=None)
    draw(tmp_path / "a", tmp_path / "b", tmp_path / "c", "--output", tmp_path / "out.html")
    page = Page((tmp_path / "out.html").read_text())
    cells = {row[0]: row[1:] for row in page.cells}
    assert cells["metric"] == cells["field"] == ["a", "b", "c"]
    assert cells["reached step"] == ["400", "80", "400"] and cells["scored at step"] == ["400", "–", "400"]
    assert cells["disc_auc"] == [f"{rows[-1]['disc_auc']:.4f}", "–", f"{rows[-1]['disc_auc']:.4f}"]
    assert cells["optimizer.learning_rate"] == ["0.005", "0.25", "–"] and cells["training.seed"] == ["0", "7", "–"]
    assert cells["phases"][0] == "[]" and '"until_step": 3' in cells["phases"][1]
    assert not {"data.vocab_size", "grad_norm"} & cells.keys()
    assert "1 of 3 cannot be read." in page.text


def test_page_of_equal_configs_says_so(tmp_path):
    draw(write_run(tmp_path / "a"), write_run(tmp_path / "b"), "--output", tmp_path / "two.html")
    draw(tmp_path / "a", "--output", tmp_path / "one.html")
    assert "They do not differ." in (tmp_path / "two.html").read_text()
    assert "Configs" not in (tmp_path / "one.html").read_text()


def test_page_is_whole_and_holds_nothing_foreign(tmp_path):
    names = ['"><script>alert(1)<', "a & b", "it's 'quoted'", "-->", "<!--", "<img src=x onerror=y>"]
    folders = [write_run(tmp_path / name) for name in names]
    draw(*folders, "--metrics", "disc_accuracy", "--output", tmp_path / "out.html")
    draw(folders[0], "--metrics", "disc_accuracy", "--output", tmp_path / "title.html")
    text = (tmp_path / "out.html").read_text()
    page = Page(text)
    drawing = {"svg", "g", "path", "defs", "use", "text", "tspan", "rect", "clippath"}
    tables = {"div", "table", "tr", "th", "td", "h2", "p", "span"}
    assert page.elements <= {"html", "head", "meta", "title", "style", "body", "h1", "figure", *drawing, *tables}
    assert Page((tmp_path / "title.html").read_text()).elements <= page.elements
    assert page.cells[0] == ["metric", *names]
    shown = [piece.strip() for piece in page.text]
    assert all(name in shown for name in names), "in the drawing, too"
    links = [value for name, value in page.attributes if name in ("src", "href", "xlink:href")]
    assert links and all(link.startswith("#") for link in links)
    assert set(re.findall(r"https?://[^\"]*", text)) == {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


def test_a_run_that_is_still_being_written(tmp_path):
    """A half-written last line and bytes that are no text cost themselves only."""
    folder = write_run(tmp_path / "a")
    draw(folder, "--metrics", "disc_loss", "--output", tmp_path / "before.png")
    with open(folder / "metrics.jsonl", "ab") as file:
        file.write(b'\xff\xfe\x00\n{"kind": "train", "step": "x", "disc_loss": 9}\n{"kind": "train", "step": 420, "disc_lo')
    draw(folder, "--metrics", "disc_loss", "--output", tmp_path / "after.png")
    assert (tmp_path / "before.png").read_bytes() == (tmp_path / "after.png").read_bytes()


def test_a_config_of_another_version_does_not_stop_the_drawing(tmp_path):
    folder = write_run(tmp_path / "a")
    (folder / "config.json").write_text('{"model": {"a_field_to_come": 1}}')
    draw(folder, "--output", tmp_path / "out.html")
    assert (tmp_path / "out.html").exists()


def test_remote_folders(tmp_path):
    local = write_run(tmp_path / "a")
    files.make_dirs("ram://plot/a")
    for name in ("metrics.jsonl", "config.json"):
        files.write_bytes(f"ram://plot/a/{name}", (local / name).read_bytes())
    draw("ram://plot/a", "--output", "ram://plot/out.html")
    draw(local, "--output", tmp_path / "out.html")
    assert files.read_bytes("ram://plot/out.html") == (tmp_path / "out.html").read_bytes()


def test_output_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    write_run(tmp_path / "a")
    output = tmp_path / "new" / "out.png"
    draw(tmp_path / "a", "--output", output)
    before = output.read_bytes()

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "replace", full)
    with pytest.raises(UserError, match="out.png: cannot be written .No space left"):
        draw(tmp_path / "a", "--smoothing", "0", "--output", output)
    assert output.read_bytes() == before and [path.name for path in output.parent.iterdir()] == ["out.png"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{a}", "--output", "{tmp}/out.pdf"], "out.pdf: must end in .png or .html"),
        (["{a}", "--output", "{a}"], "must end in .png or .html"),
        (["{a}", "--output", "{a}/config.json/x.png"], "a/config.json is no folder"),
        (
            ["{a}", "{tmp}/none", "--output", "{tmp}/x.png"],
            "none/metrics.jsonl: no such file; .*is not the --model_dir of a run",
        ),
        (["{empty}", "--output", "{tmp}/x.png"], "empty/metrics.jsonl: holds no metrics yet"),
        (["{a}", "{a}/", "--output", "{tmp}/x.png"], "is given more than once"),
        (["{a}", "--metrics", "auc", "--output", "{tmp}/x.png"], 'no run has a metric "auc"; did you mean disc_auc'),
        (["{a}", "--metrics", "disc_auc,", "--output", "{tmp}/x.png"], 'no run has a metric ""; did you mean'),
        (
            ["{a}", "--metrics", "cloze_loss", "--output", "{tmp}/x.png"],
            'no run has a metric "cloze_loss"; did you mean disc_loss',
        ),
        (["{a}", "--from_step", "401", "--output", "{tmp}/x.png"], "--from_step 401: no run has come so far; .* is 400"),
        (["{a}", "--from_step", "-3", "--output", "{tmp}/x.png"], "--from_step -3: must be at least 0"),
        (["{a}", "--smoothing", "1", "--output", "{tmp}/x.png"], "--smoothing 1.0: must be at least 0 and below 1"),
    ],
)
def test_mistakes(tmp_path, arguments, message):
    places = {"a": write_run(tmp_path / "a"), "empty": write_run(tmp_path / "empty", rows=[]), "tmp": tmp_path}
    with pytest.raises(UserError, match=message) as raised:
        draw(*[argument.format(**places) for argument in arguments])
    assert "\n" not in str(raised.value)
    assert {path.name for path in tmp_path.iterdir()} == {"a", "empty"}, "nothing half-written"


def test_without_matplotlib_one_line_says_what_to_install(tmp_path, capfd, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr(sys, "argv", ["plot_run", str(write_run(tmp_path / "a")), "--output", str(tmp_path / "x.png")])
    with pytest.raises(SystemExit) as ended:
        plot_run.main()
    error = "plot_run: error: drawing: needs matplotlib, which is not installed; run: pip install 'electra_pretrain[plot]'\n"
    assert (ended.value.code, capfd.readouterr().err) == (1, error)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (250, "250"), (2500, "2.5K"), (100_000, "100K"), (1_250_000, "1.25M"), (2e-4, "0.0002"), (0.1 + 0.2, "0.3")],
)
def test_numbers_on_axes(value, shown):
    assert short(value) == shown


def healthy_rows():
    """The rows of a run as `tiny`'s first was."""
    recipe = next(recipe for recipe in recipes() if recipe.name == "tiny")
    steps = recipe.curves["total_loss"].steps
    return [
        {"kind": "train", "step": step, **{name: each.runs[0][at] for name, each in recipe.curves.items()}}
        for at, step in enumerate(steps)
    ]


def test_the_band_of_its_recipe_lies_behind_a_run(tmp_path):
    """With its source on the picture; of a run of no known recipe it is said that there is none."""
    tiny = load_config("tiny.json")
    said = draw(write_run(tmp_path / "a", healthy_rows(), tiny), "--output", tmp_path / "out.html")
    text = (tmp_path / "out.html").read_text()
    source = "five seeds of quickstart, measured with this package"
    drawn_text = " ".join(" ".join(Page(text).text).split())
    assert f"where healthy runs of tiny lie; source: {source}" in drawn_text and source in said.split("\n")[2]
    assert said.split("\n")[1] == "a: no sign of trouble"
    assert text.count("fill-opacity: 0.13") == 4, "of four metrics"
    other = changed(tiny, model={"hidden_size": 64})
    said = draw(write_run(tmp_path / "b", healthy_rows(), other), "--output", tmp_path / "other.html")
    assert "b: no band is drawn: no runs that went well are known of its recipe (known: tiny, small, base)" in said
    assert "no band is drawn" in (tmp_path / "other.html").read_text()
    assert "fill-opacity" not in (tmp_path / "other.html").read_text()


@pytest.mark.parametrize(
    ("name", "sections", "recipe"),
    [
        ("tiny.json", {}, "tiny"),
        ("tiny.json", {"optimizer": {"learning_rate": 0.05}, "model": {"initializer_range": 1.0}}, "tiny"),
        ("tiny.json", {"objective": {"disc_weight": 0.0}}, None),
        ("tiny.json", {"data": {"vocab_size": 8000}}, None),
        ("tiny.json", {"training": {"init_from": "runs/other"}}, None),
        ("small_v3.json", {}, "small"),
        ("base_v3.json", {}, "base"),
        ("kcelectra_base.json", {}, "base"),
        ("base_v3.json", {"objective": {"mask_prob_end": 0.3}}, None),
        ("base_v3.json", {"training": {"train_batch_size": 8}}, None),
        ("google_large.json", {}, None),
        ("lmkor_bert_base.json", {}, None),
    ],
)
def test_a_recipe_is_known_by_sizes_batch_and_objective(name, sections, recipe):
    found = recipe_of(changed(load_config(name), **sections))
    assert (found and found.name) == recipe


def test_weights_that_were_trained_before_have_no_band():
    rows = [{"kind": "heldout", "step": 0, "disc_auc": 0.8}, *healthy_rows()]
    assert recipe_of_run(Run("run", rows, load_config("tiny.json"))) is None


def test_a_band_is_as_wide_as_its_factor_and_even_over_the_logarithm_of_the_step():
    base = next(recipe for recipe in recipes() if recipe.name == "base")
    curve = base.curves["total_loss"]
    whole = band(base, "total_loss", 1, 10**9)
    assert (whole.steps[0], whole.steps[-1]) == (curve.steps[0], curve.steps[-1])
    at = [int(np.flatnonzero(whole.steps == step)[0]) for step in curve.steps]
    np.testing.assert_allclose(whole.low[at] * curve.factor, curve.runs[0])
    np.testing.assert_allclose(whole.high[at] / curve.factor, curve.runs[0])
    part = band(base, "total_loss", 1, 10_000)
    middle = (26.7 + 10.8) / 2  # of 1,000 and 100,000
    assert part.steps[-1] == 10_000 and part.high[-1] == pytest.approx(middle * curve.factor)
    assert band(base, "total_loss", 1, 999) is None and band(base, "disc_auc", 1, 10**6) is None
