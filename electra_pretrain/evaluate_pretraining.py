"""Score any checkpoint of a run on held-out records: the metrics that training shows, as one JSON object.

    python -m electra_pretrain.evaluate_pretraining --model_dir runs/base_v3 --data data --step 500000
"""  # fmt: skip

import argparse
import json
import math

from electra_pretrain.cli.arguments import add_device, check_device, command_parser
from electra_pretrain.cli.run import run_command
from electra_pretrain.config.load import CONFIG_NAME, load_config
from electra_pretrain.core import files, tensorflow_startup
from electra_pretrain.core.finding import collect, heed
from electra_pretrain.tpu import hosts
from electra_pretrain.tpu.machine import check_machine


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = command_parser("evaluate_pretraining", __doc__)
    parser.add_argument("--model_dir", required=True, metavar="DIR", help="folder of a run, made by run_pretraining")
    parser.add_argument("--data", required=True, metavar="DIR", help="folder of records, made by build_data")
    parser.add_argument("--step", type=int, help="which checkpoint (default: the newest)")
    parser.add_argument("--num_eval_steps", type=int, help="batches to score (default: the config's)")
    parser.add_argument(
        "--tpu", metavar="NAME", help='a TPU\'s name, or "local" on a TPU VM (default: GPUs if there are any, else the CPU)'
    )
    add_device(parser)
    return parser.parse_args(argv)


def evaluate_pretraining(args: argparse.Namespace) -> dict[str, float | str | None]:
    check_device(args)
    hosts.prepare(args.tpu)
    if args.tpu == hosts.LOCAL:
        heed(collect(check_machine()))
    tensorflow_startup.import_tensorflow()
    from electra_pretrain.convert.sources import teacher_of
    from electra_pretrain.train.devices import make_strategy
    from electra_pretrain.train.evaluate import evaluate

    config_path = files.join(args.model_dir, CONFIG_NAME)
    teacher = teacher_of(load_config(config_path)) if files.exists(config_path) else None
    strategy = make_strategy(args.tpu, device=args.device)
    scores = evaluate(args.model_dir, args.data, args.step, args.num_eval_steps, strategy, teacher)
    # A mean over nothing, such as the precision of a discriminator that calls nothing replaced, has no number in JSON.
    metrics = {name: float(f"{value:.6g}") if math.isfinite(value) else None for name, value in scores.metrics.items()}
    return {"step": scores.step, "short_documents": scores.short_documents, **metrics}


def main() -> None:
    run_command("evaluate_pretraining", parse_args, lambda args: print(json.dumps(evaluate_pretraining(args))))


if __name__ == "__main__":
    main()
