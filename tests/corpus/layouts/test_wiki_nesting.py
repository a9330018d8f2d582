"""Brackets in brackets: put together from the inside outwards, to a depth that keeps the work linear."""

from electra_pretrain.corpus.layouts.wiki_nesting import MAX_DEPTH, Nesting


def nesting():
    return Nesting(lambda frame, content: f"({frame.kind}:{content})", lambda frame, content: frame.opener + content)


def test_pairs_are_closed_from_the_inside_outwards():
    text = nesting()
    text.add("가")
    text.open("a", "}")
    text.add("나")
    text.open("b", "]", "[")
    text.add("다")
    assert text.closer == "]" and text.awaits("}") and not text.awaits(")")
    assert text.close("]") and text.close("}") and not text.close("}")
    text.add("라")
    assert text.text() == "가(a:나(b:다))라"


def test_what_is_not_closed_within_a_pair_keeps_its_beginning():
    text = nesting()
    text.open("a", "}")
    text.open("b", "]", "[")
    text.add("가")
    text.close("}")
    text.open("c", ")", "(")
    text.add("나")
    assert text.text() == "(a:[가)(나"


def test_depth_is_bounded():
    levels = []
    text = Nesting(lambda frame, content: levels.append(frame) or content, lambda frame, content: content)
    for _ in range(1_000):
        text.open("a", "}")
        text.add("가")
    assert sum(text.close("}") for _ in range(1_000)) == len(levels) == MAX_DEPTH
    assert text.text() == "가" * 1_000
