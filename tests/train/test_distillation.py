"""A student's step: its losses in NumPy, a whole step beside PyTorch's on a `transformers` pair, what it begins with."""

import numpy as np
import pytest
import tensorflow as tf
import torch
import transformers
from transformers import DistilBertConfig, DistilBertForMaskedLM

from electra_pretrain.convert.hf_export import state_dict
from electra_pretrain.convert.masked_lm import DISTILBERT, to_family
from electra_pretrain.convert.sources import read_teacher
from electra_pretrain.core.batch import Batch
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.rng import Random
from electra_pretrain.model.distillation import soft_label_losses, soft_target_losses, teach
from electra_pretrain.model.electra import Electra
from electra_pretrain.model.masking import Masking, draw_positions, mask_batch
from electra_pretrain.model.objective import count
from electra_pretrain.train.gradients import Gradients
from electra_pretrain.train.metrics import summarize, zero_sums
from electra_pretrain.train.step_cost import lower_step
from electra_pretrain.train.teacher import begin_as_student, check_teacher, layers_of, networks_of, student_values
from electra_pretrain.train.trainer import Trainer
from tests.conftest import SEQ, VOCAB_SIZE, changed
from tests.model.test_masking import IDS, batch_of
from tests.support import students
from tests.support.students import with_teacher

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
RNG = np.random.default_rng(5)


# --- losses -----------------------------------------------------------------------------------------------------------------


def log_softmax(x):
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def test_soft_targets_and_their_gradient():
    logits, targets, upstream = RNG.normal(size=(5, 9)), RNG.normal(size=(5, 9)) * 3, RNG.normal(size=5)
    own, theirs = log_softmax(logits / 2), log_softmax(targets / 2)
    expected = (np.exp(theirs) * (theirs - own)).sum(-1) * 4
    x, t = tf.constant(logits, tf.float32), tf.constant(targets, tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([x, t])
        losses = soft_target_losses(x, t, 2.0)
    np.testing.assert_allclose(losses, expected, rtol=1e-5, atol=1e-6)
    gradient = tape.gradient(losses, x, tf.constant(upstream, tf.float32))
    np.testing.assert_allclose(gradient, 2 * (np.exp(own) - np.exp(theirs)) * upstream[:, None], rtol=1e-4, atol=1e-6)
    assert not np.any(tape.gradient(losses, t, unconnected_gradients="zero"))
    np.testing.assert_allclose(soft_target_losses(t, t, 2.0), 0, atol=1e-6)


def test_soft_labels():
    logits, targets = RNG.normal(size=(3, 4)) * 3, RNG.normal(size=(3, 4)) * 3
    p, q = (1 / (1 + np.exp(-x / 2)) for x in (targets, logits))
    expected = 4 * (p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q)))
    found = soft_label_losses(tf.constant(logits, tf.float32), tf.constant(targets, tf.float32), 2.0)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


# --- what is masked ---------------------------------------------------------------------------------------------------------


def test_what_is_written_over_a_drawn_token():
    batch = batch_of([SEQ] * 2000, SEQ, vocab=VOCAB_SIZE)
    masked = mask_batch(batch, 0.15, IDS, Random(1, 0, batch.rows), masking=Masking(0.8, 0.1, VOCAB_SIZE))
    positions, used = masked.masked_lm_positions.numpy(), masked.masked_lm_weights.numpy() > 0
    now = np.take_along_axis(masked.input_ids.numpy(), positions, 1)[used]
    was = masked.masked_lm_ids.numpy()[used]
    share_masked, share_same = np.mean(now == IDS.mask), np.mean(now == was)
    error = 4 * np.sqrt(0.25 / len(now))
    assert abs(share_masked - 0.8) < error and abs(share_same - 0.1) < error
    others = now[(now != IDS.mask) & (now != was)]
    assert others.min() < VOCAB_SIZE / 20 and others.max() > VOCAB_SIZE * 19 / 20  # any token, special ones too
    assert len(np.unique(others)) > len(others) / 2


