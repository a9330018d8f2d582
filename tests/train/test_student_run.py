"""A student's run by the commands: begun, killed, resumed, scored, exported and loaded by `transformers`; what is refused."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
import torch
import transformers

from electra_pretrain import evaluate_pretraining, export_hf, inspect_data, run_pretraining
from electra_pretrain.checkpoint import bundle, listing
from electra_pretrain.checkpoint.names import is_moment
from electra_pretrain.config.load import load_config, to_text
from electra_pretrain.convert.sources import read_teacher
from electra_pretrain.core.batch import MaskedBatch
from electra_pretrain.core.errors import UserError
from electra_pretrain.model.electra import Electra
from electra_pretrain.train.metrics_log import read_rows
from tests.conftest import SEQ, VOCAB_SIZE, changed
from tests.convert.test_conversion import run
from tests.support import students
from tests.support.students import with_teacher

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
SHORT = {"num_train_steps": 4, "save_checkpoints_steps": 2}


def start(config, data, folder, *more):
    path = folder.parent / f"{folder.name}.json"
    path.write_text(to_text(config))
    run(run_pretraining, "--config", path, "--data", data, "--model_dir", folder, "--device", "cpu", *more)
    return folder


@pytest.fixture(scope="module")
def counted(tmp_path_factory, records):
    """Records with their tokens' counts."""
    folder = tmp_path_factory.mktemp("counted") / "records"
    shutil.copytree(records, folder)
    run(inspect_data, folder, "--token_counts", "--num_processes", "1")
    return folder


@pytest.fixture(scope="module")
def bert_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("teacher")
    students.bert(folder)
    return folder


@pytest.fixture(scope="module")
def student(bert_folder):
    config = with_teacher(
        students.DISTILBERT, teacher=str(bert_folder), mlm_smoothing=0.7, freeze_position_embeddings=True, layers=[1, 3]
    )
    return changed(config, training=SHORT)


@pytest.fixture(scope="module")
def straight(tmp_path_factory, student, counted):
    return start(student, counted, tmp_path_factory.mktemp("straight") / "run")


def test_a_run_resumes_to_the_bit(straight, student, counted, tmp_path):
    shutil.copytree(straight, tmp_path / "run")
    for path in (tmp_path / "run").glob("model.ckpt-4.*"):
        path.unlink()
    start(student, counted, tmp_path / "run")
    expected, found = (bundle.read(listing.find(str(folder))) for folder in (straight, tmp_path / "run"))
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
    assert not any("embeddings/position_embeddings/" in name for name in found)


def test_metrics_and_a_score_of_its_own(straight, counted, capsys):
    rows = read_rows(str(straight))
    for row in rows:
        assert {"distil_loss", "cosine_loss", "teacher_agreement", "masked_lm_loss"} <= row.keys()
        assert "sampled_masked_lm_accuracy" not in row
    train = [row for row in rows if row["kind"] == "train"]
    for row in train:
        total = 0.33 * (row["distil_loss"] + row["masked_lm_loss"] + row["cosine_loss"])
        np.testing.assert_allclose(row["total_loss"], total, rtol=1e-5)
    assert train[-1]["distil_loss"] < train[0]["distil_loss"]
    capsys.readouterr()
    scored = evaluate_pretraining.evaluate_pretraining(
        evaluate_pretraining.parse_args(["--model_dir", str(straight), "--data", str(counted), "--device", "cpu"])
    )
    (heldout,) = [row for row in rows if row["kind"] == "heldout" and row["step"] == 4]
    for name in ("distil_loss", "cosine_loss", "masked_lm_loss"):
        np.testing.assert_allclose(scored[name], heldout[name], rtol=1e-5)


def test_a_start_is_checked_beforehand(student, counted, tmp_path, capsys):
    start(student, counted, tmp_path / "run", "--preflight")
    assert "may teach; a student begins with its layers 1, 3\n" in capsys.readouterr().out
    assert not (tmp_path / "run").exists()


def test_an_export_is_distilberts(straight, tmp_path, capsys):
    run(export_hf, "--model_dir", straight, "--output", tmp_path / "hf")
    assert "no generator" not in capsys.readouterr().err
    folder = tmp_path / "hf" / "masked_lm"
    settings = json.loads((folder / "config.json").read_text())
    assert settings["model_type"] == "distilbert" and settings["n_layers"] == 2 and settings["dim"] == 32
    with torch.no_grad():
        ids = torch.arange(5, 25)[None]
        for auto, own in (("AutoModelForMaskedLM", "DistilBertForMaskedLM"), ("AutoModel", "DistilBertModel")):
            for name in (auto, own):
                model, about = getattr(transformers, name).from_pretrained(folder, output_loading_info=True)
                assert type(model).__name__ == own and not about["missing_keys"] and not about["mismatched_keys"]
                if own == "DistilBertForMaskedLM":
                    assert not about["unexpected_keys"]
                model.eval()(input_ids=ids)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        encoded = tokenizer("한국어 문장입니다.", return_tensors="pt")
        assert "token_type_ids" not in encoded
        model(**encoded)
    card = (folder / "README.md").read_text()
    assert "layers 1, 3" in card and "alpha_ce" in card


def network_of(folder):
    """Our networks with the weights of a run's newest checkpoint."""
    network, values = Electra(load_config(str(folder / "config.json"))), bundle.read(listing.find(str(folder)))
    for name, variable in network.named_variables().items():
        variable.assign(values[name])
    return network


