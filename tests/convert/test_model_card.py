"""The model card tells what the model is for, where it is from, and what made the text."""

import dataclasses

from huggingface_hub import ModelCard

from electra_pretrain.convert.model_card import CardFacts, Weights, model_card
from electra_pretrain.records.manifest import load_manifest
from tests.conftest import MICRO, changed

STEPS = ({"command": "clean_corpus", "recipe": "kcelectra", "dropped": {"too short": 12}}, {"command": "dedup"})


def card(manifest):
    return model_card("discriminator", MICRO, CardFacts(5, manifest, {}, None, None))


def test_the_recipe_of_the_text_is_named(records):
    text = card({**load_manifest(records).to_dict(), "corpus_steps": STEPS})
    assert "came about by `clean_corpus`, then `dedup`." in text
    assert '"recipe": "kcelectra"' in text and '"too short": 12' in text


def test_what_a_run_began_with_is_named(records):
    facts = CardFacts(5, load_manifest(records).to_dict(), {}, None, None)
    began = "It began with the weights of koelectra."
    assert began in model_card("discriminator", MICRO, facts._replace(origin="koelectra"))
    assert "It began with" not in model_card("discriminator", MICRO, facts)


def test_text_of_which_nothing_is_told_has_no_such_section(records):
    manifest = load_manifest(records).to_dict()
    assert manifest["corpus_steps"] == ()
    assert "## Cleaning" not in card(manifest)
    del manifest["corpus_steps"]  # the manifest in the folder of a run that an older version started
    assert "## Cleaning" not in card(manifest)


FACTS = CardFacts(5, None, {}, None, None)
TWO_TOWERS = "two towers have no counterpart in transformers"


def use_of(text):
    """What a card says to take, by what one wants."""
    section = text.split("## What it is for\n\n")[1].split("\n\n## ")[0]
    return dict(line.strip("| ").split(" | ") for line in section.splitlines()[2:])


def test_each_card_says_which_of_the_two_is_for_what():
    """As a masked language model a discriminator gives noise, which users take for a bad model."""
    discriminator, generator, alone = (
        use_of(model_card(kind, MICRO, FACTS)) for kind in ("discriminator", "generator", "masked_lm")
    )
    assert discriminator["find replaced tokens"] == "this model, as `ElectraForPreTraining`"
    assert discriminator["fine-tune"].startswith("this model, as `AutoModelForSequenceClassification`")
    assert discriminator["get embeddings"].startswith("this model, as `AutoModel`")
    assert discriminator["fill masks"].startswith("the generator, which `export_hf` writes to `generator/`. As a masked")
    assert "gives noise" in discriminator["fill masks"]
    assert generator["fill masks"] == alone["fill masks"] == "this model, as `AutoModelForMaskedLM`"
    assert generator["fine-tune, get embeddings"].startswith("the discriminator")
    assert "gives noise" in generator["find replaced tokens"] and "find replaced tokens" not in alone
    assert alone["fine-tune"] == discriminator["fine-tune"]


def test_no_card_names_a_generator_that_is_not_there():
    config = changed(MICRO, objective={"electric_objective": True, "two_tower_generator": True})
    text = model_card("discriminator", config, FACTS._replace(no_generator=TWO_TOWERS))
    assert use_of(text)["fill masks"].startswith(f"nothing here: no generator was exported, as {TWO_TOWERS}")
    assert "# Electric energy model" in text and "energy" in use_of(text)["tell how likely each token is, given the others"]
    uniform = changed(MICRO, objective={"uniform_generator": True})
    text = model_card("discriminator", uniform, FACTS)
    assert "replacements drawn uniformly" in text and "of a pair" not in text
    tied = changed(MICRO, objective={"untied_generator": False})
    assert all("the two are one encoder" in model_card(kind, tied, FACTS) for kind in ("discriminator", "generator"))
    assert not any("one encoder" in model_card(kind, MICRO, FACTS) for kind in ("discriminator", "generator"))


def test_random_weights_are_praised_for_nothing():
    text = model_card("discriminator", MICRO, FACTS._replace(weights=Weights.RANDOM))
    assert "has learnt nothing" in text and "A baseline" in text and "this model, as" not in text
    assert "pipeline_tag" not in metadata(text) and metadata(text)["inference"] is False


def metadata(text):
    """What the hub reads of a card, by its own library."""
    return ModelCard(text).data.to_dict()


def test_the_hub_reads_what_each_model_is():
    found = {kind: metadata(model_card(kind, MICRO, FACTS)) for kind in ("discriminator", "generator", "masked_lm")}
    tags = {kind: each.pop("pipeline_tag") for kind, each in found.items()}
    # A text in a widget would be given to a head that was never trained, but for these.
    assert tags == {"discriminator": "feature-extraction", "generator": "fill-mask", "masked_lm": "fill-mask"}
    assert all(each == {"license": "unknown", "library_name": "transformers", "tags": ["electra"]} for each in found.values())
    korean = metadata(model_card("generator", MICRO, FACTS._replace(is_korean=True)))
    assert korean["language"] == "ko" and korean["tags"] == ["electra", "korean"]
    for odd in ("1.0", "no", "-"):  # which YAML takes for something else
        assert metadata(model_card("generator", MICRO, FACTS._replace(license=odd)))["license"] == odd


def test_metrics_of_single_checkpoints_are_not_those_of_their_mean(records):
    manifest, metrics = load_manifest(records).to_dict(), {"step": 5.0, "disc_loss": 0.2}
    facts = FACTS._replace(manifest=manifest, train_metrics=metrics)
    note = "Of single checkpoints, not of their mean.\n\n| | training (step 5) | held-out |"
    assert note in model_card("discriminator", MICRO, facts._replace(averaged=2))
    assert "not of their mean" not in model_card("discriminator", MICRO, facts)


def test_rounded_weights_and_the_recipes_published_scores_are_named():
    text = model_card(
        "discriminator", dataclasses.replace(MICRO, notes="Published scores: 90."), FACTS._replace(dtype="float16")
    )
    assert "Numbers are stored as float16." in text
    assert "not of this one:\n\n> Published scores: 90." in text
    assert "stored as" not in model_card("discriminator", MICRO, FACTS)