def test_tokens_are_drawn_in_proportion_to_their_weights():
    """One of each row: the first of a draw without replacement."""
    ids = np.tile(np.concatenate([[IDS.cls], np.arange(10, 17), [IDS.sep]]), (20_000, 1)).astype(np.int32)
    batch = Batch(
        *(tf.constant(each) for each in (ids, np.ones_like(ids), np.zeros_like(ids), np.arange(len(ids), dtype=np.int32)))
    )
    weights = np.ones(20, np.float32)
    weights[10:17] = np.arange(1, 8) / 7
    positions, used = draw_positions(batch, 0.11, IDS, Random(2, 0, batch.rows), 1, Masking(token_weights=weights))
    assert np.all(used.numpy() == 1)
    found = np.bincount(positions.numpy()[:, 0], minlength=9) / len(ids)
    np.testing.assert_allclose(found[1:8], np.arange(1, 8) / 28, atol=0.012)
    assert not found[[0, 8]].any()


# --- a teacher of masked tokens ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bert")
    return students.bert(folder), read_teacher(str(folder))


def masked_rows():
    batch = batch_of([SEQ, 20, 9, 2], SEQ, vocab=VOCAB_SIZE)
    return batch, mask_batch(batch, 0.15, IDS, Random(3, 0, batch.rows), masking=Masking(0.8, 0.1, VOCAB_SIZE))


def torch_inputs(ids, batch):
    mask, types = (torch.tensor(each.numpy()).long() for each in (batch.input_mask, batch.segment_ids))
    return {"input_ids": torch.tensor(np.asarray(ids)).long(), "attention_mask": mask, "token_type_ids": types}


def torch_distilbert(config):
    sizes = config.model
    return DistilBertForMaskedLM(
        DistilBertConfig(
            vocab_size=VOCAB_SIZE,
            max_position_embeddings=SEQ,
            n_layers=sizes.num_hidden_layers,
            n_heads=sizes.num_attention_heads,
            dim=sizes.hidden_size,
            hidden_dim=sizes.intermediate_size,
            dropout=0.0,
            attention_dropout=0.0,
        )
    )


def as_torch(values):
    """A student's weights by DistilBERT's names."""
    return {to_family(name, DISTILBERT): torch.tensor(value) for name, value in state_dict(values).items()}


def by_their_names(gradients):
    return {to_family(name, DISTILBERT): value for name, value in state_dict(gradients).items()}


@pytest.mark.parametrize(("ce", "mlm", "cos"), [(0.5, 0.3, 0.2), (0.0, 0.7, 0.3), (0.0, 0.6, 0.0)])
def test_a_step_is_pytorchs_on_a_pair_of_transformers(bert, ce, mlm, cos):
    """Also where the teacher's probabilities are not asked for, and only masked tokens are guessed; or nothing of it is."""
    theirs, teacher = bert
    config = with_teacher(students.DISTILBERT, alpha_ce=ce, alpha_mlm=mlm, alpha_cos=cos, temperature=2.0)
    trainer = Trainer(config, IDS, tf.distribute.OneDeviceStrategy("/cpu:0"), teacher=teacher)
    begin_as_student(trainer.model, teacher, config)
    batch, masked = masked_rows()
    variables = trainer.model.named_variables()
    before = {name: variable.numpy() for name, variable in variables.items()}
    networks = networks_of(teacher, config) if config.asks_teacher else None
    gradients = Gradients(config, trainer.model, False, None, networks)
    ours, sums = gradients.compute(batch, masked, count(batch, masked), Random(0, 0, batch.rows))

    student = torch_distilbert(config)
    student.load_state_dict(as_torch(before), strict=False)
    student.tie_weights()
    inputs = torch_inputs(masked.input_ids, batch)
    inputs["token_type_ids"] = torch.zeros_like(inputs["token_type_ids"])
    with torch.no_grad():
        # The student knows no segments: neither may the teacher be told of them, if the two are to be compared here.
        target = theirs(**torch_inputs(masked.input_ids, batch), output_hidden_states=True)
    own = student(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], output_hidden_states=True)
    real = inputs["attention_mask"].bool()
    kl = torch.nn.functional.kl_div(
        torch.log_softmax(own.logits[real] / 2, -1), torch.softmax(target.logits[real] / 2, -1), reduction="batchmean"
    )
    labels = torch.full(real.shape, -100)
    rows, slots = np.nonzero(masked.masked_lm_weights.numpy())
    positions = masked.masked_lm_positions.numpy()[rows, slots]
    labels[rows, positions] = torch.tensor(batch.input_ids.numpy()[rows, positions]).long()
    masked_lm = torch.nn.functional.cross_entropy(own.logits.reshape(-1, VOCAB_SIZE), labels.reshape(-1))
    cosine = torch.nn.functional.cosine_embedding_loss(
        own.hidden_states[-1][real], target.hidden_states[-1][real], torch.ones(int(real.sum()))
    )
    (ce * 4 * kl + mlm * masked_lm + cos * cosine).backward()

    metrics = summarize({name: value.numpy() for name, value in sums.items()})
    agree = (own.logits.argmax(-1) == target.logits.argmax(-1))[real].float().mean()
    expected = {"masked_lm_loss": masked_lm}
    expected |= {"cosine_loss": cosine} if config.asks_teacher else {}
    expected |= {"distil_loss": 4 * kl, "teacher_agreement": agree} if ce else {}
    assert set(metrics) >= set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(metrics[name], value.item(), rtol=2e-5, err_msg=name)
    gradients = by_their_names({name: gradient.numpy() for name, gradient in zip(variables, ours, strict=True)})
    found = {name: parameter.grad.numpy() for name, parameter in student.named_parameters()}
    assert set(gradients) == set(found)
    for name, value in found.items():
        np.testing.assert_allclose(gradients[name], value, rtol=1e-3, atol=2e-6, err_msg=name)


