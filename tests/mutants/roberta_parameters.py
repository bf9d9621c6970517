"""How many numbers RoBERTa learns for masked language modelling, right and wrong."""

import torch
from torch import nn


def size(
    v, d, layers, f, positions, *, types=1, norm_width=2, norms=2, other_norms=2, bias=1,
    projections=4, head_dense=1, decoder_bias=1,
):  # fmt: skip
    """The right sum, of which a wrong answer changes a part."""
    square, norm = d * d + bias * d, norm_width * d
    layer = projections * square + 2 * d * f + bias * (f + d) + norms * norm
    embeddings = (v + positions + types) * d
    head = head_dense * square + decoder_bias * v
    return embeddings + layers * layer + head + other_norms * norm


def right_formula(v, d, layers, f, positions):
    layer = 4 * d * d + 2 * d * f + f + 9 * d
    return v * d + positions * d + 3 * d + layers * layer + d * d + 3 * d + v


def right_modules(v, d, layers, f, positions):
    """A model of torch's own parts, without memory."""
    with torch.device("meta"):
        parts = [nn.Embedding(n, d) for n in (v, positions, 1)] + [nn.LayerNorm(d)]
        parts += [nn.TransformerEncoderLayer(d, 1, f) for _ in range(layers)]
        parts += [nn.Linear(d, d), nn.LayerNorm(d)]
        model = nn.ModuleList(parts)
    return sum(p.numel() for p in model.parameters()) + v


def right_library(v, d, layers, f, positions):
    from transformers import RobertaConfig, RobertaForMaskedLM

    config = RobertaConfig(
        vocab_size=v, hidden_size=d, num_hidden_layers=layers, intermediate_size=f,
        max_position_embeddings=positions, type_vocab_size=1, num_attention_heads=d // 64,
    )  # fmt: skip
    with torch.device("meta"):
        model = RobertaForMaskedLM(config)
    return model.num_parameters()


def wrong_decoder(v, d, *sizes):
    """used a second time

    What one counts in a state_dict, where the tied matrix has two names.
    """
    return size(v, d, *sizes) + v * d


def wrong_pooler(v, d, *sizes):
    """the pooler is counted"""
    return size(v, d, *sizes) + d * d + d


def wrong_no_decoder_bias(*sizes):
    """decoder's bias is missing"""
    return size(*sizes, decoder_bias=0)


def wrong_no_head_dense(*sizes):
    """dense layer of the head is missing"""
    return size(*sizes, head_dense=0)


def wrong_no_head_norm(*sizes):
    """LayerNorm of the head is missing"""
    return size(*sizes, other_norms=1)


def wrong_no_transform(*sizes):
    """dense layer and the LayerNorm"""
    return size(*sizes, head_dense=0, other_norms=1)


def wrong_no_head(*sizes):
    """the head is missing"""
    return size(*sizes, head_dense=0, other_norms=1, decoder_bias=0)


def wrong_body_with_pooler(*sizes):
    """in place of the head

    RobertaModel: 83,450,880 for KantaiBERT's sizes.
    """
    return size(*sizes, other_norms=1, decoder_bias=0)


def wrong_no_type(*sizes):
    """type embedding is missing"""
    return size(*sizes, types=0)


def wrong_two_types(*sizes):
    """as in BERT"""
    return size(*sizes, types=2)


def wrong_no_positions(v, d, layers, f, positions):
    """positions are missing"""
    return size(v, d, layers, f, 0)


def wrong_512(v, d, layers, f, positions):
    """not always 512"""
    return size(v, d, layers, f, 512)


def wrong_two_less(v, d, layers, f, positions):
    """the two positions that no token uses"""
    return size(v, d, layers, f, positions - 2)


def wrong_two_more(v, d, layers, f, positions):
    """has them already

    Proposed once for pytorch-transformers: pad_id + 1 added to a size of 514.
    """
    return size(v, d, layers, f, positions + 2)


def wrong_no_biases(*sizes):
    """the biases are missing: every"""
    return size(*sizes, bias=0)


def wrong_no_bias_at_all(*sizes):
    """and that of the decoder"""
    return size(*sizes, bias=0, decoder_bias=0)


def wrong_no_norms(*sizes):
    """no LayerNorm is counted"""
    return size(*sizes, norms=0, other_norms=0)


def wrong_one_norm(*sizes):
    """one LayerNorm in each layer"""
    return size(*sizes, norms=1)


def wrong_half_norms(*sizes):
    """half of the LayerNorms"""
    return size(*sizes, norm_width=1)


def wrong_three_projections(*sizes):
    """W_O is missing"""
    return size(*sizes, projections=3)


def wrong_one_layer(v, d, layers, f, positions):
    """this has one layer"""
    return size(v, d, 1, f, positions)


def wrong_twelve_layers(v, d, layers, f, positions):
    """not always 12 layers"""
    return size(v, d, 12, f, positions)
