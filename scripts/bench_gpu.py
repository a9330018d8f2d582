"""Make a folder that checks and times a training step on a GPU elsewhere, beside torch's: JAX and torch are all it needs there.

    python scripts/bench_gpu.py --config small_v3.json --batch 128 --output gpu_folder
    bash gpu_folder/run.sh

In the folder: the step as run_pretraining has it compiled, lowered to StableHLO, for the batch that is timed and for a small
one that is checked; the small one's results, computed here by TensorFlow; and the programs that run them, from scripts/gpu/.
Weights are drawn there again, by the same rule. Wants jax beside TensorFlow here: pip install -e '.[tpu-check]'.
"""  # fmt: skip

import argparse
import dataclasses
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent / "gpu"))

import check
import plan
from torch_sizes import is_plain

from electra_pretrain.config.load import load_config
from electra_pretrain.config.schema import Config
from electra_pretrain.core import optional, tensorflow_startup
from electra_pretrain.core.errors import UserError

SCRIPTS = Path(__file__).resolve().parent
TRAVELS = [*sorted((SCRIPTS / "gpu").glob("*.py")), SCRIPTS / "gpu" / "run.sh", SCRIPTS / "bench_turns.py"]
CHECKED_ROWS = 2  # of a microbatch
DTYPES = ("bfloat16", "float32")
# A LayerNorm takes their size from what they are looked up for; but the generator's logits lie close together so, and two
# devices' roundings of them closer still: that one draws another word than the other becomes rare.
EMBEDDINGS_SMALLER = 16


def main() -> None:
    args = parse_args()
    try:
        config = load_config(args.config, args.set)
        config = changed(config, train_batch_size=args.batch or config.training.train_batch_size)
        make(config, args.config, Path(args.output))
    except UserError as error:
        sys.exit(f"bench_gpu: {error}")
    print(f"{args.output}: run it with: bash {args.output}/run.sh")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", required=True, help="as run_pretraining takes it")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.FIELD=VALUE", help="change a field")
    parser.add_argument("--batch", type=int, help="sequences of a step (default: the config's batch)")
    parser.add_argument("--output", required=True, help="the folder; it must not exist")
    return parser.parse_args()


def make(config: Config, name: str, output: Path) -> None:
    """Write the folder.

    Raises:
        UserError: the folder exists, jax is missing, or the config's dtype or a teacher's part is not measured here.
    """
    if output.exists():
        raise UserError(f"{output}: exists already; name a new folder")
    if optional.missing("jax"):
        raise UserError(f"jax is not installed; run: pip install {optional.extra_name('tpu-check')}")
    if config.distillation is not None:
        raise UserError(f"{name}: a student's step is not measured here; gpu_check says what it costs with its teacher")
    if config.training.compute_dtype not in DTYPES:
        raise UserError(f"training.compute_dtype: {config.training.compute_dtype!r} is not measured here; one of {DTYPES}")
    tensorflow_startup.import_tensorflow()
    with tensorflow_startup.stderr_aside():
        small = changed(config, train_batch_size=CHECKED_ROWS * config.training.gradient_accumulation_steps)
        described, programs = lower({"check": small, "full": config}, name)
        expected = check.Expected(run_here(changed(small, compute_dtype="float32"), described), run_here(small, described))
    output.mkdir(parents=True)
    for program, artifact in programs.items():
        (output / f"{program}.stablehlo").write_bytes(artifact)
    check.write(expected, output / "expected.npz")
    plan.write(described, output / "plan.json")
    for source in TRAVELS:
        shutil.copy(source, output)


def changed(config: Config, **fields: Any) -> Config:
    """Return the config with other fields of its section `training`."""
    return dataclasses.replace(config, training=dataclasses.replace(config.training, **fields))


def lower(configs: Mapping[str, Config], name: str) -> tuple[plan.Plan, dict[str, bytes]]:
    """Return the folder's description, and each config's step in StableHLO's portable form."""
    from electra_pretrain.train.step_cost import lower_step

    described = describe(configs, name)
    artifacts = {}
    for program, config in configs.items():
        artifact, shapes = to_stablehlo(lower_step(config, 1, for_gpu=True))
        batch = [list(each.shape) for each in described.batch(program)]
        assert shapes == batch + [list(each.shape) for each in described.variables], "arguments in another order than expected"
        artifacts[program] = artifact
    return described, artifacts


def to_stablehlo(hlo: bytes) -> tuple[bytes, list[list[int]]]:
    """Return a serialised HLO module as StableHLO that later releases read, too, and the shapes of its arguments."""
    from jax._src.interpreters import mlir
    from jax._src.lib import xla_client
    from jax._src.lib.mlir import ir
    from jax._src.lib.mlir.dialects import hlo as dialect

    computation, tools = xla_client.XlaComputation(hlo), xla_client._xla.mlir
    text = tools.xla_computation_to_mlir_module(computation)
    # StableHLO knows no copy; a reshape to the same shape says the same. Who aliases whom is said anew where it is compiled.
    text = re.sub(r"mhlo\.copy (%\S+) : (tensor<[^>]*>)", r"stablehlo.reshape \1 : (\2) -> \2", text)
    text = re.sub(r"(module @\S+) attributes \{.*\} \{", r"\1 {", text, count=1)
    version = dialect.get_version_from_compatibility_requirement(dialect.StablehloCompatibilityRequirement.WEEK_12)
    with mlir.make_ir_context():
        artifact = bytes(tools.serialize_portable_artifact(ir.Module.parse(text), version, False))
    return artifact, [list(shape.dimensions()) for shape in computation.program_shape().parameter_shapes()]


