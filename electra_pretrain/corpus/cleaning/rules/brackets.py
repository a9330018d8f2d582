"""The rule that cuts out brackets with what is in them."""

import re

from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus.cleaning.rules import Rewrite


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
        kept: list[str] = []  # pieces, of which every bracket is one
        ends: list[int] = []  # characters up to the end of each piece
        opened: dict[str, list[int]] = {opening: [] for opening in opening_of.values()}  # their pieces
        for piece in signs.split(text):
            kept.append(piece)
            ends.append(len(piece) + (ends[-1] if ends else 0))
            if piece in opened:
                opened[piece].append(len(kept) - 1)
            elif piece in opening_of and opened[opening_of[piece]]:
                start = opened[opening_of[piece]].pop()
                if ends[-2] - ends[start] <= longest and _encloses(kept, start):
                    kept[start:], ends[start:] = [" "], [ends[start]]
                    for pieces in opened.values():
                        while pieces and pieces[-1] > start:
                            pieces.pop()
        return "".join(kept)

    return rewrite


def _encloses(kept: list[str], start: int) -> bool:
    """Tell whether the last piece closes the bracket at `start`, rather than compares, and holds something."""
    inside = "".join(kept[start + 1 : -1])
    if kept[start] != "<":
        return inside != ""
    before = kept[start - 1][-1:] if start else ""
    compares = (before.isascii() and before.isalnum()) or inside[:1].isspace() or inside[-1:].isspace() or inside[-1:] in "-="
    return not compares