def test_a_student_of_the_first_layers_begins_with_their_hidden_states(bert):
    theirs, teacher = bert
    config = with_teacher(students.DISTILBERT, layers=[0, 1])
    student = Electra(config)
    assert begin_as_student(student, teacher, config) == []
    batch, masked = masked_rows()
    batch, masked = (
        batch._replace(segment_ids=tf.zeros_like(batch.segment_ids)),
        masked._replace(segment_ids=tf.zeros_like(batch.segment_ids)),
    )
    with torch.no_grad():
        hidden = theirs(**torch_inputs(masked.input_ids, batch), output_hidden_states=True).hidden_states[2].numpy()
    used = batch.input_mask.numpy() > 0
    np.testing.assert_allclose(student.masked_lm_hidden(masked, None).numpy()[used], hidden[used], atol=2e-6)


@pytest.mark.parametrize(
    ("count", "wanted", "expected"), [(12, 3, (1, 5, 9)), (12, 6, (0, 2, 4, 6, 8, 10)), (12, 1, (5,)), (4, 4, (0, 1, 2, 3))]
)
def test_layers_are_spread_evenly(bert, count, wanted, expected):
    teacher = bert[1]._replace(config=changed(bert[1].config, model={"num_hidden_layers": count}))
    assert layers_of(teacher, with_teacher(changed(students.DISTILBERT, model={"num_hidden_layers": wanted}))) == expected


def test_an_alberts_student_has_blocks_of_its_own(tmp_path):
    """Its embeddings are narrower, so that it is exported as ELECTRA's generator."""
    theirs = students.albert(tmp_path)
    teacher = read_teacher(str(tmp_path))
    config = with_teacher(
        changed(students.DISTILBERT, model={"embedding_size": 16, "type_vocab_size": 2}), layers=[0, 1], alpha_mlm=0.0
    )
    check_teacher(teacher, config)
    student = Electra(config)
    assert begin_as_student(student, teacher, config) == []
    batch, masked = masked_rows()
    with torch.no_grad():
        hidden = theirs(**torch_inputs(masked.input_ids, batch), output_hidden_states=True).hidden_states[2].numpy()
    used = batch.input_mask.numpy() > 0
    np.testing.assert_allclose(student.masked_lm_hidden(masked, None).numpy()[used], hidden[used], atol=1e-5)


