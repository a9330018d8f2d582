"""The text that a vocabulary is learnt from: words without an end are cut, all others stay."""

from hypothesis import given
from hypothesis import strategies as st

from electra_pretrain.tokenization.training_text import LONGEST_WORD, cut_words

AROUND = st.integers(1, 3).flatmap(lambda n: st.integers(n * LONGEST_WORD - 2, n * LONGEST_WORD + 2))


@given(st.lists(st.one_of(st.integers(1, 20), AROUND), max_size=6), st.sampled_from([" ", "\u3000", " \t"]))
def test_words_are_cut_by_their_length_alone(lengths, space):
    words = [("가나다라마바사."[number % 8 :] * length)[:length] for number, length in enumerate(lengths)]
    cut = [word[start : start + LONGEST_WORD] for word in words for start in range(0, len(word), LONGEST_WORD)]
    text = space.join(words)
    assert cut_words(text).split() == cut
    assert (cut_words(text) == text) == (max(lengths, default=0) <= LONGEST_WORD)
