"""What we export, as `transformers` and `torch` load it: the same logits, the same ids, no weight left over."""

import dataclasses
import json
import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import torch
import transformers
from safetensors.numpy import load_file
from transformers import (
    AutoModelForMaskedLM,
    AutoModelForPreTraining,
    AutoTokenizer,
    ElectraForMaskedLM,
    ElectraForPreTraining,
    ElectraModel,
)

from electra_pretrain import export_hf
from electra_pretrain.checkpoint import bundle, listing
from electra_pretrain.checkpoint.pretrained import check_config, field_value
from electra_pretrain.convert.hf_export import state_dict, write_hugging_face
from electra_pretrain.convert.model_card import CardFacts
from electra_pretrain.convert.names import discriminator_names, to_hugging_face
from electra_pretrain.convert.sources import read_pretrained
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.rng import Random
from electra_pretrain.model.electra import Electra
from electra_pretrain.model.masking import mask_batch
from electra_pretrain.records.manifest import load_manifest, vocabulary_of
from electra_pretrain.tokenization.tokenizer import load_tokenizer
from electra_pretrain.tokenization.wordpiece import WordPieceTokenizer
from electra_pretrain.train.loop import train
from electra_pretrain.train.start import prepare
from tests.conftest import MICRO, SAMPLE_CORPUS, build, changed
from tests.records.test_build import read_examples

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

SMALL = {
    "num_hidden_layers": 2,
    "hidden_size": 256,
    "embedding_size": 128,
    "intermediate_size": 1024,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
}
BASE = {
    "num_hidden_layers": 1,
    "hidden_size": 768,
    "embedding_size": 768,
    "intermediate_size": 3072,
    "num_attention_heads": 12,
    "max_position_embeddings": 64,
}
SHAPES = {
    "small, projected embeddings": (SMALL, {"generator_hidden_size": 1.0}),
    "small, quarter generator": (SMALL, {"generator_hidden_size": 0.25}),
    "base, generator projects": (BASE, {"generator_hidden_size": 1 / 3}),
    "base, tied embeddings of its own": (BASE, {"generator_hidden_size": 1 / 3, "embedding_sharing": "untied"}),
    "small, one encoder": (SMALL, {"untied_generator": False}),
}


def perturbed(model):
    """Weights of a trained model's scale: biases and LayerNorms away from 0 and 1, so that a mix-up shows."""
    rng = np.random.default_rng(0)
    for variable in model.named_variables().values():
        variable.assign_add(rng.normal(scale=0.05, size=variable.shape))
    return {name: variable.numpy() for name, variable in model.named_variables().items()}


@pytest.fixture(scope="module", params=SHAPES)
def exported(request, tmp_path_factory, vocab_path, records):
    sizes, objective = SHAPES[request.param]
    config = changed(MICRO, model=sizes, objective=objective)
    model = Electra(config)
    folder = str(tmp_path_factory.mktemp("exported"))
    facts = CardFacts(5, load_manifest(records).to_dict(), {"tensorflow": tf.__version__}, None, None)
    write_hugging_face(folder, perturbed(model), config, load_tokenizer(vocab_path, False), facts)
    return config, model, folder