def describe(configs: Mapping[str, Config], name: str) -> plan.Plan:
    """Trace the step once for the names of its arguments and results."""
    import tensorflow as tf

    from electra_pretrain.model.flops import step_flops
    from electra_pretrain.model.kernels import gpu_program
    from electra_pretrain.model.masking import num_masked_slots

    config = configs["full"]
    length, vocab_size = config.data.max_seq_length, config.data.vocab_size
    trainer, batch = make_trainer(configs["check"])

    def step(batch: Any) -> Any:
        with gpu_program():
            return trainer.update(batch)

    # Compiled, as lower_step has it, so that variables are met in the same order.
    traced = tf.function(step, jit_compile=True).get_concrete_function(batch)
    by_handle = {id(variable.handle): (key, variable) for key, variable in named(trainer).items()}
    captured = [by_handle[id(handle)] for handle in traced.captured_inputs]
    trained = list(trainer.model.named_variables())
    size = sum(variable.shape.num_elements() for variable in trainer.model.named_variables().values())
    outputs = traced.structured_outputs
    return plan.Plan(
        title=f"{name} {config.training.train_batch_size} x {length} {config.training.compute_dtype}",
        config=config.to_dict(),
        variables=[plan.Variable(key, *_array(variable), *start(key, variable, config, size)) for key, variable in captured],
        sums=[plan.Array(key, *_array(outputs[key])) for key in sorted(outputs)],
        rows={program: each.training.train_batch_size for program, each in configs.items()},
        length=length,
        vocab_size=vocab_size,
        slots=num_masked_slots(config.objective.largest_mask_prob, length),
        step_flops=step_flops(config),
        trained=trained,
        torch=is_plain(config.to_dict()),
    )


def _array(tensor: Any) -> tuple[tuple[int, ...], str]:
    return tuple(tensor.shape.as_list()), tensor.dtype.name


def make_trainer(config: Config) -> tuple[Any, Any]:
    """Make the trainer that lower_step lowers, and a batch of its shape."""
    import tensorflow as tf

    from electra_pretrain.core.batch import Batch, SpecialIds
    from electra_pretrain.train.trainer import Trainer
    from electra_pretrain.train.word_pieces import any_continuations

    special_ids, strategy, pieces = SpecialIds(0, 1, 2, 3, 4), tf.distribute.get_strategy(), any_continuations(config)
    trainer = Trainer(config, special_ids, strategy, one_after_the_other=True, continues=pieces)
    ids = tf.zeros([config.training.train_batch_size, config.data.max_seq_length], tf.int32)
    return trainer, Batch(ids, ids, ids, tf.range(config.training.train_batch_size))


def named(trainer: Any) -> dict[str, Any]:
    """Return every variable that a step reads or writes, by name."""
    others = {variable.name.partition(":")[0]: variable for variable in trainer.optimizer.variables}
    return {**others, **trainer.variables()}


def start(name: str, variable: Any, config: Config, size: int) -> tuple[float, float]:
    """Return offset and scale of a variable's values before the step.

    Warm-up is over, since its first rates would hide a wrong update; squared gradients are what clipping at a norm of 1 makes
    them, so that an update is in proportion to its gradient, and the comparison too.
    """
    last = name.rpartition("/")[2]
    if name == "global_step":
        return float(config.optimizer.num_warmup_steps), 0.0
    if last == "adam_v":
        return 1.0 / size, 0.0
    if variable.shape.rank == 0 or last == "adam_m":
        return float(variable.numpy()) if variable.shape.rank == 0 else 0.0, 0.0
    if variable.shape.rank > 1:
        scale = 3**0.5 * config.model.initializer_range  # a uniform distribution of that standard deviation
        return 0.0, scale / EMBEDDINGS_SMALLER if last.endswith("_embeddings") else scale
    return float(last == "gamma"), 0.0


def run_here(config: Config, described: plan.Plan) -> check.Summary:
    """Run the small step by TensorFlow, not compiled as a whole; return what is kept of its results."""
    import tensorflow as tf

    from electra_pretrain.core.batch import Batch

    trainer, _ = make_trainer(config)
    variables = [named(trainer)[each.name] for each in described.variables]
    for variable, each in zip(variables, described.variables, strict=True):
        variable.assign(each.values())
    sums = tf.function(trainer.update)(Batch(*map(tf.constant, described.batch("check"))))
    return check.summarize(
        described, [sums[each.name].numpy() for each in described.sums], [variable.numpy() for variable in variables]
    )


if __name__ == "__main__":
    main()
