"""Fine-tune a pretrained model on a task and score it; `results.json` in the output folder holds what came out.

    python -m electra_pretrain.finetune --model model/discriminator --task nsmc --data data/nsmc --output scores/nsmc-0
"""  # fmt: skip

import argparse
import dataclasses

from electra_pretrain.cli.arguments import add_seed, command_parser
from electra_pretrain.cli.config_arguments import add_overrides
from electra_pretrain.cli.outputs import named_file
from electra_pretrain.cli.run import run_command
from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.outputs import Input, OutputFolder, check
from electra_pretrain.execution.stop import StopRequest
from electra_pretrain.finetuning.job import Request
from electra_pretrain.finetuning.packages import require_packages
from electra_pretrain.finetuning.readers.text import ENCODING


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = command_parser("finetune", __doc__)
    parser.add_argument("--model", required=True, metavar="DIR|NAME", help="folder of a Hugging Face model, or OWNER/NAME")
    parser.add_argument("--task", required=True, metavar="NAME", help="what to learn, for example nsmc")
    parser.add_argument("--data", required=True, metavar="DIR", help="folder with the task's files, as published")
    parser.add_argument("--output", required=True, metavar="DIR", help="local folder for results and model")
    add_seed(parser, "of head, order and dropout")
    parser.add_argument("--max_steps", type=int, metavar="N", help="steps, in place of the config's epochs")
    parser.add_argument("--config", metavar="NAME|FILE", help="how to learn (default: the task's, for the model's size)")
    add_overrides(parser, "field=value")
    parser.add_argument(
        "--select",
        choices=("last", "best"),
        default="last",
        help="score the weights at the end, or those that did best on examples which are not scored (default %(default)s)",
    )
    parser.add_argument("--split", metavar="NAME", help="score this one (default: the one whose scores were published)")
    parser.add_argument("--encoding", default=ENCODING, help="of the task's files, for example cp949 (default %(default)s)")
    parser.add_argument(
        "--precision",
        choices=("auto", "float32", "bfloat16", "float16"),
        default="auto",
        help="auto: mixed on GPUs, float32 elsewhere (default)",
    )
    parser.add_argument(
        "--save_model",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="save the fine-tuned model, in the output's folder model (default: yes)",
    )
    return parser.parse_args(argv)


def finetune(args: argparse.Namespace) -> None:
    """Fine-tune as the arguments ask, and print the scores.

    Raises:
        UserError: bad input, in one line.
        Stopped: asked to, in good order.
    """
    if files.is_remote(args.output):
        raise UserError(f"--output {args.output}: must be a local folder; copy it to the bucket when it is done")
    model = Input("--model", args.model if files.is_dir(args.model) else None)
    read = [model, Input("--data", args.data), named_file("--config", args.config)]
    check([OutputFolder("--output", args.output)], read)
    require_packages()
    from electra_pretrain.finetuning import run

    names = {field.name for field in dataclasses.fields(Request)}
    values = {name: value for name, value in vars(args).items() if name in names}
    with StopRequest() as stop:
        results = run.finetune(Request(overrides=tuple(args.set), **values), lambda: bool(stop.signal_name))
    scores = ", ".join(f"{name} {value:.2f}" for name, value in results["metrics"].items())
    print(f"{results['task']} {results['split']}: {scores} ({results['examples']:,} examples, seed {results['seed']})")


def main() -> None:
    run_command("finetune", parse_args, finetune)


if __name__ == "__main__":
    main()