def batch_of(records):
    """A padded Korean batch from the records."""
    from electra_pretrain.core.batch import Batch

    rows = sorted(read_examples(records, "train"), key=lambda row: row["input_mask"].sum())[:: max(1, 400 // 6)][:6]
    assert rows[0]["input_mask"].sum() < 20, "no padding in the batch"
    features = [
        tf.constant(np.stack([row[name] for row in rows]), tf.int32) for name in ("input_ids", "input_mask", "segment_ids")
    ]
    return Batch(*features, tf.range(len(rows)))


def torch_inputs(ids, batch):
    values = {"input_ids": ids, "attention_mask": batch.input_mask, "token_type_ids": batch.segment_ids}
    return {name: torch.tensor(value.numpy().astype(np.int64)) for name, value in values.items()}


def loaded(model_class, folder, unexpected=lambda name: False):
    model, info = model_class.from_pretrained(folder, output_loading_info=True)
    assert not info["missing_keys"] and not info["mismatched_keys"]
    assert not [name for name in info["unexpected_keys"] if not unexpected(name)]
    return model.eval()


def test_discriminator(exported, records):
    _, model, folder = exported
    batch = batch_of(records)
    ours = model.discriminator_logits(*batch[:3], None).numpy()
    for model_class in (ElectraForPreTraining, AutoModelForPreTraining):
        with torch.no_grad():
            theirs = loaded(model_class, f"{folder}/discriminator")(**torch_inputs(batch.input_ids, batch)).logits.numpy()
        real = batch.input_mask.numpy() > 0
        np.testing.assert_allclose(ours[real], theirs[real], atol=1e-5, rtol=0)
        assert np.abs(ours[real]).max() > 0.1


def test_encoder(exported, records):
    _, model, folder = exported
    batch = batch_of(records)
    # The bare encoder has no head: the discriminator's is the only thing left over.
    theirs = loaded(ElectraModel, f"{folder}/discriminator", lambda name: name.startswith("discriminator_predictions."))
    with torch.no_grad():
        hidden = theirs(**torch_inputs(batch.input_ids, batch)).last_hidden_state.numpy()
    real = batch.input_mask.numpy() > 0
    np.testing.assert_allclose(model.discriminator_hidden(*batch[:3], None).numpy()[real], hidden[real], atol=1e-5, rtol=0)


def test_generator(exported, records):
    _, model, folder = exported
    batch = batch_of(records)
    masked = mask_batch(batch, 0.15, load_manifest(records).vocabulary.special_ids, Random(0, 0, batch.rows))
    ours = model.generator_logits(masked, None).numpy().reshape(*masked.masked_lm_ids.shape, -1)
    for model_class in (ElectraForMaskedLM, AutoModelForMaskedLM):
        theirs = loaded(model_class, f"{folder}/generator")
        with torch.no_grad():
            logits = theirs(**torch_inputs(masked.input_ids, batch)).logits.numpy()
        used = masked.masked_lm_weights.numpy() > 0
        at_slots = np.take_along_axis(logits, masked.masked_lm_positions.numpy()[..., None], 1)
        # Logits of the size 10 are compared: 1e-5 of one.
        np.testing.assert_allclose(ours[used], at_slots[used], atol=1e-5, rtol=1e-5)


def test_back_from_hugging_face_bit_for_bit(exported):
    config, model, folder = exported
    found = read_pretrained(folder)
    assert set(found.values) == set(model.named_variables())
    for name, variable in model.named_variables().items():
        np.testing.assert_array_equal(found.values[name], variable.numpy(), err_msg=name)
    check_config(found, config)
    for field, value in found.fields.items():
        assert field_value(config, field) == pytest.approx(value), field


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory, records):
    folder = tmp_path_factory.mktemp("run")
    train(prepare(MICRO, [records], str(folder)), tf.distribute.OneDeviceStrategy("/cpu:0"))
    return folder


def export(run_folder, output, *arguments):
    """Run the command."""
    arguments = ["--model_dir", run_folder, "--output", output, *arguments]
    return export_hf.export_hf(export_hf.parse_args(list(map(str, arguments))))


def test_export_command_writes_everything(run_folder, tmp_path):
    folders = export(run_folder, tmp_path, "--license", "mit")
    assert [os.path.basename(folder) for folder in folders] == ["discriminator", "generator"]
    for folder in folders:
        assert set(os.listdir(folder)) == {
            "config.json", "model.safetensors", "vocab.txt", "tokenizer.json", "tokenizer_config.json",
            "special_tokens_map.json", "README.md",
        }  # fmt: skip
        settings = json.loads(Path(folder, "tokenizer_config.json").read_text())
        assert settings["do_lower_case"] is False and settings["strip_accents"] is False
        card = Path(folder, "README.md").read_text()
        fingerprint = json.loads((run_folder / "run.json").read_text())["data"]["fingerprint"]
        facts = (
            "after 6 of 6 steps",
            "masked_lm_loss",
            "disc_auc",
            '"train_batch_size": 8',
            fingerprint,
            "Hardware: CPU (",
            'license: "mit"',
            "```python",
        )
        for fact in facts:
            assert fact in card, fact
    loaded(ElectraForPreTraining, folders[0])
    loaded(ElectraForMaskedLM, folders[1])


def test_an_earlier_step_can_be_exported(run_folder, tmp_path):
    export(run_folder, tmp_path / "3", "--step", 3)
    export(run_folder, tmp_path / "6", "--step", 6)
    first, second = (AutoModelForPreTraining.from_pretrained(tmp_path / step / "discriminator").state_dict() for step in "36")
    assert any(not torch.equal(first[name], second[name]) for name in first)
    with pytest.raises(UserError, match="no checkpoint of step 4; there are 3, 6"):
        export(run_folder, tmp_path / "4", "--step", 4)


TRICKY = [
    unicodedata.normalize("NFD", "맥에서 저장한 글은 자모로 풀려 있다."),
    "이모지 👍🏽 👨‍👩‍👧 ❤️ 그리고 ㅋㅋㅋㅋ ㅠㅠ ㅇㅇ",
    "漢字와 大韓民國, 東醫寶鑑(동의보감)",
    "제어\u0001문자와\u200b폭 없는\ufeff공백\u00ad, 탭\t그리고\u3000전각 공백",
    "가나다라마" * 30 + " 는 길다",
    "Mixed CASE and Café, 3.14와 ①②, ㎏, ％·∼",
    "ᄀᄂᄃ 옛한글 ᄒᆞᆫ글 ㆍ",
]


def test_auto_tokenizer_gives_the_ids_of_the_records(run_folder, tmp_path, vocab_path):
    """Written by build_data, read back from the records, against AutoTokenizer on the same raw line."""
    folder = export(run_folder, tmp_path / "exported")[0]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    lines = TRICKY + (SAMPLE_CORPUS / "comments.txt").read_text().split("\n\n")[0].split("\n")
    for number, line in enumerate(lines):
        corpus, records = tmp_path / f"{number}.txt", tmp_path / f"records{number}"
        corpus.write_text(line + "\n")
        build(str(corpus), vocab_path, str(records), "--heldout_fraction", "0")
        rows = sorted(read_examples(records), key=lambda row: row["input_ids"].tolist())
        special = (tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id)
        ours = sorted(index for row in rows for index in row["input_ids"].tolist() if index not in special)
        assert ours == sorted(tokenizer(line, add_special_tokens=False)["input_ids"]), line
        if len(rows) == 1 and not rows[0]["segment_ids"].any():
            whole = tokenizer(line)
            n = len(whole["input_ids"])
            assert rows[0]["input_ids"][:n].tolist() == whole["input_ids"]
            assert rows[0]["input_mask"].sum() == n


@pytest.mark.parametrize("strip", [True, False])
def test_whether_accents_are_taken_off_goes_along(tmp_path, records, strip):
    """As of records that were lower-cased by the released builder, which takes them off."""
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "cafe", "café", "가", "\u1100", "##\u1161"]
    tokenizer = WordPieceTokenizer(tokens, True, strip)
    config = changed(MICRO, data={"vocab_size": len(tokens), "do_lower_case": True})
    manifest = {**load_manifest(records).to_dict(), "vocabulary": dataclasses.asdict(vocabulary_of(tokenizer))}
    (folder, _) = write_hugging_face(
        str(tmp_path), perturbed(Electra(config)), config, tokenizer, CardFacts(5, manifest, {}, None, None)
    )
    settings = json.loads(Path(folder, "tokenizer_config.json").read_text())
    assert (settings["do_lower_case"], settings["strip_accents"]) == (True, strip)
    ids = AutoTokenizer.from_pretrained(folder)("Café 가", add_special_tokens=False)["input_ids"]
    assert [tokens[index] for index in ids] == (["cafe", "\u1100", "##\u1161"] if strip else ["café", "가"])
    assert tokenizer.encode_lines(["Café 가"])[0].tolist() == ids
    assert ("| accents | taken off |" in Path(folder, "README.md").read_text()) is strip


