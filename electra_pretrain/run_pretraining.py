"""Train generator and discriminator by replaced-token detection. Running the same command again goes on where it stopped.

    run_pretraining --config base_v3.json --data data --model_dir runs/base_v3 --tpu local
    run_pretraining --config tiny.json --data data --model_dir runs/tiny --set training.num_train_steps=1000
"""  # fmt: skip

import argparse
import sys
from typing import TYPE_CHECKING

from electra_pretrain.cli.arguments import add_config, chosen_config, command_parser
from electra_pretrain.cli.run import run_command
from electra_pretrain.config.schema import Config, Phase
from electra_pretrain.core import tensorflow_startup
from electra_pretrain.core.errors import UserError
from electra_pretrain.tpu import hosts
from electra_pretrain.tpu.chips import SLICES, find_slice
from electra_pretrain.tpu_check import INSTALL, compiler_missing, tpu_check

if TYPE_CHECKING:
    from electra_pretrain.checkpoint.pretrained import Pretrained
    from electra_pretrain.train.preflight import Finding


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = command_parser("run_pretraining", __doc__)
    add_config(parser)
    parser.add_argument(
        "--data",
        required=True,
        nargs="+",
        metavar="DIR",
        help="folder of records, made by build_data; where the config has phases, one for each length",
    )
    parser.add_argument("--model_dir", required=True, metavar="DIR", help="folder of the run: checkpoints, metrics, config")
    parser.add_argument(
        "--tpu",
        metavar="NAME",
        help='"local" on a TPU VM; for a slice of several hosts their addresses, "grpc://HOST:PORT,…", or its name '
        "(default: GPUs if there are any, else the CPU)",
    )
    parser.add_argument("--tpu_zone", help="the TPU's zone, where it is not this machine's")
    parser.add_argument("--gcp_project", help="the TPU's project, where it is not this machine's")
    parser.add_argument(
        "--cpu_replicas",
        type=int,
        default=1,
        help="split the batch over so many virtual CPUs, to rehearse a TPU's split",
    )
    parser.add_argument(
        "--on_bad_record",
        choices=("error", "skip"),
        default="error",
        help="skip: leave out records that cannot be read, count and name them (default %(default)s)",
    )
    parser.add_argument("--preflight", action="store_true", help="check everything that can be checked, train nothing")
    parser.add_argument(
        "--topology",
        metavar="NAME",
        help=f"with --preflight: the TPU that the run is for, one of {', '.join(SLICES)}, or larger, as v3-32; "
        "with the extra tpu-check also whether a step fits its memory",
    )
    return parser.parse_args(argv)


def run_pretraining(args: argparse.Namespace) -> None:
    config = chosen_config(args)
    if args.cpu_replicas < 1 or (args.cpu_replicas > 1 and args.tpu):
        raise UserError(f"--cpu_replicas {args.cpu_replicas}: must be at least 1, and is not for a TPU")
    if args.topology and not args.preflight:
        raise UserError("--topology: is for --preflight; a run takes the devices that it finds")
    hosts.prepare(args.tpu)
    # Imported here, so that a mistake above is told at once.
    tensorflow_startup.import_tensorflow()
    pretrained = read_init_from(config, args.model_dir)
    if args.preflight:
        preflight(config, args, pretrained)
        return
    from electra_pretrain.train.devices import make_strategy
    from electra_pretrain.train.run import run

    warn_before_start(config, args, pretrained)
    strategy = make_strategy(args.tpu, args.tpu_zone, args.gcp_project, args.cpu_replicas)
    run(config, args.data, args.model_dir, strategy, args.on_bad_record == "skip", pretrained)


def read_init_from(config: Config, model_dir: str) -> "Pretrained | None":
    """The weights that `training.init_from` names; None if it names none, or the run has checkpoints of its own.

    Raises:
        UserError: there are no weights there, or damaged ones.
    """
    from electra_pretrain.checkpoint import bundle as checkpoint
    from electra_pretrain.convert.sources import read_pretrained

    if not config.training.init_from or checkpoint.steps(model_dir):
        return None
    return read_pretrained(config.training.init_from)


def preflight(config: Config, args: argparse.Namespace, pretrained: "Pretrained | None") -> None:
    """Check everything that can be checked and print what was found.

    Raises:
        UserError: the run would fail.
    """
    from electra_pretrain.train.devices import count_replicas
    from electra_pretrain.train.preflight import Level, Start, check_start, check_thoroughly

    target = find_slice(args.topology) if args.topology else None
    replicas = target.replicas if target else (None if args.tpu else count_replicas(args.cpu_replicas))
    start = Start(config, args.data, args.model_dir, args.tpu, args.tpu_zone, pretrained)
    findings = [*check_start(start), *check_thoroughly(start, replicas, target)]
    if args.topology:
        findings += [memory(stage, args.topology) for stage in config.all_phases()]
    print("\n".join(f"{finding.level.value:8} {finding.text}" for finding in findings))
    if failed := sum(finding.level is Level.FAILURE for finding in findings):
        raise UserError(f"{failed} of {len(findings)} checks failed; see above")


def warn_before_start(config: Config, args: argparse.Namespace, pretrained: "Pretrained | None") -> None:
    """The quick checks, before every start; what is in order goes unsaid.

    Raises:
        UserError: the run would fail.
    """
    from electra_pretrain.train.preflight import Level, Start, check_start

    findings = check_start(Start(config, args.data, args.model_dir, args.tpu, args.tpu_zone, pretrained))
    if failures := [finding.text for finding in findings if finding.level is Level.FAILURE]:
        raise UserError("; ".join(failures))
    for finding in findings:
        if finding.level is Level.WARNING:
            print(f"run_pretraining: warning: {finding.text}", file=sys.stderr, flush=True)


def memory(stage: Phase, topology: str) -> "Finding":
    """Whether a step of a part of the run fits the TPU's memory, by its compiler."""
    from electra_pretrain.train.preflight import Finding, Level

    if compiler_missing():
        return Finding(Level.WARNING, f"memory was not checked; pip install {INSTALL}, and ask again")
    try:
        cost = tpu_check(stage.config, topology, stage.last_step - stage.first_step)
    except UserError as error:
        return Finding(Level.FAILURE, str(error))
    fit = f"{cost.memory_gb} GB of a replica's {cost.memory_of_device_gb} GB"
    tokens = stage.config.data.max_seq_length
    return Finding(
        Level.OK, f"a step of {tokens} tokens takes {fit}, and {cost.estimated_step_s:.3f} s by the compiler's estimate"
    )


def main() -> None:
    run_command("run_pretraining", parse_args, run_pretraining)


if __name__ == "__main__":
    main()
