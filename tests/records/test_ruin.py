"""Records of which nothing, or little, can come: it is told, with the way out, and never of records that are in order."""

import pytest

from electra_pretrain import inspect_data
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.finding import Level
from electra_pretrain.records.manifest import Counts
from electra_pretrain.records.ruin import FACTS, check_records
from tests.conftest import build
from tests.support.manifests import whole


def told(manifest):
    return [(finding.level, finding.text) for finding in check_records("data", manifest)]


@pytest.mark.parametrize(
    "manifest",
    [
        whole(),
        whole(unk_rate=0.05),
        whole(heldout_examples=20),
        whole(heldout_examples=0, heldout_fraction=0.0),  # as it was asked for
        whole(counts=Counts(documents=1000, tokens=10_100 * 20)),  # 30% padding
        whole(train_examples=100, heldout_examples=100, heldout_fraction=0.5),
        whole(881, 9, counts=Counts(3943, 37, tokens=890 * 29), short_documents="packed"),
        whole(881, 9, counts=Counts(3943, 37, tokens=890 * 29), short_documents="joined"),
        whole(heldout_examples=100, counts=Counts(50, 2, tokens=10_100 * 29)),  # long ones
    ],
)
def test_of_records_in_order_nothing_is_told(manifest):
    assert told(manifest) == []


@pytest.mark.parametrize(
    ("manifest", "level", "said"),
    [
        (whole(train_examples=0), Level.FAILURE, "has no training row; build it from more text or with a smaller"),
        (whole(unk_rate=1.0), Level.FAILURE, "100% of the tokens are [UNK]"),
        (whole(unk_rate=0.51), Level.FAILURE, "51% of the tokens are [UNK]"),
        (whole(unk_rate=0.5), Level.WARNING, "50% of the tokens are [UNK]"),
        (whole(unk_rate=0.06), Level.WARNING, "learn a vocabulary from this text (train_vocab)"),
        (
            # 20,000 short documents in rows of 512
            whole(19_800, 200, 512, counts=Counts(documents=20_000, tokens=780_000)),
            Level.WARNING,
            "92% of the places in rows are padding: documents have 39 tokens on average, and a row has 512 places; ",
        ),
        (
            whole(19_800, 200, 512, counts=Counts(documents=20_000, tokens=60_000)),
            Level.WARNING,
            "99% of the places in rows are padding: documents have 3 tokens on average, and a row has 512 places; ",
        ),
        (whole(counts=Counts(None, tokens=100_000)), Level.WARNING, "padding: rows have 10 tokens on average"),
        (whole(heldout_examples=19), Level.WARNING, "only 19 rows are held out for evaluation: --heldout_fraction 0.01 of"),
        (whole(heldout_examples=1), Level.WARNING, "only one row is held out"),
        (
            whole(heldout_examples=0),
            Level.WARNING,
            "nothing is held out for evaluation: --heldout_fraction 0.01 of 1,000 documents",
        ),
        (whole(100, 101), Level.WARNING, "more is held out than trained on, 101 rows and 100"),
    ],
)
def test_what_would_ruin_a_run_is_told(manifest, level, said):
    ((found, text),) = told(manifest)
    assert found is level and text.startswith("data: ") and said in text and "; " in text


@pytest.mark.parametrize("split", [(881, 5), (100, 101)])
def test_only_documents_of_several_lines_are_to_be_parted(split):
    """Between the lines of others no empty ones can be put; of adopted records the lines are not known."""
    tokens = sum(split) * 29
    for counts, is_advised in (
        (Counts(40, 15, sentences=40, tokens=tokens), False),
        (Counts(40, 15, sentences=41, tokens=tokens), True),
        (Counts(None, None, None, None, tokens=tokens), False),
    ):
        ((_, text),) = told(whole(*split, counts=counts))
        assert ("by empty lines" in text) == is_advised


def test_the_larger_number_of_rows_and_documents_is_told():
    ((_, text),) = told(whole(881, 5, counts=Counts(3943, 15, tokens=886 * 29), short_documents="packed"))
    assert text.startswith("data: only 15 documents are held out for evaluation: --heldout_fraction 0.01 of 3,943 documents; ")


def test_each_fact_is_of_one_place():
    """Nothing is told twice: what is hopeless is not warned of besides."""
    assert len({fact.told for fact in FACTS}) == len(FACTS)
    assert len(told(whole(unk_rate=0.9))) == 1


def syllables(path, words):
    path.write_text("\n".join("".join(chr(0xAC00 + 7 * number + n) for n in range(200)) for number in range(words)), "utf-8")
    return str(path)


def test_text_of_which_the_vocabulary_knows_nothing_is_refused_and_leaves_nothing(tmp_path, vocab_path):
    # Words of 200 syllables, none of which WordPiece looks up.
    corpus, output = syllables(tmp_path / "long.txt", 50), tmp_path / "out"
    with pytest.raises(UserError, match=rf"^{output}: 100% of the tokens are \[UNK\], .*; learn a vocabulary from this text"):
        build(corpus, vocab_path, str(output))
    assert not output.exists()
    (tmp_path / "one.txt").write_text("짧은 댓글이다.", encoding="utf-8")
    with pytest.raises(UserError, match=rf"^{output}: has no training row; .* smaller --heldout_fraction$"):
        build(str(tmp_path / "one.txt"), vocab_path, str(output), "--heldout_fraction", "0.999")
    assert not output.exists()


def test_inspect_data_warns_of_it_after_all_else(tmp_path, vocab_path, capfd, caplog):
    (tmp_path / "short.txt").write_text("짧은 댓글이다.\n\n" * 200, encoding="utf-8")
    build(str(tmp_path / "short.txt"), vocab_path, str(tmp_path / "data"), "--heldout_fraction", "0")
    built = [record.getMessage() for record in caplog.records]
    caplog.clear()
    inspect_data.inspect_data(inspect_data.parse_args([str(tmp_path / "data"), "--num_processes", "1"]))
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warnings == built[-1:] and "of the places in rows are padding" in warnings[0]
    assert "most frequent" in capfd.readouterr().out
