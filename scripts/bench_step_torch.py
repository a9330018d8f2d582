"""The same training step from `transformers` and torch, for bench_train.py: what ELECTRA is commonly built from there.

Two ElectraModels that share their embeddings; all else is gpu/torch_step.py's, which bench_gpu.py times with networks in plain
torch.
"""

import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent / "gpu"))

import torch
from bench_turns import Engine, parse_args, take_turns
from torch_sizes import NetworkSizes, Sizes, sizes_of
from torch_step import Pair, Step
from transformers import ElectraConfig, ElectraModel
from transformers.models.electra.modeling_electra import ElectraDiscriminatorPredictions, ElectraGeneratorPredictions

from electra_pretrain.config.load import load_config


def main() -> None:
    args = parse_args(__doc__)
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    sizes = sizes_of(load_config(args.config, args.set).to_dict())
    step = Step(sizes, common_pair(sizes, args.attention), torch.device(args.device), compiled=False)
    take_turns(Engine(step.shapes, step.logits_shape, step.first(), step.run_many), time.perf_counter)


def common_pair(sizes: Sizes, attention: str) -> Pair:
    """Build both networks as they are commonly built."""
    whole, small = (_config(each, attention) for each in (sizes.discriminator, sizes.generator))
    heads = ElectraDiscriminatorPredictions(whole), ElectraGeneratorPredictions(small)
    return Pair(ElectraModel(whole), ElectraModel(small), *heads)


def _config(sizes: NetworkSizes, attention: str) -> Any:
    return ElectraConfig(attn_implementation=attention, **sizes._asdict())


if __name__ == "__main__":
    main()
