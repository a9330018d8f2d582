"""The code that a model card shows, for `transformers`: it runs as printed, in the card's folder, or anywhere from the hub."""

import enum
from typing import NamedTuple

_HERE = 'model_id = "."  # this folder; on the hub, the name of its repository'

_LOADING = """\
from transformers import {imports}

{here}
tokenizer = AutoTokenizer.from_pretrained(model_id)
model = {model_class}.from_pretrained(model_id){in_float32}
"""
_DETECTION = """\
inputs = tokenizer("{text}", return_tensors="pt")  # {swapped} stands for {word}
probs = model(**inputs).logits[0].sigmoid().tolist()  # that a token was replaced
for token, prob in list(zip(inputs.tokens(), probs))[1:-1]:
    print(f"{{prob:.{digits}f}}  {{token}}")
"""
_ENERGIES = """\
inputs = tokenizer("{text}", return_tensors="pt")  # {swapped} stands for {word}
# Of each token -log of its probability given all the others, but not normalised: the higher, the less likely.
# No sigmoid of it is the probability that the token was replaced: for that the generator's own odds would have to be added.
energies = model(**inputs).logits[0].tolist()
for token, energy in list(zip(inputs.tokens(), energies))[1:-1]:
    print(f"{{energy:.{digits}f}}  {{token}}")
"""
_FILLING = """\
inputs = tokenizer("{text}", return_tensors="pt")
probs = model(**inputs).logits[inputs.input_ids == tokenizer.mask_token_id].softmax(-1)
best = probs[0].topk({count})
for token, prob in zip(tokenizer.convert_ids_to_tokens(best.indices.tolist()), best.values.tolist()):
    print(f"{{prob:.{digits}f}}  {{token}}")
"""


class Shows(enum.Enum):
    """What a card's code shows, and how."""

    DETECTION = _DETECTION
    ENERGIES = _ENERGIES
    FILLING = _FILLING


class Example(NamedTuple):
    """Python code for `transformers`, and what it prints."""

    code: str
    output: str


def code(shows: Shows, dtype: str, *, text: str, word: str, swapped: str, count: int, digits: int) -> str:
    """Write a card's code.

    Args:
        shows: what it does with the text.
        dtype: of the weights in the folder; computed is in float32.
        text: with `[MASK]` in the word's place, or what it is swapped for.
        word: that was there.
        swapped: what stands there, where nothing is masked.
        count: of tokens to show for a mask.
        digits: behind the point.
    """
    model_class = "AutoModelForMaskedLM" if shows is Shows.FILLING else "ElectraForPreTraining"
    loading = _LOADING.format(
        imports=", ".join(sorted(["AutoTokenizer", model_class])),
        here=_HERE,
        model_class=model_class,
        in_float32="" if dtype == "float32" else f".float()  # stored as {dtype}",
    )
    return loading + shows.value.format(text=text, word=word, swapped=swapped, count=count, digits=digits)


def for_hub(card: str, repo: str) -> str:
    """Return a card whose code loads the model from its repository on the hub, whatever folder it is run in."""
    return card.replace(_HERE, f'model_id = "{repo}"', 1)
