"""Fine-tune a pretrained model on a task and score it; `results.json` in the output folder holds what came out.

    python -m electra_pretrain.finetune --model model/discriminator --task nsmc --data data/nsmc --output scores/nsmc-0
"""  # fmt: skip

import argparse

from electra_pretrain.cli.run import run_command


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="finetune", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, metavar="DIR|NAME", help="folder of a Hugging Face model, or OWNER/NAME")
    parser.add_argument("--task", required=True, metavar="NAME", help="what to learn, for example nsmc")
    parser.add_argument("--data", required=True, metavar="DIR", help="folder with the task's files, as published")
    parser.add_argument("--output", required=True, metavar="DIR", help="local folder for results and model")
    parser.add_argument("--seed", type=int, default=0, help="of head, order and dropout (default %(default)s)")
    parser.add_argument("--max_steps", type=int, metavar="N", help="steps, in place of the recipe's epochs")
    parser.add_argument("--config", metavar="NAME|FILE", help="a recipe (default: the task's, for the model's size)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="field=value", help="change a field of the recipe; may be repeated"
    )
    parser.add_argument(
        "--select",
        choices=("last", "best"),
        default="last",
        help="score the weights at the end, or those that did best on examples which are not scored (default %(default)s)",
    )
    parser.add_argument("--split", metavar="NAME", help="score this one (default: the one whose scores were published)")
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
        help="keep the fine-tuned model, in the output's folder model (default: yes)",
    )
    return parser.parse_args(argv)


def main() -> None:
    def command() -> None:
        from electra_pretrain.execution.stop import StopRequest
        from electra_pretrain.finetuning.finetune import Request, finetune

        values = vars(parse_args())
        with StopRequest() as stop:
            results = finetune(Request(overrides=tuple(values.pop("set")), **values), lambda: bool(stop.signal_name))
        scores = ", ".join(f"{name} {value:.2f}" for name, value in results["metrics"].items())
        print(f"{results['task']} {results['split']}: {scores} ({results['examples']:,} examples, seed {results['seed']})")

    run_command("finetune", command)


if __name__ == "__main__":
    main()
