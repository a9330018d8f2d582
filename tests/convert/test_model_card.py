"""The model card tells what made the text."""

from electra_pretrain.convert.model_card import CardFacts, model_card
from electra_pretrain.records.manifest import load_manifest
from tests.conftest import MICRO

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
