"""The same training step in torch: what it is timed against, on any device.

Two networks that share their embeddings; the masked positions are gathered before the vocabulary's product; attention is
torch's sdpa; AdamW is torch's fused one; bfloat16 is autocast. No metrics but the losses.

    python torch_step.py --turns < numbers_of_steps    # within a folder of bench_gpu.py; run_both.py calls it
"""  # fmt: skip

import argparse
import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import plan
import torch
from bench_turns import Engine, answer, take_turns
from torch import Tensor, nn
from torch.nn import functional
from torch_network import DiscriminatorHead, Encoder, GeneratorHead, initialize
from torch_sizes import Sizes, sizes_of

FIRST_WORD, MASK_ID, REPLACE_PROB = 5, 4, 0.85
MIB = 2.0**-20


def main() -> None:
    args = parse_args()
    device = torch.device({"gpu": "cuda"}.get(args.device, args.device) or ("cuda" if torch.cuda.is_available() else "cpu"))
    torch.manual_seed(0)
    torch.set_float32_matmul_precision("high")
    sizes = sizes_of(plan.read(Path(__file__).resolve().parent / "plan.json").config)
    step = Step(sizes, plain_pair(sizes), device, compiled=not args.eager)
    began = time.perf_counter()
    losses = step.first()
    facts: dict[str, Any] = {"torch": torch.__version__, "device": _name(device), "compiled": not args.eager}
    facts |= {"compile_s": time.perf_counter() - began, "first_losses": losses, "peak_memory_mib": None}
    if device.type == "cuda":
        facts["peak_memory_mib"] = torch.cuda.max_memory_allocated() * MIB
    answer(**facts)
    take_turns(Engine(step.shapes, step.logits_shape, losses, step.run_many), time.perf_counter)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("gpu", "cpu"), help="default: a GPU if torch sees one")
    parser.add_argument("--eager", action="store_true", help="without torch.compile")
    parser.add_argument("--turns", action="store_true", help="wait for numbers of steps on standard input, as it does anyhow")
    return parser.parse_args()


class Pair(nn.Module):
    """Generator and discriminator with their heads; the generator takes the discriminator's embeddings."""

    def __init__(
        self, discriminator: nn.Module, generator: nn.Module, discriminator_head: nn.Module, generator_head: nn.Module
    ) -> None:
        super().__init__()
        self.discriminator, self.generator = discriminator, generator
        self.generator.embeddings = self.discriminator.embeddings
        self.discriminator_head, self.generator_head = discriminator_head, generator_head
        self.table: nn.Module = self.discriminator.embeddings.word_embeddings
        self.output_bias = nn.Parameter(torch.zeros(len(self.table.weight)))

    def logits(self, ids: Tensor, positions: Tensor) -> Tensor:
        """[B, S] ids, [B, N] positions -> [B·N, V]."""
        hidden = _hidden(self.generator(ids))
        hidden = hidden.gather(1, positions[..., None].expand(-1, -1, hidden.shape[-1]))
        return functional.linear(self.generator_head(hidden).flatten(0, 1), self.table.weight, self.output_bias)

    def scores(self, ids: Tensor) -> Tensor:
        """[B, S] ids -> [B, S]; above 0 means "replaced"."""
        scores: Tensor = self.discriminator_head(_hidden(self.discriminator(ids)))
        return scores


def _hidden(output: Any) -> Tensor:
    """Return the hidden states of an encoder here, or of one of `transformers`."""
    hidden: Tensor = output if isinstance(output, Tensor) else output.last_hidden_state
    return hidden


def plain_pair(sizes: Sizes) -> Pair:
    """Build both networks in plain torch."""
    pair = Pair(
        Encoder(sizes.discriminator),
        Encoder(sizes.generator),
        DiscriminatorHead(sizes.discriminator),
        GeneratorHead(sizes.generator),
    )
    initialize(pair, sizes.initializer_range)
    return pair


