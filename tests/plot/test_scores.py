"""Curves of scores against the step of pretraining: what is on them."""

import numpy as np

from electra_pretrain.plot import scores
from electra_pretrain.plot.scores import ScoreCurve, score_chart

BASELINES = {"random weights": [10.0, 20.0], "imported weights": [40.0]}


def figure_of(curves, monkeypatch):
    """The figure as it is drawn, and the bytes of its picture."""
    drawn = []
    saved = scores.saved

    def save(draw, format):
        return saved(lambda: drawn.append(draw()) or drawn[0], format)

    monkeypatch.setattr(scores, "saved", save)
    picture = score_chart("KorSTS (spearman)", curves)
    return drawn[0], picture


def test_a_drawing_holds_means_bands_seeds_and_baseline(monkeypatch):
    curve = ScoreCurve("하나", {200: [70.0, 74.0, 75.0], 100: [60.0, 61.0, 65.0]}, BASELINES)
    figure, picture = figure_of([curve, ScoreCurve("b", {100: [50.0]})], monkeypatch)
    assert picture.startswith(b"\x89PNG\r\n\x1a\n") and len(picture) > 10_000
    (axis,) = figure.axes
    means, baseline = axis.lines[0], next(line for line in axis.lines if line.get_linestyle() == "--")
    np.testing.assert_allclose(means.get_xydata(), [[100, 62.0], [200, 73.0]])
    assert list(baseline.get_ydata()) == [15.0, 15.0]
    assert [list(line.get_ydata()) for line in axis.lines if line.get_linestyle() == ":"] == [[40.0, 40.0]]
    deviation = np.std([60, 61, 65], ddof=1)
    band = np.concatenate([path.vertices for path in axis.collections[0].get_paths()])
    at_100 = sorted(set(np.round(band[band[:, 0] == 100][:, 1], 6)))
    np.testing.assert_allclose([at_100[0], at_100[-1]], [62 - deviation, 62 + deviation], atol=1e-5)
    dots = next(part for part in axis.collections if len(part.get_offsets()) == 6)
    assert sorted(map(tuple, dots.get_offsets().tolist())) == [
        (100, 60), (100, 61), (100, 65), (200, 70), (200, 74), (200, 75),
    ]  # fmt: skip
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["하나", "하나, random weights", "하나, imported weights", "b"]
