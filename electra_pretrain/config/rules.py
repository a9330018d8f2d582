"""What a config's values must satisfy, field by field."""

from collections.abc import Callable
from typing import Any

from electra_pretrain.core.errors import UserError

COMPUTE_DTYPES = ("float32", "bfloat16")

# (field, rule, what to say). A rule sees the value and the whole `Config`, which this module cannot name: config.py imports it.
_RULES: tuple[tuple[str, Callable[[Any, Any], bool], str], ...] = (
    ("model.num_hidden_layers", lambda value, _: value >= 1, "must be at least 1"),
    ("model.hidden_size", lambda value, _: value >= 1, "must be at least 1"),
    ("model.embedding_size", lambda value, _: value >= 1, "must be at least 1"),
    ("model.intermediate_size", lambda value, _: value >= 1, "must be at least 1"),
    ("model.num_attention_heads", lambda value, _: value >= 1, "must be at least 1"),
    ("model.num_attention_heads", lambda value, c: c.model.hidden_size % value == 0, "must divide model.hidden_size"),
    (
        "model.num_hidden_groups",
        lambda value, c: value == 0 or (value > 0 and c.model.num_hidden_layers % value == 0),
        "must divide model.num_hidden_layers; 0 gives each block weights of its own",
    ),
    (
        "model.num_hidden_groups",
        lambda value, c: value == 0 or not c.objective.has_discriminator,
        "needs objective.electra_objective = false: shared blocks are ALBERT's, a masked language model",
    ),
    ("model.hidden_dropout_prob", lambda value, _: 0 <= value < 1, "must be at least 0 and below 1"),
    ("model.attention_probs_dropout_prob", lambda value, _: 0 <= value < 1, "must be at least 0 and below 1"),
    ("model.initializer_range", lambda value, _: value > 0, "must be above 0"),
    ("objective.mask_prob", lambda value, _: 0 < value < 1, "must be above 0 and below 1"),
    ("objective.temperature", lambda value, _: value > 0, "must be above 0"),
    ("objective.gen_weight", lambda value, _: value >= 0, "must not be negative"),
    ("objective.disc_weight", lambda value, _: value >= 0, "must not be negative"),
    (
        "objective.electric_objective",
        lambda value, c: not value or c.objective.two_tower_generator,
        "needs objective.two_tower_generator = true: the odds of every token given the rest",
    ),
    *(
        (
            f"objective.{field}",
            lambda value, c: not value or c.objective.has_discriminator,
            "needs electra_objective or electric_objective; a masked language model alone has no generator",
        )
        for field in ("uniform_generator", "two_tower_generator")
    ),
    (
        "objective.two_tower_generator",
        lambda value, c: not value or (c.objective.untied_generator and not c.objective.uniform_generator),
        "needs untied_generator = true and uniform_generator = false",
    ),
    ("objective.generator_layers", lambda value, _: 0 < value <= 1, "a fraction: above 0, at most 1"),
    ("objective.generator_hidden_size", lambda value, _: 0 < value <= 1, "a fraction: above 0, at most 1"),
    (
        "objective.generator_hidden_size",
        lambda value, c: (hidden := round(c.model.hidden_size * value)) >= 1 and hidden % max(1, hidden // 64) == 0,
        "model.hidden_size times this must be divisible by the generator's heads (one per 64); 1/3 of 768 is 0.33333",
    ),
    ("optimizer.learning_rate", lambda value, _: value > 0, "must be above 0"),
    ("optimizer.num_warmup_steps", lambda value, _: value >= 0, "must not be negative; 0 means no warm-up"),
    ("optimizer.lr_decay_power", lambda value, _: value >= 0, "must not be negative"),
    ("optimizer.weight_decay_rate", lambda value, _: value >= 0, "must not be negative"),
    ("optimizer.adam_beta_1", lambda value, _: 0 <= value < 1, "must be at least 0 and below 1"),
    ("optimizer.adam_beta_2", lambda value, _: 0 <= value < 1, "must be at least 0 and below 1"),
    ("optimizer.adam_epsilon", lambda value, _: value > 0, "must be above 0"),
    ("optimizer.max_grad_norm", lambda value, _: value > 0, "must be above 0"),
    ("training.num_train_steps", lambda value, _: 1 <= value < 2**32 - 1, "must lie in 1..4294967294"),
    ("training.save_checkpoints_steps", lambda value, _: value >= 1, "must be at least 1"),
    ("training.keep_checkpoint_max", lambda value, _: value >= 1, "must be at least 1"),
    ("training.keep_every_steps", lambda value, _: value >= 0, "must not be negative; 0 keeps the newest checkpoints only"),
    ("training.iterations_per_loop", lambda value, _: value >= 1, "must be at least 1"),
    ("training.gradient_accumulation_steps", lambda value, _: value >= 1, "must be at least 1"),
    ("training.max_nonfinite_steps", lambda value, _: value >= 1, "must be at least 1"),
    ("training.train_batch_size", lambda value, _: value >= 1, "must be at least 1"),
    (
        "training.train_batch_size",
        lambda value, c: value % c.training.gradient_accumulation_steps == 0,
        "must be divisible by training.gradient_accumulation_steps",
    ),
    ("training.eval_batch_size", lambda value, _: value >= 1, "must be at least 1"),
    ("training.num_eval_steps", lambda value, _: value >= 0, "must not be negative; 0 means no evaluation"),
    ("training.compute_dtype", lambda value, _: value in COMPUTE_DTYPES, f"must be {' or '.join(COMPUTE_DTYPES)}"),
    ("training.seed", lambda value, _: 0 <= value < 2**32, "must lie in 0..4294967295"),
    ("data.vocab_size", lambda value, _: value >= 1, "must be at least 1"),
    ("data.shuffle_examples", lambda value, _: value >= 1, "must be at least 1"),
    (
        "data.max_seq_length",
        lambda value, c: 8 <= value <= c.model.max_position_embeddings,
        "must be at least 8 and at most model.max_position_embeddings",
    ),
)


def validate(config: Any, source: str) -> None:
    """Hold the rules against a config and each of its phases; `source` is named in errors.

    Raises:
        UserError: the first rule that is broken.
    """
    *phases, own = config.stages()
    _check_rules(own.config, source)
    for number, stage in enumerate(phases):
        where = f"{source}: phases[{number}]"
        if not stage.first_step < stage.last_step < config.training.num_train_steps:
            raise UserError(
                f"{where}.until_step = {stage.last_step}: must be above {stage.first_step}, where the phase begins, "
                f"and below training.num_train_steps = {config.training.num_train_steps}"
            )
        _check_rules(stage.config, where)


def _check_rules(config: Any, source: str) -> None:
    for target, rule, text in _RULES:
        section, field = target.split(".")
        value = getattr(getattr(config, section), field)
        if not rule(value, config):
            raise UserError(f"{source}: {target} = {value}: {text}")
