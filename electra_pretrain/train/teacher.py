"""A run's teacher: whether it is one that the student can have, its networks, and what the student begins with (method §11)."""

import dataclasses
import re

import numpy as np

from electra_pretrain.checkpoint.belonging import assign
from electra_pretrain.checkpoint.difference import summed
from electra_pretrain.checkpoint.names import is_generators, is_optimizer_value
from electra_pretrain.checkpoint.pretrained import field_value
from electra_pretrain.checkpoint.teacher import Teacher
from electra_pretrain.config.schema import Config
from electra_pretrain.core.errors import UserError
from electra_pretrain.model.electra import Electra

_EMBEDDINGS = "electra/embeddings/"
_POSITIONS, _TYPES = f"{_EMBEDDINGS}position_embeddings", f"{_EMBEDDINGS}token_type_embeddings"
_HEAD = "generator_predictions/"
_LAYER = re.compile(r"electra/encoder/layer_(\d+)/")
# A student's layers are the teacher's own, and it reads the same tokens.
_MUST_AGREE = (
    "model.hidden_size",
    "model.embedding_size",
    "model.intermediate_size",
    "model.num_attention_heads",
    "data.vocab_size",
    "data.do_lower_case",
)


def check_teacher(teacher: Teacher, config: Config) -> None:
    """Refuse a teacher that the student of the config cannot learn from.

    Raises:
        UserError: it is of another kind, width or vocabulary, has not the layers that are asked for, or lacks a head.
    """
    origin, distillation = teacher.pretrained.origin, config.distillation
    assert distillation is not None
    if teacher.config.objective.has_discriminator != config.objective.has_discriminator:
        kinds = "a masked language model", "an ELECTRA discriminator with its generator"
        its, wanted = kinds[teacher.config.objective.has_discriminator], kinds[config.objective.has_discriminator]
        raise UserError(f"{origin}: is {its}, where distillation.teacher must be {wanted}; see objective.electra_objective")
    objective = teacher.config.objective
    if objective.electric_objective or objective.two_tower_generator or objective.uniform_generator:
        raise UserError(
            f"{origin}: is an Electric model, or one without a masked language model for its generator; a student learns from "
            "an ELECTRA discriminator and the generator that it was trained with"
        )
    wrong = [
        f"{field} is {field_value(teacher.config, field)} there, {field_value(config, field)} in the config"
        for field in _MUST_AGREE
        if field_value(teacher.config, field) != field_value(config, field)
    ]
    if wrong:
        raise UserError(f"{origin}: a student has its teacher's width and vocabulary; {'; '.join(wrong)}")
    longest, positions = teacher.config.model.max_position_embeddings, config.model.max_position_embeddings
    if positions > longest:
        raise UserError(f"{origin}: has {longest} positions, the student {positions}; lower model.max_position_embeddings")
    names = set(teacher.pretrained.values)
    if config.objective.has_discriminator:
        if not any(map(is_generators, names)):
            raise UserError(f"{origin}: has no generator, whose samples an ELECTRA student learns from; give it beside it")
    elif distillation.alpha_ce and not any(name.startswith(_HEAD) for name in names):
        raise UserError(
            f"{origin}: has no masked-LM head, whose probabilities distillation.alpha_ce = {distillation.alpha_ce:g} asks for; "
            "give a model of BertForMaskedLM, or set distillation.alpha_ce = 0"
        )
    layers_of(teacher, config)


def layers_of(teacher: Teacher, config: Config) -> tuple[int, ...]:
    """Return which of the teacher's layers the student's begin with, counted from 0.

    By default the middle one of each of as many stretches of equal length: 1, 5 and 9 for three of twelve.

    Raises:
        UserError: it has not so many.
    """
    assert config.distillation is not None
    asked, count, wanted = config.distillation.layers, teacher.config.model.num_hidden_layers, config.model.num_hidden_layers
    if wanted > count or (asked and asked[-1] >= count):
        what = f"distillation.layers = {list(asked)}" if asked else f"model.num_hidden_layers = {wanted}"
        raise UserError(f"{teacher.pretrained.origin}: has {count} layers, 0 to {count - 1}; {what} asks for more")
    return asked or tuple(((2 * number + 1) * count - wanted) // (2 * wanted) for number in range(wanted))


def student_values(teacher: Teacher, config: Config) -> dict[str, np.ndarray]:
    """Return what the student begins with, by released name: the teacher's, but for the layers that are left out.

    Where it has no token types, those of the first segment are added to the positions: its first hidden states are then the
    teacher's. A head that the teacher lacks is left out.
    """
    values = {name: value for name, value in summed(teacher.pretrained.values).items() if not is_optimizer_value(name)}
    groups = teacher.config.model.num_hidden_groups
    layers = {f"layer_{number}": layer for number, layer in enumerate(layers_of(teacher, config))}
    found = {name: value for name, value in values.items() if name.startswith((_EMBEDDINGS, "electra/embeddings_project/"))}
    found |= {name: value for name, value in values.items() if name.startswith(_own_head(config))}
    for own, layer in layers.items():
        block = f"group_{layer * groups // teacher.config.model.num_hidden_layers}" if groups else f"layer_{layer}"
        prefix = f"electra/encoder/{block}/"
        found |= {name.replace(f"/{block}/", f"/{own}/", 1): value for name, value in values.items() if name.startswith(prefix)}
    positions = values[_POSITIONS][: config.model.max_position_embeddings]
    if not config.model.type_vocab_size and _TYPES in found:
        positions = positions + found.pop(_TYPES)[0]
    return found | {_POSITIONS: positions}


def _own_head(config: Config) -> str:
    return "discriminator_predictions/" if config.objective.has_discriminator else _HEAD


def begin_as_student(student: Electra, teacher: Teacher, config: Config) -> list[str]:
    """Give a student's networks what they begin with; return the names of weights that the teacher has none for."""
    values, variables = student_values(teacher, config), student.named_variables()
    for name, value in values.items():
        variables[name].assign(value)
    return [name for name in variables if name not in values]


def networks_of(teacher: Teacher, config: Config) -> Electra:
    """Build the teacher's networks with its weights, to compute in the student's dtype; call it in the strategy's scope."""
    training = dataclasses.replace(teacher.config.training, compute_dtype=config.training.compute_dtype, remat=False)
    network = Electra(dataclasses.replace(teacher.config, training=training, distillation=None))
    variables, known = network.named_variables(), teacher.pretrained.values
    if not any(name.startswith(_HEAD) for name in known):  # never asked, see `check_teacher`
        variables = {name: variable for name, variable in variables.items() if not name.startswith(_HEAD)}
    assign(teacher.pretrained, variables)
    return network
