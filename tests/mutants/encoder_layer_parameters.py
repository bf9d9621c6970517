import torch
from torch import nn


def right_formula(hidden_size, intermediate_size):
    attention = 4 * hidden_size * (hidden_size + 1)
    expand = (hidden_size + 1) * intermediate_size
    contract = (intermediate_size + 1) * hidden_size
    return attention + expand + contract + 2 * 2 * hidden_size


def right_counted(hidden_size, intermediate_size):
    with torch.device("meta"):
        layer = nn.TransformerEncoderLayer(hidden_size, 1, intermediate_size)
    return sum(parameter.numel() for parameter in layer.parameters())


def wrong_no_output(hidden_size, intermediate_size):
    """W_O is missing"""
    return right_formula(hidden_size, intermediate_size) - hidden_size * (hidden_size + 1)


def wrong_no_biases(hidden_size, intermediate_size):
    """biases are missing"""
    matrices = 4 * hidden_size**2 + 2 * hidden_size * intermediate_size
    return matrices + 4 * hidden_size


def wrong_no_layer_norm(hidden_size, intermediate_size):
    """LayerNorms are missing"""
    return right_formula(hidden_size, intermediate_size) - 4 * hidden_size


def wrong_one_layer_norm(hidden_size, intermediate_size):
    """half of the LayerNorms"""
    return right_formula(hidden_size, intermediate_size) - 2 * hidden_size


def wrong_no_feed_forward_bias(hidden_size, intermediate_size):
    """feed-forward"""
    biases = hidden_size + intermediate_size
    return right_formula(hidden_size, intermediate_size) - biases


def wrong_one_matrix(hidden_size, intermediate_size):
    """there and back"""
    contract = (intermediate_size + 1) * hidden_size
    return right_formula(hidden_size, intermediate_size) - contract


def wrong_decoder(hidden_size, intermediate_size):
    """decoder"""
    cross = 4 * hidden_size * (hidden_size + 1) + 2 * hidden_size
    return right_formula(hidden_size, intermediate_size) + cross


def right_float(hidden_size, intermediate_size):
    return sum(
        [4.0 * hidden_size**2, 2 * hidden_size * intermediate_size]
        + [9 * hidden_size, intermediate_size]
    )


def right_tensor(hidden_size, intermediate_size):
    shapes = [(hidden_size, hidden_size + 1)] * 4
    shapes += [(hidden_size + 1, intermediate_size), (hidden_size, intermediate_size + 1)]
    shapes += [(2, hidden_size)] * 2
    return torch.tensor(shapes).prod(1).sum()


def wrong_always_four_times(hidden_size, intermediate_size):
    """not always 4"""
    return 12 * hidden_size**2 + 13 * hidden_size


def wrong_no_first_bias(hidden_size, intermediate_size):
    """first feed-forward matrix"""
    return right_formula(hidden_size, intermediate_size) - intermediate_size


def wrong_matrices_only(hidden_size, intermediate_size):
    """only the matrices"""
    return 4 * hidden_size**2 + 2 * hidden_size * intermediate_size


def wrong_attention_only(hidden_size, intermediate_size):
    """attention alone"""
    return 4 * hidden_size * (hidden_size + 1)


def wrong_no_feed_forward(hidden_size, intermediate_size):
    """feed-forward layer is missing"""
    return 4 * hidden_size * (hidden_size + 1) + 4 * hidden_size


def wrong_six_layers(hidden_size, intermediate_size):
    """six layers"""
    return 6 * right_formula(hidden_size, intermediate_size)


def wrong_exchanged(hidden_size, intermediate_size):
    """change places"""
    return right_formula(intermediate_size, hidden_size)
