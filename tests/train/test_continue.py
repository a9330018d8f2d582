"""Runs that go on from exports and imports: the same loss, and with the moments the same bits."""

import numpy as np
import pytest
import tensorflow as tf
from safetensors.numpy import load_file

from electra_pretrain import export_tf1, import_checkpoint, run_pretraining
from electra_pretrain.checkpoint import bundle, listing
from electra_pretrain.config.load import load_config
from electra_pretrain.core.errors import UserError
from electra_pretrain.train.loop import train
from electra_pretrain.train.metrics_log import last_metrics
from electra_pretrain.train.start import prepare
from tests.conftest import MICRO, changed
from tests.convert.test_hf_export import export


def go_on(config, records, folder):
    """As the command does it."""
    pretrained = run_pretraining.read_init_from(config, str(folder))
    train(prepare(config, [records], str(folder), pretrained), tf.distribute.OneDeviceStrategy("/cpu:0"))


def values_at(folder, step=None):
    return bundle.read(listing.find(str(folder), step))


def export_(trained, output, *arguments):
    arguments = ["--model_dir", str(trained), "--output", str(output), *arguments]
    return export_tf1.export_tf1(export_tf1.parse_args(arguments))


def import_(output, *arguments):
    return import_checkpoint.import_checkpoint(import_checkpoint.parse_args([*arguments, "--output", str(output)]))


@pytest.fixture(scope="module")
def trained(tmp_path_factory, records):
    folder = tmp_path_factory.mktemp("trained")
    go_on(MICRO, records, folder)
    return folder


def same(found, expected):
    assert set(found) == set(expected)
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


def test_with_its_moments_a_run_goes_on_as_if_it_had_not_stopped(tmp_path, trained, records):
    exported, imported = str(tmp_path / "tf1"), str(tmp_path / "run")
    assert export_(trained, exported, "--step", "3", "--keep_optimizer").endswith("model.ckpt-3")
    same(values_at(exported), values_at(trained, 3))
    assert tf.train.latest_checkpoint(exported) == f"{exported}/model.ckpt-3"
    import_(imported, "--tf1", exported, "--keep_optimizer")
    same(values_at(imported), values_at(trained, 3))
    go_on(MICRO, records, imported)
    same(values_at(imported), values_at(trained))


def test_an_export_without_moments_holds_weights_and_step(tmp_path, trained):
    export_(trained, tmp_path / "tf1")
    found = values_at(tmp_path / "tf1")
    expected = values_at(trained)
    same(found, {name: value for name, value in expected.items() if not name.endswith(("adam_m", "adam_v"))})
    assert (tmp_path / "tf1" / "vocab.txt").read_bytes() == (trained / "vocab.txt").read_bytes()
    with pytest.raises(UserError, match="moments have no mean"):
        export_(trained, tmp_path / "mean", "--average", "2", "--keep_optimizer")


@pytest.mark.parametrize("way", ["imported", "init_from"])
def test_a_run_starts_at_the_loss_of_its_source(tmp_path, trained, records, way):
    exported, folder = str(tmp_path / "exported"), str(tmp_path / "run")
    export(trained, exported)
    config = changed(MICRO, training={"num_train_steps": 1}, optimizer={"learning_rate": 1e-30})
    if way == "imported":
        import_(folder, "--discriminator", f"{exported}/discriminator", "--generator", f"{exported}/generator")
    else:
        config = changed(config, training={"init_from": exported})
    go_on(config, records, folder)
    source, before, found = (
        last_metrics(str(path), "heldout", step) for path, step in ((trained, 6), (folder, 0), (folder, 1))
    )
    fresh = np.log(MICRO.data.vocab_size)
    assert source["masked_lm_loss"] < fresh - 0.1 and source["disc_loss"] < 0.5
    for name in ("masked_lm_loss", "disc_loss", "disc_auc"):
        assert found[name] == pytest.approx(source[name], rel=1e-5), name
        assert before[name] == pytest.approx(source[name], rel=1e-5), f"{name}, scored before the first step"


def test_an_imported_folder_refuses_another_config_and_other_records(tmp_path, trained, records):
    exported, folder = str(tmp_path / "exported"), tmp_path / "run"
    export(trained, exported)
    import_(folder, "--discriminator", f"{exported}/discriminator", "--generator", f"{exported}/generator")
    with pytest.raises(UserError, match="model.num_attention_heads is 2 there, 4 in the config"):
        go_on(changed(MICRO, model={"num_attention_heads": 4}), records, folder)
    import_(folder, "--discriminator", f"{exported}/discriminator")  # nothing was trained in it: it may be made anew
    (folder / "metrics.jsonl").touch()
    with pytest.raises(UserError, match="holds checkpoints of a run"):
        import_(folder, "--discriminator", f"{exported}/discriminator")
    (folder / "metrics.jsonl").unlink()
    tokens = (folder / "vocab.txt").read_text().split("\n")
    tokens[10], tokens[11] = tokens[11], tokens[10]
    (folder / "vocab.txt").write_text("\n".join(tokens))
    with pytest.raises(UserError, match="vocab.txt: not the vocabulary that belongs here"):
        go_on(MICRO, records, folder)
    (folder / "import.json").unlink()  # as an earlier version left it
    with pytest.raises(UserError, match="its vocabulary is not that of the records"):
        go_on(MICRO, records, folder)
    assert load_config(str(folder / "config.json")).training.init_from == ""
    assert set(load_file(f"{exported}/discriminator/model.safetensors"))