def test_auto_tokenizer_makes_pairs(run_folder, tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(export(run_folder, tmp_path)[0])
    pair = tokenizer("오늘은 맑다.", "내일은 흐리다.")
    separators = [place for place, index in enumerate(pair["input_ids"]) if index == tokenizer.sep_token_id]
    assert len(separators) == 2 and pair["input_ids"][0] == tokenizer.cls_token_id
    assert pair["token_type_ids"] == [int(place > separators[0]) for place in range(len(pair["input_ids"]))]
    assert tokenizer.tokenize("오늘은 [MASK]")[-1] == "[MASK]" and tokenizer.model_max_length == 32


def test_the_mean_of_checkpoints_can_be_exported(run_folder, tmp_path):
    (folder, _) = export(run_folder, tmp_path, "--average", 2)
    name, theirs = "electra/embeddings/word_embeddings", "electra.embeddings.word_embeddings.weight"
    both = [bundle.read(listing.find(str(run_folder), step))[name] for step in (3, 6)]
    assert not np.array_equal(*both)
    exported = load_file(f"{folder}/model.safetensors")[theirs]
    np.testing.assert_array_equal(exported, np.mean(np.float64(both), axis=0).astype(np.float32))
    assert "mean of 2 checkpoints" in Path(folder, "README.md").read_text()
    with pytest.raises(UserError, match="has 2 checkpoints .3, 6. where the mean of 5 was asked for"):
        export(run_folder, tmp_path / "5", "--average", 5)
    with pytest.raises(UserError, match="has 1 checkpoints .3. where the mean of 2"):
        export(run_folder, tmp_path / "2", "--step", 3, "--average", 2)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_the_size(run_folder, tmp_path, dtype):
    full, half = (export(run_folder, tmp_path / kind, "--dtype", kind)[0] for kind in ("float32", dtype))
    loaded_half = loaded(ElectraForPreTraining, half)
    assert loaded_half.dtype == getattr(torch, dtype)
    state = loaded_half.state_dict()
    for name, value in loaded(ElectraForPreTraining, full).state_dict().items():
        assert torch.equal(value.to(getattr(torch, dtype)) if value.is_floating_point() else value, state[name]), name
    sizes = [os.path.getsize(f"{folder}/model.safetensors") for folder in (half, full)]
    assert 0.5 < sizes[0] / sizes[1] < 0.53


def test_weights_beyond_a_dtype_are_refused(records, vocab_path, tmp_path):
    weights = {name: variable.numpy() for name, variable in Electra(MICRO).named_variables().items()}
    weights["electra/embeddings/LayerNorm/beta"][3] = 1e5
    facts = CardFacts(5, load_manifest(records).to_dict(), {}, None, None)
    with pytest.raises(UserError, match="--dtype float16: .* larger than 65504 .*electra/embeddings/LayerNorm/beta"):
        write_hugging_face(str(tmp_path), weights, MICRO, load_tokenizer(vocab_path, False), facts, "float16")
    assert not os.listdir(tmp_path)


def test_names():
    assert to_hugging_face("electra/encoder/layer_3/attention/self/query/kernel") == (
        "electra.encoder.layer.3.attention.self.query.weight",
        True,
    )
    assert to_hugging_face("generator/encoder/layer_0/attention/output/LayerNorm/gamma") == (
        "electra.encoder.layer.0.attention.output.LayerNorm.weight",
        False,
    )
    assert to_hugging_face("discriminator_predictions/dense_1/bias") == (
        "discriminator_predictions.dense_prediction.bias",
        False,
    )
    assert to_hugging_face("generator_predictions/output_bias") == ("generator_lm_head.bias", False)
    assert to_hugging_face("electra/embeddings/word_embeddings") == ("electra.embeddings.word_embeddings.weight", False)


def test_random_weights_are_those_that_the_run_began_with(run_folder, tmp_path):
    folders = [export(run_folder, tmp_path / name, "--random")[0] for name in ("a", "b")]
    first, second = (load_file(Path(folder) / "model.safetensors") for folder in folders)
    values = {name: variable.numpy() for name, variable in Electra(MICRO).named_variables().items()}
    begun = state_dict({name: values[name] for name in discriminator_names(sorted(values))})
    assert set(first) == set(second) == set(begun)
    for name, value in begun.items():
        np.testing.assert_array_equal(first[name], value)
        np.testing.assert_array_equal(second[name], value)
    trained = load_file(Path(export(run_folder, tmp_path / "c")[0]) / "model.safetensors")
    table = "electra.embeddings.word_embeddings.weight"
    assert not np.array_equal(first[table], trained[table])
    with pytest.raises(UserError, match="--random: needs no checkpoint"):
        export(run_folder, tmp_path / "d", "--step", 3, "--random")
