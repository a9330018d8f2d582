"""A fine-tuned model's tokenizer is the pretrained one's, file by file."""

from transformers import AutoTokenizer, BertTokenizerFast

from electra_pretrain.finetuning import tokenizer_files

VOCAB = {token: index for index, token in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "가", "나"])}


def test_files_are_copied_as_they_are(tmp_path):
    """Whatever was done with the tokenizer in between: transformers would save the last cut, and a class of its release."""
    source, output = tmp_path / "source", tmp_path / "output"
    BertTokenizerFast(vocab=VOCAB, do_lower_case=False).save_pretrained(source)
    (source / "model.safetensors").write_bytes(b"weights")
    output.mkdir()
    tokenizer = AutoTokenizer.from_pretrained(source)
    tokenizer("가 나 " * 9, truncation=True, max_length=4)
    tokenizer_files.save(str(source), tokenizer, str(output))
    written = {path.name: path.read_bytes() for path in output.iterdir()}
    assert set(written) > {"tokenizer_config.json"} and "model.safetensors" not in written
    assert written == {name: (source / name).read_bytes() for name in written}


def test_a_model_whose_files_are_not_here_is_saved_anew(tmp_path):
    tokenizer = BertTokenizerFast(vocab=VOCAB, do_lower_case=False)
    tokenizer_files.save("nobody/nothing", tokenizer, str(tmp_path))
    assert AutoTokenizer.from_pretrained(tmp_path)("가")["input_ids"] == tokenizer("가")["input_ids"]


def test_a_model_of_the_hub_has_its_files_in_the_cache(tmp_path, monkeypatch):
    cached = tmp_path / "tokenizer.json"
    cached.write_text("{}")
    found = {"tokenizer.json": str(cached)}
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda model, name: found.get(name, object()))
    (tmp_path / "output").mkdir()
    tokenizer_files.save("owner/name", None, str(tmp_path / "output"))
    assert [path.name for path in (tmp_path / "output").iterdir()] == ["tokenizer.json"]
