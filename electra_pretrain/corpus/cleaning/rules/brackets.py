"""The rule that cuts out brackets with what is in them."""

import re

from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus.cleaning.rules import Rewrite

MAX_PASSES = 5  # brackets may cross, and be short enough once others are cut out


def brackets(pairs: list[str], longest: int) -> Rewrite:
    """Cut out brackets with the words in them, inner ones first: [속보], 【단독】, <사진>.

    Empty brackets stay, longer ones, and those that lack their other half. `<` and `>` also compare: they are brackets only
    without a space on their inside, and with no letter or digit of ASCII before them (`a<b`, `3 < 5 > 2`, `->`).

    Args:
        pairs: opening and closing sign, such as "[]".
        longest: characters between them, at most; what was cut out within counts as one.
    """
    if wrong := [pair for pair in pairs if len(pair) != 2 or len(set("".join(pairs))) != 2 * len(pairs)]:
        raise UserError(f'pairs: "{wrong[0]}" must be an opening and a closing sign that stand in no other pair')
    if longest < 1:
        raise UserError(f"longest: {longest} must be at least 1")
    signs = re.compile(f"([{re.escape(''.join(pairs))}])") if pairs else None
    opening_of = {pair[1]: pair[0] for pair in pairs}

    def rewrite(text: str) -> str:
        if signs is None or not signs.search(text):
            return text
        for _ in range(MAX_PASSES):
            before, text = text, _without(signs.split(text), opening_of, longest)
            if text == before:
                break
        return text

    return rewrite


def _without(pieces: list[str], opening_of: dict[str, str], longest: int) -> str:
    """Join pieces of a text, of which every bracket is one, without what brackets enclose; read once, from left to right."""
    kept: list[str] = []
    ends: list[int] = []  # characters up to the end of each piece that is kept
    opened: dict[str, list[int]] = {opening: [] for opening in opening_of.values()}  # where they stand in `kept`
    for piece in pieces:
        kept.append(piece)
        ends.append(len(piece) + (ends[-1] if ends else 0))
        if piece in opened:
            opened[piece].append(len(kept) - 1)
        elif piece in opening_of and (places := opened[opening_of[piece]]) and ends[-2] - ends[places[-1]] <= longest:
            start = places.pop()
            if _encloses(kept, start):
                kept[start:], ends[start:] = [" "], [(ends[start - 1] if start else 0) + 1]
                for others in opened.values():
                    while others and others[-1] > start:
                        others.pop()
    return "".join(kept)


def _encloses(kept: list[str], start: int) -> bool:
    """Tell whether the last piece closes the bracket at `start`, rather than compares, and something is between them."""
    inside = "".join(kept[start + 1 : -1])
    if kept[start] != "<":
        return inside != ""
    before = kept[start - 1][-1:] if start else ""
    compares = (before.isascii() and before.isalnum()) or inside[:1].isspace() or inside[-1:].isspace() or inside[-1:] in "-="
    return not compares
