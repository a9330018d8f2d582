"""Train generator and discriminator by replaced-token detection. Running the same command again goes on where it stopped.

    run_pretraining --config base_v3.json --data data --model_dir runs/base_v3 --tpu local
    run_pretraining --config tiny.json --data data --model_dir runs/tiny --set training.num_train_steps=1000
"""  # fmt: skip

import argparse
import contextlib
from typing import TYPE_CHECKING

from electra_pretrain.checkpoint.listing import steps
from electra_pretrain.cli.arguments import add_device, check_device, command_parser
from electra_pretrain.cli.config_arguments import add_config, chosen_config
from electra_pretrain.cli.outputs import named_file
from electra_pretrain.cli.run import run_command
from electra_pretrain.config.load import CONFIG_NAME
from electra_pretrain.config.schema import Config
from electra_pretrain.core import files, locks, tensorflow_startup
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.finding import collect, heed
from electra_pretrain.core.outputs import Input, OutputFolder, check
from electra_pretrain.core.places import same
from electra_pretrain.tpu import hosts
from electra_pretrain.tpu.chips import SLICES, check_dtype, find_slice
from electra_pretrain.tpu.machine import check_machine
from electra_pretrain.train.meeting import SECONDS_TO_COME

if TYPE_CHECKING:
    from electra_pretrain.checkpoint.pretrained import Pretrained
    from electra_pretrain.core.finding import Finding


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = command_parser("run_pretraining", __doc__)
    add_config(parser)
    parser.add_argument(
        "--data",
        required=True,
        nargs="+",
        action="extend",
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
    add_device(parser)
    parser.add_argument("--tpu_zone", help="the TPU's zone, where it is not this machine's")
    parser.add_argument("--gcp_project", help="the TPU's project, where it is not this machine's")
    parser.add_argument(
        "--cpu_replicas",
        type=int,
        default=1,
        help="split the batch over so many virtual CPUs, to rehearse a TPU's split",
    )
    parser.add_argument(
        "--worker_timeout",
        type=int,
        default=SECONDS_TO_COME,
        metavar="SECONDS",
        help="on several machines: how long to wait at the start for those that TF_CONFIG names (default %(default)s)",
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
    check_words(args)
    # A path on gs://, the config's too, is looked at by TensorFlow: its environment comes first.
    hosts.prepare(args.tpu)
    machine = look_at_machine(args)
    config = chosen_config(args)
    if args.tpu or args.topology:
        check_dtype(config.training.compute_dtype)
    _check_output(args, config)
    # Imported here, so that a mistake above is told at once.
    tensorflow_startup.import_tensorflow()
    from electra_pretrain.convert.sources import teacher_of
    from electra_pretrain.train.devices import make_strategy, writes_files
    from electra_pretrain.train.loop import train
    from electra_pretrain.train.preflight import Request, check_before_start, check_everything

    pretrained = read_init_from(config, args.model_dir)
    request = Request(config, args.data, args.model_dir, args.tpu, args.tpu_zone, pretrained, teacher_of(config))
    if args.preflight:
        print_findings([*machine, *check_everything(request, args.topology, args.cpu_replicas, args.device)])
        return
    start = check_before_start(request)
    devices = args.tpu, args.tpu_zone, args.gcp_project, args.cpu_replicas, args.device, args.worker_timeout
    strategy = make_strategy(*devices, start.alike())
    # Of several workers one writes; the others would only be in its way.
    with locks.held(args.model_dir, "run_pretraining") if writes_files(strategy) else contextlib.nullcontext():
        train(start, strategy, args.on_bad_record == "skip")


def check_words(args: argparse.Namespace) -> None:
    """Refuse words that do not go together, before anything is looked at.

    Raises:
        UserError: the first two that do not; or a device or a TPU that there is none of.
    """
    if args.cpu_replicas > 1 and args.tpu:
        raise UserError(f"--cpu_replicas {args.cpu_replicas}: is not for a TPU; leave out one of them")
    if args.cpu_replicas > 1 and args.device == "gpu":
        raise UserError(f"--cpu_replicas {args.cpu_replicas}: is not for --device gpu; leave out one of them")
    check_device(args)
    if args.topology and not args.preflight:
        raise UserError("--topology: is for --preflight; a run takes the devices that it finds")
    if args.topology:
        find_slice(args.topology)


def look_at_machine(args: argparse.Namespace) -> "list[Finding]":
    """Return what was found of this machine's TPU; of what does not fit TensorFlow's import might end Python without a word.

    Raises:
        UserError: a run would fail.
    """
    findings = collect(check_machine()) if args.tpu == hosts.LOCAL else []
    if not args.preflight:
        heed(findings)
    elif any(finding.is_failure for finding in findings):
        print_findings(findings)
    return findings


def _check_output(args: argparse.Namespace, config: Config) -> None:
    """Refuse a run's folder that is, holds or lies in something that the run reads; its own config may be named.

    Raises:
        UserError: as `core.outputs.check`.
    """
    read = [*(Input("--data", folder) for folder in args.data), Input("--hparams", args.hparams)]
    if args.config is not None and not same(args.config, files.join(args.model_dir, CONFIG_NAME)):
        read.append(named_file("--config", args.config))
    if not steps(args.model_dir):
        read.append(Input("training.init_from", config.training.init_from or None))
    if config.distillation is not None:
        read.append(Input("distillation.teacher", config.distillation.teacher or None))
    check([OutputFolder("--model_dir", args.model_dir)], read)


def read_init_from(config: Config, model_dir: str) -> "Pretrained | None":
    """Read the weights that `training.init_from` names, for rows as long as the config's.

    Returns:
        None if it names none, or the run has checkpoints of its own.

    Raises:
        UserError: there are no weights there, or damaged ones.
    """
    from electra_pretrain.convert.positions import as_long_as
    from electra_pretrain.convert.sources import read_pretrained

    if not config.training.init_from or steps(model_dir):
        return None
    return as_long_as(read_pretrained(config.training.init_from), config)


def print_findings(findings: "list[Finding]") -> None:
    """Print what the checks found.

    Raises:
        UserError: the run would fail.
    """
    print("\n".join(f"{finding.level.value:8} {finding.text}" for finding in findings))
    if failed := sum(finding.is_failure for finding in findings):
        raise UserError(f"{failed} of {len(findings)} checks failed; see above")


def main() -> None:
    run_command("run_pretraining", parse_args, run_pretraining)


if __name__ == "__main__":
    main()