class Step:
    """One update on a batch of random tokens that fill every row."""

    def __init__(self, sizes: Sizes, pair: Pair, device: torch.device, compiled: bool) -> None:
        self._sizes, self._device, self._pair = sizes, device, pair.to(device).train()
        self._parameters = list(self._pair.parameters())
        self._optimizer = _adamw(self._parameters, sizes.optimizer)
        self._ids = torch.randint(FIRST_WORD, sizes.discriminator.vocab_size, (sizes.batch, sizes.length), device=device)
        self._losses: Callable[[], tuple[Tensor, Tensor]] = torch.compile(self.losses) if compiled else self.losses
        self.shapes = [list(parameter.shape) for parameter in self._parameters]
        self.logits_shape = [sizes.batch * sizes.slots, sizes.discriminator.vocab_size]

    def run_many(self, steps: int) -> None:
        """Run so many updates; return once the last is done."""
        for _ in range(steps):
            self._update()
        if self._device.type == "cuda":
            torch.cuda.synchronize()

    def first(self) -> tuple[float, float]:
        """Run one update; return its losses."""
        generator_loss, discriminator_loss = self._update()
        return generator_loss.item(), discriminator_loss.item()

    def _update(self) -> tuple[Tensor, Tensor]:
        sizes = self._sizes
        with self._autocast():
            generator_loss, discriminator_loss = self._losses()
        self._optimizer.zero_grad()
        (sizes.gen_weight * generator_loss + sizes.disc_weight * discriminator_loss).backward()
        nn.utils.clip_grad_norm_(self._parameters, sizes.optimizer["max_grad_norm"])
        self._optimizer.step()
        return generator_loss.detach(), discriminator_loss.detach()

    def _autocast(self) -> contextlib.AbstractContextManager[Any]:
        if self._sizes.compute_dtype == "float32":
            return contextlib.nullcontext()
        cast: contextlib.AbstractContextManager[Any] = torch.autocast(self._device.type, torch.bfloat16)
        return cast

    def losses(self) -> tuple[Tensor, Tensor]:
        """Mask, generate, replace, discriminate; return the generator's loss and the discriminator's."""
        ids = self._ids
        positions = torch.rand(ids.shape, device=ids.device).topk(self._sizes.slots, dim=1).indices
        originals = ids.gather(1, positions)
        drawn = torch.rand(positions.shape, device=ids.device) < REPLACE_PROB
        written = torch.where(drawn, torch.full_like(originals, MASK_ID), originals)
        logits = self._pair.logits(ids.scatter(1, positions, written), positions)
        with torch.no_grad():
            # -log of an exponential variate is Gumbel noise.
            samples = (logits - torch.empty_like(logits).exponential_().log_()).argmax(-1)
        fake_ids = ids.scatter(1, positions, samples.view_as(positions))
        scores = self._pair.scores(fake_ids)
        return (
            functional.cross_entropy(logits, originals.flatten()),
            functional.binary_cross_entropy_with_logits(scores, (fake_ids != ids).float()),
        )


def _adamw(parameters: list[nn.Parameter], optimizer: dict[str, Any]) -> torch.optim.Optimizer:
    """Return torch's fused AdamW, the fastest of its three; biases and LayerNorm are not decayed."""
    decayed = [parameter for parameter in parameters if parameter.ndim > 1]
    others = [parameter for parameter in parameters if parameter.ndim <= 1]
    return torch.optim.AdamW(
        [{"params": decayed, "weight_decay": optimizer["weight_decay_rate"]}, {"params": others, "weight_decay": 0.0}],
        lr=optimizer["learning_rate"], betas=(optimizer["adam_beta_1"], optimizer["adam_beta_2"]),
        eps=optimizer["adam_epsilon"], fused=True,
    )  # fmt: skip


def _name(device: torch.device) -> str:
    return str(torch.cuda.get_device_name(device)) if device.type == "cuda" else "cpu"


if __name__ == "__main__":
    main()
