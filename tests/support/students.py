"""Small teachers as `transformers` has them, and configs of their students."""

import torch
from transformers import (
    AlbertConfig,
    AlbertForMaskedLM,
    BertConfig,
    BertForMaskedLM,
    ElectraConfig,
    ElectraForMaskedLM,
    ElectraForPreTraining,
)

from electra_pretrain.config.distillation import DistillationConfig
from electra_pretrain.config.schema import Config
from tests.conftest import MICRO, SEQ, VOCAB_SIZE, changed

SIZES = {
    "vocab_size": VOCAB_SIZE,
    "hidden_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": SEQ,
    "initializer_range": 0.2,  # far from one another, so that what is mixed up shows
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
}
_WITHOUT_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
# Of the masked language model, then of the discriminator.
DISTILBERT = changed(
    MICRO,
    model={"num_hidden_layers": 2, "embedding_size": 32, "type_vocab_size": 0, **_WITHOUT_DROPOUT},
    objective={"electra_objective": False, "mask_token_prob": 0.8, "random_token_prob": 0.1},
)
ELECTRA = changed(MICRO, model={"num_hidden_layers": 2, **_WITHOUT_DROPOUT})


def with_teacher(config: Config, **fields: object) -> Config:
    """A student's config; a discriminator has no masked language model's loss."""
    defaults = {"alpha_mlm": 0.0, "alpha_disc": 0.33} if config.objective.has_discriminator else {}
    section = DistillationConfig(**{**defaults, **fields})
    return Config.from_dict({**config.to_dict(), "distillation": section.__dict__})


def _randomised(model):
    """Biases and LayerNorms, too, differ from what they are in every new model."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape) * 0.05)
    return model.eval()


def bert(folder, **settings):
    """Write BERT with its masked-LM head; return it."""
    torch.manual_seed(1)
    model = _randomised(BertForMaskedLM(BertConfig(**SIZES | settings)))
    model.save_pretrained(folder)
    return model


def albert(folder):
    """Write ALBERT, all of whose blocks share their weights; return it."""
    torch.manual_seed(3)
    model = _randomised(AlbertForMaskedLM(AlbertConfig(**SIZES | {"embedding_size": 16})))
    model.save_pretrained(folder)
    return model


def electra_pair(folder):
    """Write a discriminator and a generator that share their embeddings; return both."""
    torch.manual_seed(2)
    sizes = SIZES | {"embedding_size": 16}
    discriminator = _randomised(ElectraForPreTraining(ElectraConfig(**sizes)))
    narrow = {"hidden_size": 16, "intermediate_size": 64, "num_attention_heads": 1, "embedding_size": 16}
    generator = _randomised(ElectraForMaskedLM(ElectraConfig(**SIZES | narrow)))
    generator.electra.embeddings.load_state_dict(discriminator.electra.embeddings.state_dict())
    generator.tie_weights()
    discriminator.save_pretrained(f"{folder}/discriminator")
    generator.save_pretrained(f"{folder}/generator")
    return discriminator, generator
