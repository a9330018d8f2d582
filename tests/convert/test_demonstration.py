"""The sentences in which quickstart swaps a word."""

from electra_pretrain.convert.demonstration import SWAPS, swapped_ids
from electra_pretrain.tokenization.tokenizer import load_tokenizer


def test_swapped_words_are_where_they_are_said_to_be(vocab_path):
    tokenizer = load_tokenizer(vocab_path, False)
    for swap in SWAPS:
        ids, truth = swapped_ids(swap, tokenizer)
        swapped = "".join(
            tokenizer.tokens[index].removeprefix("##") for index, is_swapped in zip(ids, truth, strict=True) if is_swapped
        )
        assert swapped == swap.swapped or "[UNK]" in swapped
        whole, _ = tokenizer.encode_lines([swap.sentence.replace(swap.word, swap.swapped, 1)])
        assert ids[1:-1] == whole.tolist(), swap
        # No piece lies across the swapped word's ends.
        before, after = (tokenizer.encode_lines([text])[0].tolist() for text in swap.sentence.split(swap.word, 1))
        others = [index for index, is_swapped in zip(ids, truth, strict=True) if not is_swapped]
        assert others[1:-1] == before + after
