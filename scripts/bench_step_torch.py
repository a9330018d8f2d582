"""The same training step from `transformers` and torch, for bench_train.py: what ELECTRA is commonly built from there.

Two ElectraModels that share their embeddings; the masked positions are gathered before the vocabulary's product; attention is
torch's own (sdpa) if nothing else is asked for; AdamW is torch's fused one, the fastest of its three here. No metrics but the
losses.
"""

import time
from typing import Any

import torch
from bench_turns import Engine, parse_args, take_turns
from torch import Tensor, nn
from torch.nn import functional
from transformers import ElectraConfig, ElectraModel
from transformers.models.electra.modeling_electra import ElectraDiscriminatorPredictions, ElectraGeneratorPredictions

from electra_pretrain.config.load import load_config
from electra_pretrain.config.schema import Config

FIRST_WORD, MASK_ID, REPLACE_PROB = 5, 4, 0.85


def main() -> None:
    args = parse_args(__doc__)
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    step = Step(load_config(args.config, args.set), args.attention)
    losses = step.run()
    shapes = [list(parameter.shape) for parameter in step.parameters]
    take_turns(Engine(shapes, step.logits_shape, losses, step.run_many), time.perf_counter)


class Pair(nn.Module):
    """Generator and discriminator with their heads."""

    def __init__(self, config: Config, attention: str) -> None:
        super().__init__()
        model, objective = config.model, config.objective
        hidden_size = round(model.hidden_size * objective.generator_hidden_size)
        layers = max(1, round(model.num_hidden_layers * objective.generator_layers))
        depth, width = model.num_hidden_layers, model.hidden_size
        whole = _network(config, attention, depth, width, model.intermediate_size, model.num_attention_heads)
        small = _network(config, attention, layers, hidden_size, 4 * hidden_size, max(1, hidden_size // 64))
        self.discriminator, self.generator = ElectraModel(whole), ElectraModel(small)
        self.generator.embeddings = self.discriminator.embeddings
        self.generator_head, self.discriminator_head = (
            ElectraGeneratorPredictions(small),
            ElectraDiscriminatorPredictions(whole),
        )
        self.output_bias = nn.Parameter(torch.zeros(config.data.vocab_size))

    def logits(self, ids: Tensor, positions: Tensor, inputs: dict[str, Tensor]) -> Tensor:
        """[B, S] ids, [B, N] positions -> [B·N, V]."""
        hidden = self.generator(input_ids=ids, **inputs).last_hidden_state
        hidden = hidden.gather(1, positions[..., None].expand(-1, -1, hidden.shape[-1]))
        table = self.discriminator.embeddings.word_embeddings.weight
        return functional.linear(self.generator_head(hidden).flatten(0, 1), table, self.output_bias)

    def scores(self, ids: Tensor, inputs: dict[str, Tensor]) -> Tensor:
        """[B, S] ids -> [B, S]; above 0 means "replaced"."""
        scores: Tensor = self.discriminator_head(self.discriminator(input_ids=ids, **inputs).last_hidden_state)
        return scores


def _network(config: Config, attention: str, layers: int, hidden_size: int, intermediate_size: int, heads: int) -> Any:
    return ElectraConfig(
        attn_implementation=attention,
        vocab_size=config.data.vocab_size,
        embedding_size=config.model.embedding_size,
        hidden_size=hidden_size,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=intermediate_size,
        max_position_embeddings=config.model.max_position_embeddings,
        hidden_dropout_prob=config.model.hidden_dropout_prob,
        attention_probs_dropout_prob=config.model.attention_probs_dropout_prob,
    )


class Step:
    """One update on a batch of random tokens that fill every row."""

    def __init__(self, config: Config, attention: str) -> None:
        self._objective, self._vocab_size = config.objective, config.data.vocab_size
        self._rate, self._max_norm = config.optimizer.learning_rate, config.optimizer.max_grad_norm
        self._pair = Pair(config, attention).train()
        self.parameters = list(self._pair.parameters())
        decayed = [parameter for parameter in self.parameters if parameter.ndim > 1]
        others = [parameter for parameter in self.parameters if parameter.ndim <= 1]
        optimizer = config.optimizer
        self._optimizer = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": optimizer.weight_decay_rate}, {"params": others, "weight_decay": 0.0}],
            lr=self._rate, betas=(optimizer.adam_beta_1, optimizer.adam_beta_2), eps=optimizer.adam_epsilon, fused=True,
        )  # fmt: skip
        batch, length = config.training.train_batch_size, config.data.max_seq_length
        self._slots = int((self._objective.mask_prob + 0.005) * length)
        self._ids = torch.randint(FIRST_WORD, self._vocab_size, (batch, length))
        self._inputs = {"attention_mask": torch.ones_like(self._ids), "token_type_ids": torch.zeros_like(self._ids)}

    def run_many(self, steps: int) -> None:
        for _ in range(steps):
            self.run()

    def run(self) -> tuple[float, float]:
        """One update; its losses."""
        generator_loss, discriminator_loss = self._losses()
        self._optimizer.zero_grad()
        (self._objective.gen_weight * generator_loss + self._objective.disc_weight * discriminator_loss).backward()
        nn.utils.clip_grad_norm_(self.parameters, self._max_norm)
        self._optimizer.step()
        return generator_loss.item(), discriminator_loss.item()

    def _losses(self) -> tuple[Tensor, Tensor]:
        ids = self._ids
        positions = torch.rand(ids.shape).topk(self._slots, dim=1).indices
        originals = ids.gather(1, positions)
        written = torch.where(torch.rand(positions.shape) < REPLACE_PROB, torch.full_like(originals, MASK_ID), originals)
        logits = self._pair.logits(ids.scatter(1, positions, written), positions, self._inputs)
        self.logits_shape = list(logits.shape)
        with torch.no_grad():
            # -log of an exponential variate is Gumbel noise.
            samples = (logits - torch.empty_like(logits).exponential_().log_()).argmax(-1)
        fake_ids = ids.scatter(1, positions, samples.view_as(positions))
        scores = self._pair.scores(fake_ids, self._inputs)
        return (
            functional.cross_entropy(logits, originals.flatten()),
            functional.binary_cross_entropy_with_logits(scores, (fake_ids != ids).float()),
        )


if __name__ == "__main__":
    main()
