"""Our training step for bench_train.py, as run_pretraining runs it on a CPU; `--breakdown` tells where its time goes."""

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from bench_turns import Engine, answer, parse_args, take_turns

from electra_pretrain.config.load import load_config
from electra_pretrain.config.schema import Config
from electra_pretrain.core import tensorflow_startup

REPEATS = 5


def main() -> None:
    args = parse_args(__doc__)
    config = load_config(args.config, args.set)
    if config.distillation is not None or not config.objective.electra_objective:
        sys.exit(f"bench_step_ours: {args.config}: only ELECTRA's own step, of two networks, is measured here")
    tensorflow_startup.import_tensorflow()
    if args.breakdown:
        answer(breakdown=[(name, seconds_of(work)) for name, work in breakdown(config)])
    else:
        take_turns(make_engine(config), time.perf_counter)


def make_trainer(config: Config) -> tuple[Any, Any, Any]:
    """Make a trainer, its strategy, and a batch of random tokens that fill every row."""
    import tensorflow as tf

    from electra_pretrain.core.batch import Batch, SpecialIds
    from electra_pretrain.train.devices import make_strategy, on_cpu
    from electra_pretrain.train.trainer import Trainer
    from electra_pretrain.train.word_pieces import any_continuations

    strategy = make_strategy(device="cpu")
    assert on_cpu(strategy)
    special_ids, pieces = SpecialIds(0, 1, 2, 3, 4), any_continuations(config)
    trainer = Trainer(config, special_ids, strategy, one_after_the_other=False, continues=pieces)
    shape = [config.training.train_batch_size, config.data.max_seq_length]
    ids = tf.random.stateless_uniform(shape, [0, 0], 5, config.data.vocab_size, tf.int32)
    return trainer, strategy, Batch(ids, tf.ones_like(ids), tf.zeros_like(ids), tf.range(shape[0]))


def make_engine(config: Config) -> Engine:
    import tensorflow as tf

    from electra_pretrain.model.masking import num_masked_slots
    from electra_pretrain.train.metrics import summarize

    trainer, strategy, batch = make_trainer(config)
    batches = iter(strategy.experimental_distribute_dataset(tf.data.Dataset.from_tensors(batch).repeat()))

    def run(steps: int) -> dict[str, Any]:
        return {name: value.numpy() for name, value in trainer.train_steps(batches, tf.constant(steps)).items()}

    metrics = summarize(run(1))
    shapes = [variable.shape.as_list() for variable in trainer.model.named_variables().values()]
    slots = num_masked_slots(config.objective.largest_mask_prob, config.data.max_seq_length)
    logits = [config.training.train_batch_size * slots, config.data.vocab_size]
    return Engine(shapes, logits, (metrics["masked_lm_loss"], metrics["disc_loss"]), run)


def breakdown(config: Config) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield what a step consists of, each to be run alone; in a step they overlap. The indented belongs to the line before."""
    import tensorflow as tf

    from electra_pretrain.core.rng import Random
    from electra_pretrain.model.masking import sample_ids
    from electra_pretrain.model.objective import count, discriminate, generate
    from electra_pretrain.train.clipping import clip
    from electra_pretrain.train.metrics import metric_sums

    trainer, strategy, batch = make_trainer(config)
    model, optimizer, objective = trainer.model, trainer.optimizer, config.objective
    variables = list(model.named_variables().values())
    rate, finite = tf.constant(0.0), tf.constant(True)

    def random() -> Random:
        return Random(config.training.seed, optimizer.global_step, batch.rows)

    def masks() -> Any:
        return trainer._masked(batch, None)[0]

    masked = tf.function(masks)()
    denominators = count(batch, masked)

    def generator() -> Any:
        return generate(model, batch, masked, denominators, objective, random(), True, masked.masked_lm_ids)

    def generator_gradients() -> Any:
        with tf.GradientTape() as tape:
            loss = generator().total_loss
        return dense(tape.gradient(loss, variables))

    outputs = tf.function(generator)()

    def samples() -> Any:
        return sample_ids(outputs.gen_logits, objective.temperature, None, random())

    def discriminator() -> Any:
        return discriminate(model, batch, outputs, denominators, objective, random(), True)

    def discriminator_gradients() -> Any:
        with tf.GradientTape() as tape:
            loss = discriminator().disc_loss
        return dense(tape.gradient(loss, variables))

    def dense(gradients: list[Any]) -> list[Any]:
        return [tf.convert_to_tensor(one) for one in gradients if one is not None]

    complete = tf.function(discriminator)()
    gradients = [tf.zeros(variable.shape) for variable in variables]

    def update() -> None:
        optimizer.apply(clip(gradients, tf.linalg.global_norm(gradients), 1.0), rate, finite)

    table, logits = model.generator.embeddings.word, outputs.gen_logits
    states = tf.zeros([logits.shape[0], table.shape[1]])

    def vocabulary_products() -> Any:
        return (
            tf.matmul(states, table, transpose_b=True),
            tf.matmul(logits, table),
            tf.matmul(logits, states, transpose_a=True),
        )

    def in_replica(work: Callable[[], Any]) -> Callable[[], Any]:
        compiled = tf.function(lambda: strategy.run(work))
        return lambda: wait_for(compiled())

    yield "step, whole", in_replica(lambda: trainer.update(batch))
    yield "masks", in_replica(masks)
    yield "generator, forward and backward", in_replica(generator_gradients)
    yield "    forward", in_replica(generator)
    yield "    vocabulary products", in_replica(vocabulary_products)
    yield "samples", in_replica(samples)
    yield "discriminator, forward and backward", in_replica(discriminator_gradients)
    yield "    forward", in_replica(discriminator)
    yield "clipping and AdamW", in_replica(update)
    yield "metrics", in_replica(lambda: metric_sums(batch, complete))


def wait_for(outputs: Any) -> None:
    """Wait until all of it is computed: a CPU's results are, once they are there."""
    del outputs


def seconds_of(work: Callable[[], Any]) -> float:
    """Return the median of a few runs, after one that compiles and one that warms up."""
    work()
    work()
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    main()
