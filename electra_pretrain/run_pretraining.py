"""Train generator and discriminator by replaced-token detection. Running the same command again goes on where it stopped.

    run_pretraining --config base_v3.json --data data --model_dir runs/base_v3 --tpu local
    run_pretraining --config tiny.json --data data --model_dir runs/tiny --set training.num_train_steps=1000
"""  # fmt: skip

import argparse

from electra_pretrain import config as configs
from electra_pretrain import quiet
from electra_pretrain.command import add_config_arguments, run_command
from electra_pretrain.errors import UserError


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="run_pretraining", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_config_arguments(parser)
    parser.add_argument("--data", required=True, metavar="DIR", help="folder of records, made by build_data")
    parser.add_argument("--model_dir", required=True, metavar="DIR", help="folder of the run: checkpoints, metrics, config")
    parser.add_argument(
        "--tpu",
        metavar="NAME",
        help='a TPU\'s name, or "local" on a TPU VM (default: GPUs if there are any, else the CPU)',
    )
    parser.add_argument("--tpu_zone", help="the TPU's zone, where it is not this machine's")
    parser.add_argument("--gcp_project", help="the TPU's project, where it is not this machine's")
    parser.add_argument(
        "--cpu_replicas",
        type=int,
        default=1,
        help="split the batch over so many virtual CPUs, to rehearse a TPU's split",
    )
    return parser.parse_args(argv)


def run_pretraining(args: argparse.Namespace) -> None:
    config = configs.load(args.config, args.set)
    if args.cpu_replicas < 1 or (args.cpu_replicas > 1 and args.tpu):
        raise UserError(f"--cpu_replicas {args.cpu_replicas}: must be at least 1, and is not for a TPU")
    # Imported here, so that a mistake above is told at once.
    quiet.import_tensorflow()
    from electra_pretrain.train.devices import make_strategy
    from electra_pretrain.train.run import run

    run(config, args.data, args.model_dir, make_strategy(args.tpu, args.tpu_zone, args.gcp_project, args.cpu_replicas))


def main() -> None:
    run_command("run_pretraining", lambda: run_pretraining(parse_args()))


if __name__ == "__main__":
    main()