def test_frozen_positions_stay_and_all_else_moves(bert):
    _, teacher = bert
    config = with_teacher(students.DISTILBERT, freeze_position_embeddings=True)
    trainer = Trainer(config, IDS, tf.distribute.OneDeviceStrategy("/cpu:0"), teacher=teacher)
    begin_as_student(trainer.model, teacher, config)
    before = {name: variable.numpy() for name, variable in trainer.model.named_variables().items()}
    batch, _ = masked_rows()
    tf.function(lambda: trainer.strategy.run(trainer.update, args=(batch,)))()
    same = {name for name, variable in trainer.model.named_variables().items() if np.array_equal(variable, before[name])}
    assert same == {"electra/embeddings/position_embeddings"}
    assert not any(name.startswith("electra/embeddings/position_embeddings/") for name in trainer.variables())


# --- a teacher of replaced tokens -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pair")
    return students.electra_pair(folder), read_teacher(str(folder))


def test_a_discriminators_step_is_pytorchs(pair):
    (discriminator, _), teacher = pair
    config = with_teacher(students.ELECTRA, alpha_ce=0.5, alpha_cos=0.2, alpha_disc=0.3)
    student = Electra(config)
    assert begin_as_student(student, teacher, config) == []
    assert not any(name.startswith("generator") for name in student.named_variables())
    batch, masked = masked_rows()
    random = Random(0, 0, batch.rows)
    networks = networks_of(teacher, config)
    lesson = teach(networks, batch, masked, config, random)
    assert np.any(lesson.disc_labels) and not np.all(lesson.disc_labels)
    inputs = torch_inputs(lesson.input_ids, batch)
    with torch.no_grad():
        target = discriminator(**inputs, output_hidden_states=True)
    real = inputs["attention_mask"].bool()
    np.testing.assert_allclose(lesson.logits[real.numpy()], target.logits[real].numpy(), atol=1e-5, rtol=1e-5)
    model = transformers.ElectraForPreTraining(
        transformers.ElectraConfig(
            **students.SIZES | {"embedding_size": 16, "num_hidden_layers": 2},
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
    )
    values = {name: variable.numpy() for name, variable in student.named_variables().items()}
    model.load_state_dict({name: torch.tensor(value) for name, value in state_dict(values).items()}, strict=False)
    own = model(**inputs, output_hidden_states=True)
    labels = torch.tensor(lesson.disc_labels.numpy()).float()
    probs = torch.sigmoid(target.logits / 2)
    binary = torch.nn.functional.binary_cross_entropy_with_logits
    soft = (
        4 * (binary(own.logits / 2, probs, reduction="none") - binary(target.logits / 2, probs, reduction="none"))[real].mean()
    )
    hard = binary(own.logits, labels, reduction="none")[real].mean()
    cosine = torch.nn.functional.cosine_embedding_loss(
        own.hidden_states[-1][real], target.hidden_states[-1][real], torch.ones(int(real.sum()))
    )
    (0.5 * soft + 0.2 * cosine + 0.3 * hard).backward()
    ours, sums = Gradients(config, student, False, None, networks).compute(batch, masked, count(batch, masked), random)
    metrics = summarize({name: value.numpy() for name, value in sums.items()})
    for name, value in {"distil_loss": soft, "cosine_loss": cosine, "disc_loss": hard}.items():
        np.testing.assert_allclose(metrics[name], value.item(), rtol=2e-5, err_msg=name)
    found = {name: parameter.grad.numpy() for name, parameter in model.named_parameters()}
    gradients = state_dict({name: each.numpy() for name, each in zip(student.named_variables(), ours, strict=True)})
    assert set(gradients) == set(found)
    for name, value in found.items():
        np.testing.assert_allclose(gradients[name], value, rtol=1e-3, atol=2e-6, err_msg=name)


# --- teachers that will not do ----------------------------------------------------------------------------------------------


def test_teachers_that_will_not_do(bert, pair, tmp_path):
    masked_lm, electra = bert[1], pair[1]
    student = with_teacher(students.DISTILBERT)
    check_teacher(masked_lm, student)
    check_teacher(electra, with_teacher(students.ELECTRA))
    with pytest.raises(
        UserError, match="is an ELECTRA discriminator with its generator, where distillation.teacher must be a masked"
    ):
        check_teacher(electra, student)
    with pytest.raises(UserError, match="model.hidden_size is 32 there, 64 in the config"):
        check_teacher(masked_lm, changed(student, model={"hidden_size": 64, "embedding_size": 64}))
    with pytest.raises(UserError, match=r"has 4 layers, 0 to 3; distillation.layers = \[3, 4\] asks for more"):
        check_teacher(masked_lm, with_teacher(students.DISTILBERT, layers=[3, 4]))
    with pytest.raises(UserError, match="data.vocab_size is 3500 there"):
        check_teacher(masked_lm, changed(student, data={"vocab_size": 3600}))
    headless = bert[0].bert.save_pretrained(tmp_path / "headless")
    headless = read_teacher(str(tmp_path / "headless"))
    with pytest.raises(UserError, match="has no masked-LM head, .* set distillation.alpha_ce = 0"):
        check_teacher(headless, student)
    hidden_alone = with_teacher(students.DISTILBERT, alpha_ce=0.0)
    check_teacher(headless, hidden_alone)
    assert not any(name.startswith("generator_predictions") for name in student_values(headless, student))
    # It teaches what it can.
    batch, masked = masked_rows()
    model, networks = Electra(hidden_alone), networks_of(headless, hidden_alone)
    assert begin_as_student(model, headless, hidden_alone)
    _, sums = Gradients(hidden_alone, model, False, None, networks).compute(
        batch, masked, count(batch, masked), Random(0, 0, batch.rows)
    )
    assert set(sums) == set(zero_sums(hidden_alone)) and sums["cosine_loss"] > 0
    for field in ("two_tower_generator", "uniform_generator"):
        other = electra._replace(config=changed(electra.config, objective={field: True}))
        with pytest.raises(UserError, match="is an Electric model, or one without a masked language model for its generator"):
            check_teacher(other, with_teacher(students.ELECTRA))


# --- the step as other devices take it --------------------------------------------------------------------------------------


@pytest.mark.parametrize("for_gpu", [False, True])
@pytest.mark.parametrize("kind", ["bert", "pair"])
def test_a_step_is_one_program_for_a_compiler(kind, for_gpu, request):
    _, teacher = request.getfixturevalue(kind)
    config = students.DISTILBERT if kind == "bert" else students.ELECTRA
    config = with_teacher(config, **({"mlm_smoothing": 0.7} if kind == "bert" else {}))
    assert lower_step(config, 2, for_gpu=for_gpu, teacher=teacher)


@pytest.fixture(scope="module")
def four_cpus():
    """One strategy for all: a second one would give other sums the numbers by which the first one's are known."""
    return tf.distribute.MirroredStrategy([f"/cpu:{number}" for number in range(4)])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bert", "pair"])
def test_microbatches_replicas_and_one_program_change_nothing(kind, request, four_cpus):
    _, teacher = request.getfixturevalue(kind)
    config = with_teacher(students.DISTILBERT if kind == "bert" else students.ELECTRA)
    split = changed(config, training={"gradient_accumulation_steps": 2, "remat": True})
    batch = batch_of([SEQ, 20, 9, 2], SEQ, vocab=VOCAB_SIZE)
    one = tf.distribute.OneDeviceStrategy("/cpu:0")

    def after(config, strategy, **options):
        trainer = Trainer(config, IDS, strategy, teacher=teacher, **options)
        begin_as_student(trainer.model, teacher, config)
        rows = iter(
            strategy.experimental_distribute_dataset(tf.data.Dataset.from_tensor_slices(batch).batch(4, drop_remainder=True))
        )
        sums = trainer.run_steps(rows, 1).sums
        return {**sums, **{name: variable.numpy() for name, variable in trainer.model.named_variables().items()}}

    expected = after(config, one)
    for found in (after(split, one), after(config, four_cpus), after(config, one, compiled=True)):
        for name, value in expected.items():
            np.testing.assert_allclose(found[name], value, rtol=1e-3, atol=2e-5, err_msg=name)
