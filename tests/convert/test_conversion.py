"""From the formats of others to the formats of others, by two commands and without a run: the same bits in every tensor."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from safetensors.numpy import load_file
from transformers import AutoTokenizer, ElectraForMaskedLM, ElectraForPreTraining

from electra_pretrain import evaluate_pretraining, export_hf, export_tf1, import_checkpoint
from electra_pretrain.checkpoint import bundle, listing
from electra_pretrain.checkpoint.pretrained import Pretrained
from electra_pretrain.config.load import load_config
from electra_pretrain.convert.source_config import derive_config, fields_from_shapes
from electra_pretrain.core.errors import UserError
from electra_pretrain.tokenization.model_folder import of_wordpiece
from electra_pretrain.train.start import prepare, record_run
from tests.conftest import build
from tests.convert.test_card_example import check_example
from tests.convert.test_import import IDS, MASK, SEGMENTS
from tests.records.test_build import read_examples
from tests.support import released_weights
from tests.support.released_weights import TOKENS, E

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

QUERY = "encoder/layer_0/attention/self/query/kernel"


def run(command, *words):
    return getattr(command, command.__name__.rpartition(".")[2])(command.parse_args([str(word) for word in words]))


@pytest.fixture(scope="module")
def values():
    return released_weights.make_values()


@pytest.fixture(scope="module")
def imported(tmp_path_factory, values):
    """What import_checkpoint makes of a TensorFlow 1 checkpoint."""
    folder = tmp_path_factory.mktemp("tf1")
    released_weights.write(folder, values, adam_slots=True, step=700)
    run(import_checkpoint, "--tf1", folder, "--output", folder / "imported")
    return folder / "imported"


def test_a_tf1_checkpoint_becomes_hugging_face_models(tmp_path, imported, values, capsys):
    """Each tensor is that of a model of `transformers` into which the values were put by hand."""
    run(export_hf, "--model_dir", imported, "--output", tmp_path)
    kinds = {"electra": ("discriminator", ElectraForPreTraining), "generator": ("generator", ElectraForMaskedLM)}
    for network, (name, model_class) in kinds.items():
        expected = released_weights.transformers_model(values, network)
        found = load_file(tmp_path / name / "model.safetensors")
        state = {key: value.numpy() for key, value in expected.state_dict().items() if key != "generator_lm_head.weight"}
        assert set(found) == set(state)
        for key, value in state.items():
            assert found[key].dtype == np.float32 and found[key].tobytes() == value.tobytes(), key
        loaded, about = model_class.from_pretrained(tmp_path / name, output_loading_info=True)
        assert not (about["missing_keys"] or about["unexpected_keys"] or about["mismatched_keys"])
        inputs = {"input_ids": IDS, "attention_mask": MASK, "token_type_ids": SEGMENTS}
        inputs = {key: torch.tensor(value) for key, value in inputs.items()}
        with torch.no_grad():
            assert torch.equal(loaded.eval()(**inputs).logits, expected(**inputs).logits)
        assert AutoTokenizer.from_pretrained(tmp_path / name).convert_ids_to_tokens(range(len(TOKENS))) == TOKENS


def test_the_card_tells_what_is_known(tmp_path, imported, monkeypatch, capsys):
    run(export_hf, "--model_dir", imported, "--output", tmp_path)
    card = (tmp_path / "discriminator" / "README.md").read_text()
    assert (
        f"The weights are those of {imported.parent}/model.ckpt-700; electra_pretrain converted them, and trained nothing"
        in card
    )
    assert "| vocabulary | 40 tokens (wordpiece), SHA-256 `" in card and "| lower case | no |" in card
    for word in ("Training text", "Metrics", "steps", "learning_rate", "train_batch_size", "after 0"):
        assert word not in card
    assert "\nlanguage: ko\n" in card  # by its vocabulary
    check_example(tmp_path / "discriminator", monkeypatch, capsys)
    run(export_hf, "--model_dir", imported, "--output", tmp_path, "--random")
    card = (tmp_path / "discriminator" / "README.md").read_text()
    assert "Random weights, drawn from training.seed = 0: this network has learnt nothing." in card and "model.ckpt" not in card


def test_all_ways_lead_to_the_same_bits(tmp_path, imported, values):
    """TensorFlow 1 to itself; from there to Hugging Face, to TensorFlow 1 and to Hugging Face again."""

    def same_values(prefix):
        found = bundle.read(prefix)
        assert found.pop("global_step") == 0 and set(found) == set(values)
        assert all(found[name].tobytes() == value.tobytes() for name, value in values.items())

    same_values(run(export_tf1, "--model_dir", imported, "--output", tmp_path / "tf1"))
    assert (tmp_path / "tf1" / "vocab.txt").read_bytes() == (imported.parent / "vocab.txt").read_bytes()
    first = run(export_hf, "--model_dir", imported, "--output", tmp_path / "hf")
    run(import_checkpoint, "--discriminator", first[0], "--generator", first[1], "--output", tmp_path / "again")
    same_values(run(export_tf1, "--model_dir", tmp_path / "again", "--output", tmp_path / "tf1_again"))
    second = run(export_hf, "--model_dir", tmp_path / "again", "--output", tmp_path / "hf_again")
    third = run(export_hf, "--model_dir", tmp_path / "tf1", "--output", tmp_path / "hf_of_tf1")
    for before, *after in zip(first, second, third, strict=True):
        weights, settings = Path(before, "model.safetensors"), Path(before, "config.json")
        for folder in after:
            assert Path(folder, "model.safetensors").read_bytes() == weights.read_bytes()
            assert Path(folder, "vocab.txt").read_bytes() == (imported.parent / "vocab.txt").read_bytes()
            assert Path(folder, "config.json").read_bytes() == settings.read_bytes()


def test_a_fresh_generator_is_not_passed_on(tmp_path, imported, values, capsys):
    discriminator, _ = run(export_hf, "--model_dir", imported, "--output", tmp_path / "hf")
    run(import_checkpoint, "--discriminator", discriminator, "--output", tmp_path / "alone")
    assert run(export_hf, "--model_dir", tmp_path / "alone", "--output", tmp_path / "out") == [
        str(tmp_path / "out/discriminator")
    ]
    assert "no generator is written: the source had none" in capsys.readouterr().err
    found = bundle.read(run(export_tf1, "--model_dir", tmp_path / "alone", "--output", tmp_path / "tf1"))
    assert set(found) == {"global_step", *(name for name in values if not name.startswith("generator"))}


SPOILT_VOCABULARIES = {
    "sorted": lambda lines: sorted(lines),
    "shortened": lambda lines: lines[:-1],
    "another token": lambda lines: [*lines[:-1], "말"],
}


@pytest.mark.parametrize("command", [export_hf, export_tf1])
@pytest.mark.parametrize("spoil", SPOILT_VOCABULARIES)
def test_another_vocabulary_is_refused(tmp_path, imported, command, spoil):
    folder = copied(imported, tmp_path)
    lines = (folder / "vocab.txt").read_text().splitlines()
    (folder / "vocab.txt").write_text("".join(f"{line}\n" for line in SPOILT_VOCABULARIES[spoil](lines)))
    with pytest.raises(UserError, match=r"vocab.txt: not the vocabulary that belongs here .*import.json says SHA-256"):
        run(command, "--model_dir", folder, "--output", tmp_path / "out")
    (folder / "vocab.txt").unlink()
    with pytest.raises(UserError, match=r"vocab.txt: missing; .*import.json says SHA-256"):
        run(command, "--model_dir", folder, "--output", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_going_on_from_another_vocabulary_is_refused(tmp_path, imported):
    folder = copied(imported, tmp_path)
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in [*TOKENS[:-1], "말"]))
    with pytest.raises(UserError, match=r"vocab.txt: not the vocabulary that belongs here"):
        run(import_checkpoint, "--tf1", folder, "--output", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_without_a_hash_the_size_is_held_against_the_word_table(tmp_path, imported):
    folder = copied(imported, tmp_path)
    (folder / "import.json").unlink()
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in TOKENS[:-1]))
    for command in (export_hf, export_tf1):
        with pytest.raises(UserError, match="its vocabulary has 39 tokens, its word table 40 rows"):
            run(command, "--model_dir", folder, "--output", tmp_path / "out")


def copied(imported, tmp_path):
    folder = tmp_path / "copy"
    folder.mkdir()
    for path in imported.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def edit_config(folder, **sizes):
    config = json.loads((folder / "config.json").read_text())
    config["model"] |= sizes
    (folder / "config.json").write_text(json.dumps(config))


def edit_values(folder, change):
    prefix = listing.find(str(folder))
    found = bundle.read(prefix)
    change(found)
    bundle.write(prefix, found)


def set_nan(found):
    found[f"electra/{QUERY}"][0, 0] = np.nan


MISFITS = {
    "another intermediate_size": (
        lambda folder: edit_config(folder, intermediate_size=64),
        r"config.json describes: electra/encoder/layer_\*/intermediate/dense/bias \(2\) has shape \[48\] instead of \[64\]; ",
    ),
    "a layer less": (lambda folder: edit_config(folder, num_hidden_layers=1), "left over: electra/encoder/layer_1/attention/"),
    "NaN": (
        lambda folder: edit_values(folder, set_nan),
        f"model.ckpt-0: holds values that are not finite, in electra/{QUERY};",
    ),
    "whole numbers": (
        lambda folder: edit_values(folder, lambda found: found.update({f"electra/{QUERY}": np.ones([128, 128], np.int32)})),
        f"model.ckpt-0: holds int32 instead of float32, in electra/{QUERY};",
    ),
}


@pytest.mark.parametrize("misfit", MISFITS)
def test_weights_that_are_not_the_configs_are_not_exported(tmp_path, imported, misfit):
    spoil, message = MISFITS[misfit]
    folder = copied(imported, tmp_path)
    spoil(folder)
    with pytest.raises(UserError, match=message) as raised:
        run(export_hf, "--model_dir", folder, "--output", tmp_path / "out")
    assert "\n" not in str(raised.value) and not (tmp_path / "out").exists()


@pytest.mark.parametrize("misfit", ["another intermediate_size", "whole numbers"])
def test_nor_as_tf1_nor_imported(tmp_path, imported, misfit):
    spoil, message = MISFITS[misfit]
    folder = copied(imported, tmp_path)
    spoil(folder)
    for more in ([], ["--keep_optimizer"]):
        with pytest.raises(UserError, match=message):
            run(export_tf1, "--model_dir", folder, "--output", tmp_path / "out", *more)
    with pytest.raises(
        UserError, match="intermediate_size = 64, the weights have 48" if misfit != "whole numbers" else message
    ):
        run(import_checkpoint, "--tf1", folder, "--output", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_odd_lines_of_a_vocabulary_keep_their_ids(tmp_path, values):
    """An empty line and a token twice, as published vocabularies have them: from import through records and run to exports."""
    odd = [*TOKENS[:-4], "", "말", TOKENS[9], "말"]
    released_weights.write(tmp_path, values, adam_slots=False, step=None)
    (tmp_path / "vocab.txt").write_text("".join(f"{token}\n" for token in odd))
    run(import_checkpoint, "--tf1", tmp_path, "--output", tmp_path / "run")
    (tmp_path / "text.txt").write_text("말 나 가가 \n가\n")
    length = ("--max_seq_length", "24", "--heldout_fraction", "0")
    build(str(tmp_path / "text.txt"), str(tmp_path / "run" / "vocab.txt"), str(tmp_path / "data"), *length)
    config = load_config(str(tmp_path / "run" / "config.json"))
    record_run(prepare(config, [str(tmp_path / "data")], str(tmp_path / "run")), "nothing")
    folders = run(export_hf, "--model_dir", tmp_path / "run", "--output", tmp_path / "hf")
    tf1 = Path(run(export_tf1, "--model_dir", tmp_path / "run", "--output", tmp_path / "tf1")).parent
    for folder in (tmp_path / "run", tmp_path / "data", folders[0], tf1):
        assert Path(folder, "vocab.txt").read_text() == (tmp_path / "vocab.txt").read_text()
    tokenizer = AutoTokenizer.from_pretrained(folders[0])
    (row,) = read_examples(tmp_path / "data")
    text = [index for index in row["input_ids"].tolist() if index > 4]
    assert text == tokenizer("말 나 가가 가", add_special_tokens=False)["input_ids"]
    assert text[0] == 39 and text[1] == 38 and odd.index("가") in text
    assert load_file(folders[0] + "/model.safetensors")["electra.embeddings.word_embeddings.weight"].shape == (40, E)


def test_a_config_beside_a_tf1_checkpoint_is_held_against_it(tmp_path, values):
    """Hugging Face's form, which people put there; it tells the heads, too."""
    released_weights.write(tmp_path, values, adam_slots=False, step=None)
    sizes = {"num_hidden_layers": 2, "hidden_size": 128, "intermediate_size": 48, "num_attention_heads": 4, "vocab_size": 40}
    (tmp_path / "bert_config.json").write_text(json.dumps({**sizes, "intermediate_size": 512}))
    with pytest.raises(
        UserError, match="bert_config.json: does not fit the weights beside it: intermediate_size = 512, .* have 48"
    ):
        run(import_checkpoint, "--tf1", tmp_path, "--output", tmp_path / "out")
    (tmp_path / "bert_config.json").write_text(json.dumps(sizes))
    run(import_checkpoint, "--tf1", tmp_path, "--output", tmp_path / "out")
    assert json.loads((tmp_path / "out" / "config.json").read_text())["model"]["num_attention_heads"] == 4


def test_imported_weights_can_be_scored(imported, records):
    """The records are of another vocabulary: as far as that the command comes."""
    with pytest.raises(UserError, match="data.vocab_size is 40 in the config, 3500 in the records"):
        run(evaluate_pretraining, "--model_dir", imported, "--data", records)


@pytest.mark.parametrize(("last", "told"), [("a", True), ("A", False)])
def test_a_case_that_is_not_known_is_told(values, caplog, last, told):
    pretrained = Pretrained("x", values, fields_from_shapes("x", values), of_wordpiece("x", (*TOKENS[:-2], "b", last)))
    derive_config(pretrained)
    assert ("no token has a capital letter" in caplog.text) is told
