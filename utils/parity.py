"""Prove the library equal to PyTorch's own layers: same weights in, same numbers out.

Taught in: chapter 2, section "Equal to PyTorch".
"""

import copy

import torch
from torch import nn

from utils.inputs import require_tensor


def largest_difference(a, b):
    """The largest |a - b| of two tensors of one shape, as a float (NaN stays NaN).

    Raises ValueError where the shapes differ, since broadcasting would compare the
    wrong numbers, or where there is nothing to compare.
    Taught in: chapter 2, section "Equal to PyTorch".
    """
    if a.shape != b.shape:
        raise ValueError(f"cannot compare {list(a.shape)} with {list(b.shape)}")
    if a.numel() == 0:
        raise ValueError("nothing to compare: the tensors are empty")
    return (a.detach().double() - b.detach().double()).abs().max().item()


def relative_differences(theirs, ours, inputs, modules=()):
    """How far two functions are apart: in their outputs, and in their gradients.

    theirs, ours: functions of the tensors `inputs`; modules: the two modules inside
    them, if any, whose weights were made equal by copy_torch_weights. The gradients are
    those of one random mixture of the outputs, in each input and in the weights.

    Returns two floats. Each difference is relative to the largest number of its
    tensor; the gradients of all the weights count as one tensor, because that of a
    key's bias is zero but for rounding: softmax takes no notice of it.
    Raises ValueError where shapes differ, TypeError for modules of no known kind, and for
    inputs that are no tensors.
    Taught in: chapter 2, section "Equal to PyTorch".
    """
    inputs = [require_tensor(x, f"inputs[{i}]") for i, x in enumerate(inputs)]
    for module in modules:
        module.zero_grad()
    mixture, outputs, gradients = None, [], []
    for function in (theirs, ours):
        leaves = [x.clone().requires_grad_() for x in inputs]
        output = function(*leaves)
        mixture = torch.randn_like(output) if mixture is None else mixture
        (output * mixture).sum().backward()
        outputs.append(output)
        gradients.append([leaf.grad for leaf in leaves])
    if modules:
        _, *weights = zip(*paired_parameters(*map(gradient_copy, modules)))
        for tensors, own in zip(gradients, weights):
            tensors.append(torch.cat([weight.flatten() for weight in own]))
    return relative(*outputs), max(map(relative, *gradients))


def relative(a, b):
    """The largest |a - b| as a share of the largest |a|."""
    return largest_difference(a, b) / a.detach().abs().max().item()


def gradient_copy(module):
    """A copy of the module that holds, in place of each weight, its gradient."""
    twin = copy.deepcopy(module)
    for weight, original in zip(twin.parameters(), module.parameters()):
        weight.data = original.grad
    return twin


@torch.no_grad()
def copy_torch_weights(theirs, ours):
    """Copy the weights of a PyTorch module into the library's module of that kind.

    theirs: nn.MultiheadAttention, nn.LayerNorm, or nn.TransformerEncoderLayer,
    DecoderLayer, Encoder or Decoder; ours: the library's. Returns ours.
    Raises TypeError for another kind of module, ValueError where the two differ in
    their sizes, their number of layers or heads, biases, pre- or post-norm, final norm.
    Taught in: chapter 2, section "Equal to PyTorch".
    """
    for name, their_tensor, our_tensor in paired_parameters(theirs, ours):
        if their_tensor is None or our_tensor is None:
            raise ValueError(f"only one of the two has {name}")
        if their_tensor.shape != our_tensor.shape:
            raise ValueError(
                f"{name} is {list(their_tensor.shape)} in theirs and "
                f"{list(our_tensor.shape)} in ours"
            )
        our_tensor.copy_(their_tensor)
    return ours


def paired_parameters(theirs, ours):
    """Yield (name, PyTorch's tensor, our tensor) for each weight of the two."""
    if isinstance(theirs, nn.MultiheadAttention):
        yield from attention_pairs(theirs, ours)
    elif isinstance(theirs, (nn.Linear, nn.LayerNorm)):
        yield "weight", theirs.weight, ours.weight
        yield "bias", theirs.bias, ours.bias
    elif isinstance(theirs, (nn.TransformerEncoder, nn.TransformerDecoder)):
        yield from stack_pairs(theirs, ours)
    elif isinstance(theirs, (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)):
        yield from layer_pairs(theirs, ours)
    else:
        raise TypeError(f"no weights to copy from a {type(theirs).__name__}")


def attention_pairs(theirs, ours):
    """PyTorch packs the query, key and value matrices into one of 3d rows."""
    if theirs.in_proj_weight is None or theirs.in_proj_bias is None:
        raise ValueError(
            "nn.MultiheadAttention must have one width (no kdim, vdim) and biases"
        )
    if theirs.num_heads != ours.num_attention_heads:
        raise ValueError(
            f"{theirs.num_heads} heads in theirs, {ours.num_attention_heads} in ours"
        )
    packed = zip(theirs.in_proj_weight.chunk(3), theirs.in_proj_bias.chunk(3))
    for name, (weight, bias) in zip(("query", "key", "value"), packed):
        linear = getattr(ours, name)
        yield f"{name}.weight", weight, linear.weight
        yield f"{name}.bias", bias, linear.bias
    yield from named_pairs("output", theirs.out_proj, ours.output)


def layer_pairs(theirs, ours):
    """The sublayers of one layer, each with its LayerNorm."""
    parts = [("attention", theirs.self_attn, ours.attention)]
    residuals = [ours.attention_residual]
    if isinstance(theirs, nn.TransformerDecoderLayer):
        parts.append(("cross_attention", theirs.multihead_attn, ours.cross_attention))
        residuals.append(ours.cross_attention_residual)
    parts.append(("expand", theirs.linear1, ours.feed_forward.expand))
    parts.append(("contract", theirs.linear2, ours.feed_forward.contract))
    residuals.append(ours.feed_forward_residual)
    for number, residual in enumerate(residuals, start=1):
        if residual.norm_first != theirs.norm_first:
            raise ValueError(
                f"norm_first is {theirs.norm_first} in theirs and "
                f"{residual.norm_first} in ours"
            )
        parts.append((f"norm{number}", getattr(theirs, f"norm{number}"), residual.norm))
    for part in parts:
        yield from named_pairs(*part)


def stack_pairs(theirs, ours):
    """The layers of a stack and, where it has one, its final LayerNorm."""
    if len(theirs.layers) != len(ours.layers):
        raise ValueError(
            f"{len(theirs.layers)} layers in theirs, {len(ours.layers)} in ours"
        )
    for number, layers in enumerate(zip(theirs.layers, ours.layers)):
        yield from named_pairs(f"layers.{number}", *layers)
    if (theirs.norm is None) != isinstance(ours.norm, nn.Identity):
        raise ValueError("only one of the two stacks has a final LayerNorm")
    if theirs.norm is not None:
        yield from named_pairs("norm", theirs.norm, ours.norm)


def named_pairs(prefix, theirs, ours):
    """The pairs of a part, their names below `prefix`."""
    for name, their_tensor, our_tensor in paired_parameters(theirs, ours):
        yield f"{prefix}.{name}", their_tensor, our_tensor
