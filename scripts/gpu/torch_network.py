"""ELECTRA's network in plain torch, named as in `transformers`, whose weights it takes; attention is torch's sdpa."""

from torch import Tensor, nn
from torch.nn import functional
from torch_sizes import NetworkSizes

LAYER_NORM_EPSILON = 1e-12


class Encoder(nn.Module):
    """Embeddings and blocks: [B, S] ids of rows that are full -> [B, S, H]."""

    def __init__(self, sizes: NetworkSizes) -> None:
        super().__init__()
        self.embeddings = Embeddings(sizes)
        if sizes.embedding_size != sizes.hidden_size:
            self.embeddings_project = nn.Linear(sizes.embedding_size, sizes.hidden_size)
        self.encoder = nn.Module()
        self.encoder.layer = nn.ModuleList(Block(sizes) for _ in range(sizes.num_hidden_layers))

    def forward(self, ids: Tensor) -> Tensor:
        x: Tensor = self.embeddings(ids)
        if hasattr(self, "embeddings_project"):
            x = self.embeddings_project(x)
        for block in self.encoder.layer:
            x = block(x)
        return x


class Embeddings(nn.Module):
    def __init__(self, sizes: NetworkSizes) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(sizes.vocab_size, sizes.embedding_size)
        self.position_embeddings = nn.Embedding(sizes.max_position_embeddings, sizes.embedding_size)
        self.token_type_embeddings = nn.Embedding(2, sizes.embedding_size)
        self.LayerNorm = nn.LayerNorm(sizes.embedding_size, eps=LAYER_NORM_EPSILON)
        self.dropout = nn.Dropout(sizes.hidden_dropout_prob)

    def forward(self, ids: Tensor) -> Tensor:
        first_type = self.token_type_embeddings.weight[0]
        x = self.word_embeddings(ids) + self.position_embeddings.weight[: ids.shape[1]] + first_type
        dropped: Tensor = self.dropout(self.LayerNorm(x))
        return dropped


class Block(nn.Module):
    """Attention, then the feed-forward layers, each with its residual and LayerNorm."""

    def __init__(self, sizes: NetworkSizes) -> None:
        super().__init__()
        self.attention = nn.Module()
        self.attention.self = SelfAttention(sizes)
        self.attention.output = Output(sizes.hidden_size, sizes)
        self.intermediate = nn.Module()
        self.intermediate.dense = nn.Linear(sizes.hidden_size, sizes.intermediate_size)
        self.output = Output(sizes.intermediate_size, sizes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.attention.output(self.attention.self(x), x)
        x = self.output(functional.gelu(self.intermediate.dense(x)), x)
        return x


class SelfAttention(nn.Module):
    def __init__(self, sizes: NetworkSizes) -> None:
        super().__init__()
        self.heads, self.dropout = sizes.num_attention_heads, sizes.attention_probs_dropout_prob
        self.query, self.key, self.value = (nn.Linear(sizes.hidden_size, sizes.hidden_size) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (
            each(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for each in (self.query, self.key, self.value)
        )
        dropout = self.dropout if self.training else 0.0
        y = functional.scaled_dot_product_attention(query, key, value, dropout_p=dropout)
        return y.transpose(1, 2).flatten(2)


class Output(nn.Module):
    """Project to the hidden size, add the residual, normalise."""

    def __init__(self, inputs: int, sizes: NetworkSizes) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, sizes.hidden_size)
        self.LayerNorm = nn.LayerNorm(sizes.hidden_size, eps=LAYER_NORM_EPSILON)
        self.dropout = nn.Dropout(sizes.hidden_dropout_prob)

    def forward(self, x: Tensor, residual: Tensor) -> Tensor:
        y: Tensor = self.LayerNorm(self.dropout(self.dense(x)) + residual)
        return y


class GeneratorHead(nn.Module):
    """[B, N, H] -> [B, N, E], to be multiplied with the word table."""

    def __init__(self, sizes: NetworkSizes) -> None:
        super().__init__()
        self.dense = nn.Linear(sizes.hidden_size, sizes.embedding_size)
        self.LayerNorm = nn.LayerNorm(sizes.embedding_size, eps=LAYER_NORM_EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.LayerNorm(functional.gelu(self.dense(x)))
        return y


class DiscriminatorHead(nn.Module):
    """[B, S, H] -> [B, S]."""

    def __init__(self, sizes: NetworkSizes) -> None:
        super().__init__()
        self.dense = nn.Linear(sizes.hidden_size, sizes.hidden_size)
        self.dense_prediction = nn.Linear(sizes.hidden_size, 1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.dense_prediction(functional.gelu(self.dense(x)))
        return y.squeeze(-1)


def initialize(module: nn.Module, stddev: float) -> None:
    """Draw weights as `transformers` does: normal; biases 0."""
    for each in module.modules():
        if isinstance(each, (nn.Linear, nn.Embedding)):
            nn.init.normal_(each.weight, std=stddev)
        if isinstance(each, nn.Linear):
            nn.init.zeros_(each.bias)
