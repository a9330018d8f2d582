"""A tiny random ELECTRA, and data in the publishers' own formats whose rules it can learn in seconds."""

import json
import random
import subprocess
import sys

WORDS = ["가", "나", "다", "라", "마", "바", "사", "아", "자", "차", "카", "타", "파", "하"]
NAMES = ["철수", "영희"]
VOCAB = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *NAMES, *[f"##{word}" for word in WORDS]]


def make_model(folder, architecture="ElectraForPreTraining", **changes):
    import torch
    import transformers

    torch.manual_seed(5)
    sizes = {"num_hidden_layers": 2, "hidden_size": 32, "embedding_size": 16, "intermediate_size": 64, "num_attention_heads": 2}
    config = transformers.ElectraConfig(
        vocab_size=len(VOCAB), max_position_embeddings=64, initializer_range=0.1, **{**sizes, **changes}
    )
    getattr(transformers, architecture)(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(VOCAB) + "\n")
    tokenizer = transformers.BertTokenizerFast(vocab=str(folder / "vocab.txt"), do_lower_case=False)
    tokenizer.save_pretrained(folder)
    return folder


def make_distilbert(folder):
    """The same size and vocabulary, of a kind that knows no token types."""
    import transformers

    make_model(folder)
    sizes = {"n_layers": 2, "n_heads": 2, "dim": 32, "hidden_dim": 64}
    config = transformers.DistilBertConfig(vocab_size=len(VOCAB), max_position_embeddings=64, initializer_range=0.1, **sizes)
    transformers.DistilBertForMaskedLM(config).save_pretrained(folder)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings["model_input_names"] = ["input_ids", "attention_mask"]
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


def text(chance, length=None):
    return [chance.choice(WORDS) for _ in range(length or chance.randint(3, 12))]


def write_nsmc(folder, train=512, test=128, learnable=True):
    """Good is what speaks of 철수, bad what speaks of 영희."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(1)
    for name, count in (("ratings_train.txt", train), ("ratings_test.txt", test)):
        lines = ["id\tdocument\tlabel"]
        for number in range(count):
            label, words = number % 2, text(chance)
            words.insert(chance.randrange(len(words)), NAMES[1 - label if learnable else chance.randrange(2)])
            lines.append(f"{number}\t{' '.join(words)}\t{label}")
        (folder / name).write_text("\n".join(lines) + "\n")
    return folder


def write_korsts(folder):
    """Two texts are alike as far as the second one has 철수 in it."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(2)
    for name, count in (("sts-train.tsv", 512), ("sts-dev.tsv", 64), ("sts-test.tsv", 128)):
        lines = ["genre\tfilename\tyear\tid\tscore\tsentence1\tsentence2"]
        for number in range(count):
            alike = number % 6
            second = ["철수"] * alike + text(chance, 6 - alike or 1)
            lines.append(f"g\tf\t2012\t{number:04}\t{alike:.3f}\t{' '.join(text(chance))}\t{' '.join(second)}")
        (folder / name).write_text("\n".join(lines) + "\n")
    return folder


def write_naver_ner(folder):
    """철수 is a person, 영희 a place."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(3)
    tags = {"철수": "PER-B", "영희": "LOC-B"}
    for name, count in (("train.tsv", 512), ("test.tsv", 64)):
        texts = [[chance.choice(WORDS + 3 * NAMES) for _ in range(chance.randint(3, 10))] for _ in range(count)]
        lines = [f"{' '.join(words)}\t{' '.join(tags.get(word, 'O') for word in words)}" for words in texts]
        (folder / name).write_text("\n".join(lines) + "\n")
    return folder


def write_korquad(folder):
    """Whatever the question, the answer is 철수; contexts are longer than a window."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(4)
    for name, count in (("KorQuAD_v1.0_train.json", 384), ("KorQuAD_v1.0_dev.json", 64)):
        paragraphs = []
        for number in range(count):
            words = text(chance, 40)
            words.insert(chance.randrange(len(words)), "철수")
            context = " ".join(words)
            answers = [{"text": "철수", "answer_start": context.index("철수")}]
            question = {"id": f"{name}-{number}", "question": " ".join(text(chance, 2)), "answers": answers}
            paragraphs.append({"context": context, "qas": [question]})
        data = {"version": "KorQuAD_v1.0", "data": [{"title": "t", "paragraphs": paragraphs}]}
        (folder / name).write_text(json.dumps(data, ensure_ascii=False))
    return folder


WRITERS = {"nsmc": write_nsmc, "korsts": write_korsts, "naver_ner": write_naver_ner, "korquad": write_korquad}


def arguments(model, task, data, output, *more, **settings):
    quick = {"learning_rate": 3e-3, "max_seq_length": 32, "train_batch_size": 16, "save_steps": 1000, **settings}
    named = ["--model", model, "--task", task, "--data", data, "--output", output, *more]
    return [str(value) for value in named] + [word for field, value in quick.items() for word in ("--set", f"{field}={value}")]


def command(*values, **settings):
    """The command in a process of its own, which may be killed."""
    run = [sys.executable, "-m", "electra_pretrain.finetune", *arguments(*values, **settings)]
    return subprocess.Popen(run, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
