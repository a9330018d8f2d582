"""A checkpoint as the released TensorFlow 1 code writes it, made without our code, and `transformers` models of it."""

import numpy as np
import tensorflow as tf
import torch
from transformers import ElectraConfig, ElectraForMaskedLM, ElectraForPreTraining

LAYERS, H, E, F, V, P = 2, 128, 16, 48, 40, 24
GENERATOR_LAYERS, G = 2, 64
TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"[unused{n}]" for n in range(3)), *"가나다라마바사아자차카타파하"]
TOKENS += [f"##{letter}" for letter in "가나다라마바사아자차카타파하"]
TOKENS += [f"말{n}" for n in range(V - len(TOKENS))]


def shapes():
    """Released name -> shape."""
    found = {
        "electra/embeddings/word_embeddings": [V, E],
        "electra/embeddings/position_embeddings": [P, E],
        "electra/embeddings/token_type_embeddings": [2, E],
        "electra/embeddings/LayerNorm/gamma": [E],
        "electra/embeddings/LayerNorm/beta": [E],
        "discriminator_predictions/dense/kernel": [H, H],
        "discriminator_predictions/dense/bias": [H],
        "discriminator_predictions/dense_1/kernel": [H, 1],
        "discriminator_predictions/dense_1/bias": [1],
        "generator_predictions/dense/kernel": [G, E],
        "generator_predictions/dense/bias": [E],
        "generator_predictions/LayerNorm/gamma": [E],
        "generator_predictions/LayerNorm/beta": [E],
        "generator_predictions/output_bias": [V],
    }
    for scope, layers, hidden, intermediate in (("electra", LAYERS, H, F), ("generator", GENERATOR_LAYERS, G, 4 * G)):
        found |= {f"{scope}/embeddings_project/kernel": [E, hidden], f"{scope}/embeddings_project/bias": [hidden]}
        for layer in range(layers):
            block = f"{scope}/encoder/layer_{layer}"
            dense = {f"attention/self/{name}": [hidden, hidden] for name in ("query", "key", "value")}
            dense |= {"attention/output/dense": [hidden, hidden]}
            dense |= {"intermediate/dense": [hidden, intermediate], "output/dense": [intermediate, hidden]}
            for name, (rows, columns) in dense.items():
                found |= {f"{block}/{name}/kernel": [rows, columns], f"{block}/{name}/bias": [columns]}
            for name in ("attention/output", "output"):
                found |= {f"{block}/{name}/LayerNorm/{part}": [hidden] for part in ("gamma", "beta")}
    return found


def make_values():
    rng = np.random.default_rng(7)
    values = {name: rng.normal(scale=0.2, size=shape) for name, shape in shapes().items()}
    return {name: (value + name.endswith("gamma")).astype(np.float32) for name, value in values.items()}


def write(folder, values, adam_slots, step):
    """As `tf.compat.v1.train.Saver` writes it; the file `checkpoint` names a path on another machine."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        for name, value in values.items():
            tf.compat.v1.get_variable(name, initializer=tf.constant(value))
            for slot in ("adam_m", "adam_v") if adam_slots else ():
                tf.compat.v1.get_variable(f"{name}/{slot}", initializer=tf.constant(np.abs(value) * 0.1))
        if step is not None:
            tf.compat.v1.get_variable("global_step", initializer=tf.constant(step, tf.int64))
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver().save(session, str(folder / "model.ckpt"), global_step=step or 0)
    (folder / "checkpoint").write_text('model_checkpoint_path: "gs://another/machine/model.ckpt-5"\n')
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in TOKENS))


def transformers_model(values, network):
    """The same values in a model of `transformers`, each put in its place by hand."""
    hidden, intermediate, heads, layers = (H, F, 2, LAYERS) if network == "electra" else (G, 4 * G, 1, GENERATOR_LAYERS)
    config = ElectraConfig(
        vocab_size=V,
        embedding_size=E,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=intermediate,
        max_position_embeddings=P,
    )
    model = (ElectraForPreTraining if network == "electra" else ElectraForMaskedLM)(config).eval()
    tables = model.electra.embeddings
    for table in ("word", "position", "token_type"):
        _put(getattr(tables, f"{table}_embeddings").weight, values[f"electra/embeddings/{table}_embeddings"])
    _put_norm(tables.LayerNorm, values, "electra/embeddings")
    _put_dense(model.electra.embeddings_project, values, f"{network}/embeddings_project")
    for number, block in enumerate(model.electra.encoder.layer):
        path = f"{network}/encoder/layer_{number}"
        for name in ("query", "key", "value"):
            _put_dense(getattr(block.attention.self, name), values, f"{path}/attention/self/{name}")
        _put_dense(block.attention.output.dense, values, f"{path}/attention/output/dense")
        _put_norm(block.attention.output.LayerNorm, values, f"{path}/attention/output")
        _put_dense(block.intermediate.dense, values, f"{path}/intermediate/dense")
        _put_dense(block.output.dense, values, f"{path}/output/dense")
        _put_norm(block.output.LayerNorm, values, f"{path}/output")
    if network == "electra":
        _put_dense(model.discriminator_predictions.dense, values, "discriminator_predictions/dense")
        _put_dense(model.discriminator_predictions.dense_prediction, values, "discriminator_predictions/dense_1")
    else:
        _put_dense(model.generator_predictions.dense, values, "generator_predictions/dense")
        _put_norm(model.generator_predictions.LayerNorm, values, "generator_predictions")
        _put(model.generator_lm_head.bias, values["generator_predictions/output_bias"])
    return model


def _put(parameter, value):
    with torch.no_grad():
        parameter.copy_(torch.tensor(value))


def _put_dense(module, values, path):
    _put(module.weight, values[f"{path}/kernel"].T.copy())
    _put(module.bias, values[f"{path}/bias"])


def _put_norm(module, values, path):
    _put(module.weight, values[f"{path}/LayerNorm/gamma"])
    _put(module.bias, values[f"{path}/LayerNorm/beta"])
