"""How many numbers BERT learns, right and wrong."""

import torch
from torch import nn


def right_formula(v, d, layers, f, positions, types):
    square = d * d + d
    layer = 4 * square + 2 * d * f + f + d + 4 * d
    return (v + positions + types + 2) * d + layers * layer + square


def right_shapes(v, d, layers, f, positions, types):
    """A list of shapes, multiplied and added."""
    layer = 4 * [(d, d), (d,)] + [(d, f), (f,), (f, d), (d,)] + 4 * [(d,)]
    shapes = [(v, d), (positions, d), (types, d), (d,), (d,)]
    shapes += layers * layer + [(d, d), (d,)]
    return sum(torch.Size(shape).numel() for shape in shapes)


def right_modules(v, d, layers, f, positions, types):
    """A model of torch's own parts, without memory."""
    with torch.device("meta"):
        model = nn.ModuleList(
            [nn.Embedding(n, d) for n in (v, positions, types)]
            + [nn.LayerNorm(d), nn.Linear(d, d)]
            + [nn.TransformerEncoderLayer(d, 1, f) for _ in range(layers)]
        )
    return sum(p.numel() for p in model.parameters())


def right_library(v, d, layers, f, positions, types):
    from utils.bert import BertConfig, bert_ledger

    config = BertConfig(v, d, layers, 1, f, positions, types)
    return bert_ledger(config)["counted"].iloc[-1]


def size(
    v, d, layers, f, positions, types, *, bias=1, square=None, pooler=1, norms=2,
    embedding_norms=1, projections=4, norm_width=2,
):  # fmt: skip
    """The right sum, of which a wrong answer changes a part."""
    square = d * d + bias * d
    attention = projections * square
    layer = attention + 2 * d * f + bias * (f + d) + norms * norm_width * d
    embeddings = (v + positions + types) * d + embedding_norms * norm_width * d
    return embeddings + layers * layer + pooler * square


def wrong_no_pooler(*sizes):
    """pooler is missing"""
    return size(*sizes, pooler=0)


def wrong_no_embedding_norm(*sizes):
    """LayerNorm after the embeddings"""
    return size(*sizes, embedding_norms=0)


def wrong_neither(*sizes):
    """pooler and the LayerNorm"""
    return size(*sizes, pooler=0, embedding_norms=0)


def wrong_no_biases(*sizes):
    """biases are missing"""
    return size(*sizes, bias=0)


def wrong_matrices_only(*sizes):
    """these are the matrices"""
    return size(*sizes, bias=0, norms=0, embedding_norms=0)


def wrong_no_norms(*sizes):
    """no LayerNorm is counted"""
    return size(*sizes, norms=0, embedding_norms=0)


def wrong_one_norm_per_layer(*sizes):
    """one LayerNorm in each layer"""
    return size(*sizes, norms=1)


def wrong_norms_without_bias(*sizes):
    """half of the LayerNorms"""
    return size(*sizes, norm_width=1)


def wrong_no_output_projection(*sizes):
    """W_O is missing"""
    return size(*sizes, projections=3)


def wrong_no_positions(v, d, layers, f, positions, types):
    """positions are missing"""
    return size(v, d, layers, f, 0, types)


def wrong_no_segments(v, d, layers, f, positions, types):
    """segments are missing"""
    return size(v, d, layers, f, positions, 0)


def wrong_heads_multiply(v, d, layers, f, positions, types):
    """heads multiply nothing"""
    heads = max(1, d // 64)
    return size(v, d, layers, f, positions, types, projections=3 * heads + 1)


def wrong_heads_multiply_all(v, d, layers, f, positions, types):
    """heads multiply nothing"""
    heads = max(1, d // 64)
    return size(v, d, layers, f, positions, types, projections=4 * heads)


def wrong_one_layer(v, d, layers, f, positions, types):
    """this has one layer"""
    return size(v, d, 1, f, positions, types)


def wrong_twelve_layers(v, d, layers, f, positions, types):
    """not always 12 layers"""
    return size(v, d, 12, f, positions, types)


def wrong_four_times(v, d, layers, f, positions, types):
    """not always 4 * hidden_size"""
    return size(v, d, layers, 4 * d, positions, types)


def wrong_fixed_positions(v, d, layers, f, positions, types):
    """not always 512 positions"""
    return size(v, d, layers, f, 512, types)


def wrong_fixed_segments(v, d, layers, f, positions, types):
    """not always two segments"""
    return size(v, d, layers, f, positions, 2)


def wrong_one_matrix(v, d, layers, f, positions, types):
    """two matrices"""
    return size(v, d, layers, f, positions, types) - layers * (f * d + d)


def wrong_with_language_head(v, d, *sizes):
    """head of masked language modelling"""
    return size(v, d, *sizes) + d * d + d + 2 * d + v


def wrong_with_output_matrix(v, d, *sizes):
    """counted twice"""
    return size(v, d, *sizes) + v * d


def wrong_final_norm(v, d, *sizes):
    """one LayerNorm too many"""
    return size(v, d, *sizes) + 2 * d


def wrong_decoder(v, d, layers, f, positions, types):
    """no cross-attention"""
    return size(v, d, layers, f, positions, types, projections=8, norms=3)