def some_batch():
    """Two rows, the second of them half padding."""
    ids = np.random.default_rng(1).integers(5, VOCAB_SIZE, [2, SEQ])
    mask = (np.arange(SEQ) < [[SEQ], [SEQ // 2]]).astype(np.int64)
    return ids, mask


def test_its_logits_are_the_runs(straight, tmp_path):
    run(export_hf, "--model_dir", straight, "--output", tmp_path / "hf")
    ids, mask = some_batch()
    model = transformers.DistilBertForMaskedLM.from_pretrained(tmp_path / "hf" / "masked_lm").eval()
    with torch.no_grad():
        theirs = model(input_ids=torch.tensor(ids), attention_mask=torch.tensor(mask)).logits.numpy()
    read, seen, none = tf.constant(ids, tf.int32), tf.constant(mask, tf.int32), tf.zeros([2, 1], tf.int32)
    masked = MaskedBatch(read, seen, tf.zeros_like(read), none, none, tf.zeros([2, 1]), tf.zeros([2, SEQ]))
    network = network_of(straight)
    ours = network.masked_lm_logits(network.masked_lm_hidden(masked, None)).numpy().reshape(theirs.shape)
    np.testing.assert_allclose(ours[mask > 0], theirs[mask > 0], atol=1e-5, rtol=1e-5)
    assert theirs.std() > 0.1


def test_another_teacher_or_none_is_refused(straight, student, counted, tmp_path):
    shutil.copytree(straight, tmp_path / "run")
    students.bert(tmp_path / "other", initializer_range=0.3)
    other = changed(student, distillation={"teacher": str(tmp_path / "other")})
    with pytest.raises(UserError, match="holds other weights than the teacher that .* learnt from"):
        start(other, counted, tmp_path / "run")
    # Scored by another teacher, it would not be the run's own loss.
    shutil.copytree(straight, tmp_path / "scored")
    (tmp_path / "scored" / "config.json").write_text(to_text(other))
    with pytest.raises(UserError, match="holds other weights than the teacher that .*scored learnt from; put that one back"):
        run(evaluate_pretraining, "--model_dir", tmp_path / "scored", "--data", counted, "--device", "cpu")
    with pytest.raises(
        UserError, match=r"distillation.teacher: not set; name the teacher's folder: --set distillation.teacher=DIR"
    ):
        start(changed(student, distillation={"teacher": ""}), counted, tmp_path / "run")
    with pytest.raises(UserError, match="no such file, and distillation.mlm_smoothing asks for it; write it with python -m"):
        (tmp_path / "bare").mkdir()
        for path in counted.iterdir():
            if path.name != "token_counts.json":
                shutil.copy(path, tmp_path / "bare" / path.name)
        start(student, tmp_path / "bare", tmp_path / "fresh")
    assert not (tmp_path / "fresh").exists()


def test_a_run_and_each_of_its_checkpoints_may_teach(straight):
    for path in (straight, straight / "model.ckpt-2"):
        teacher = read_teacher(str(path))
        assert not teacher.config.objective.has_discriminator and teacher.config.model.num_hidden_layers == 2
    assert read_teacher(str(straight)).sha256() != teacher.sha256()


def test_an_electra_student_of_a_pair(tmp_path, records):
    students.electra_pair(tmp_path / "pair")
    config = changed(with_teacher(students.ELECTRA, teacher=str(tmp_path / "pair")), training=SHORT)
    start(config, records, tmp_path / "run")
    names = bundle.read(listing.find(str(tmp_path / "run")))
    assert not any(name.startswith("generator") for name in names)
    rows = read_rows(str(tmp_path / "run"))
    assert {"distil_loss", "cosine_loss", "disc_loss", "disc_auc"} <= rows[-1].keys() and "masked_lm_loss" not in rows[-1]
    run(export_hf, "--model_dir", tmp_path / "run", "--output", tmp_path / "hf")
    assert sorted(path.name for path in (tmp_path / "hf").iterdir() if path.is_dir()) == ["discriminator"]
    path = tmp_path / "hf" / "discriminator"
    model, about = transformers.ElectraForPreTraining.from_pretrained(path, output_loading_info=True)
    assert not (about["missing_keys"] or about["unexpected_keys"])
    ids, mask = some_batch()
    with torch.no_grad():
        theirs = model.eval()(input_ids=torch.tensor(ids), attention_mask=torch.tensor(mask)).logits.numpy()
    batch = (tf.constant(value, tf.int32) for value in (ids, mask, np.zeros_like(ids)))
    ours = network_of(tmp_path / "run").discriminator_logits(*batch, None).numpy()
    np.testing.assert_allclose(ours[mask > 0], theirs[mask > 0], atol=1e-5, rtol=1e-5)


def test_a_student_goes_on_with_another_runs_moments(straight, student, counted, tmp_path):
    """Frozen positions have none, in the run that goes on as in the one that it goes on from."""
    config = changed(student, training={"init_from": str(straight / "model.ckpt-2"), "init_moments": True})
    begun = start(config, counted, tmp_path / "run")
    names = [set(bundle.read(listing.find(str(folder)))) for folder in (begun, straight)]
    assert names[0] == names[1] and any(is_moment(name) for name in names[0])
    thawed = changed(config, distillation={"freeze_position_embeddings": False})
    with pytest.raises(UserError, match="electra/embeddings/position_embeddings/adam_m"):
        start(thawed, counted, tmp_path / "thawed")
    assert not (tmp_path / "thawed").exists()
