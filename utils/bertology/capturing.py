"""What goes on inside a model: states, attentions, head outputs, and their gradients.

Hooks look while the model runs and are gone afterwards; neither the model nor what it
computes changes. Letters of the shapes as in `heads`.

Source: Michel, Levy and Neubig 2019, "Are Sixteen Heads Really Better than One?",
sections 2 and 4.1, for the head outputs and their gradients.
Taught in: chapter 5, section "Everything inside".
"""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn

from utils.bertology.heads import (
    COURSE,
    HeadAdapter,
    HeadError,
    call,
    eager,
    hooked,
)
from utils.transformer import inference


class Inside(NamedTuple):
    """Tensors of a forward pass, a tuple each, or None where they were not asked for.

    hidden_states: L + 1 times [B, T, d], the embeddings first; attentions: L times
    [B, H, T, T], query by key; head_outputs: L times [B, T, H, D], the average of the
    values that each head takes, before W_O mixes the heads. In a pruned model a layer
    has fewer heads.
    """

    hidden_states: tuple[torch.Tensor, ...] | None
    attentions: tuple[torch.Tensor, ...] | None
    head_outputs: tuple[torch.Tensor, ...] | None


@dataclass(frozen=True)
class Capture:
    """What `capture` returns: the tensors of `Inside`, the model's output, gradients.

    gradients: an `Inside` of the gradients of the loss, None without one; loss: its
    value, None without one.
    """

    hidden_states: tuple[torch.Tensor, ...] | None
    attentions: tuple[torch.Tensor, ...] | None
    head_outputs: tuple[torch.Tensor, ...] | None
    output: object
    loss: float | None
    gradients: Inside | None
    adapter: HeadAdapter

    def contributions(self, layer):
        """What each head of a layer adds to the residual stream, [B, T, H, d].

        A head's output times its D columns of W_O. Their sum over the heads, plus the
        bias of W_O, is what the attention hands on.
        Raises HeadError where the head outputs were not captured.
        Source: Vaswani et al. 2017, section 3.2.2: Concat(head_1, ...) W_O is a sum.
        Taught in: chapter 5, section "Everything inside".
        """
        if self.head_outputs is None:
            raise HeadError("the head outputs were not captured: head_outputs=True")
        z = self.head_outputs[layer]  # [B, T, H, D]
        output = self.adapter.output(layer)
        matrix = output.weight.detach()
        if not isinstance(output, nn.Linear):  # GPT-2's Conv1D has it the other way round
            matrix = matrix.T
        by_head = matrix.unflatten(1, z.shape[-2:])  # [d, H * D] -> [d, H, D]
        return torch.einsum("bthk,dhk->bthd", z, by_head)


def capture(
    model, inputs, *, hidden_states=True, attentions=True, head_outputs=True, loss=None
):
    """Run a model once and keep what is inside; returns a `Capture`.

    inputs: a dict of the model's arguments, input_ids [B, T] and so on; loss: a function
    of the model's output that returns one number, for the gradients of everything that
    is captured. The model runs without dropout; with `attentions` it runs on eager
    attention, whatever it is set to, since fused kernels have no weights to show.

    Raises HeadError for a model of no known family, a head_mask among the inputs or what
    are none, a loss that is not one number or does not depend on the model; IndexError
    for an id without an embedding.
    Taught in: chapter 5, section "Everything inside".
    """
    adapter = HeadAdapter.for_model(model)
    kept = {"hidden_states": [], "attentions": [], "head_outputs": []}
    asked = [name for name, wanted in zip(kept, (hidden_states, attentions, head_outputs))
             if wanted]  # fmt: skip
    with ExitStack() as stack:
        stack.enter_context(inference(model, gradients=loss is not None))
        if attentions:
            stack.enter_context(eager(model))
        stack.enter_context(hooked(_hooks(adapter, kept, asked, loss is not None)))
        output = call(model, inputs)
        value = gradients = None
        if loss is not None:
            value = _one_number(loss(output))
            gradients = _gradients(value, kept, asked)
            value = value.item()
    found = {
        name: tuple(t.detach() for t in kept[name]) if name in asked else None
        for name in kept
    }
    return Capture(**found, output=output, loss=value, gradients=gradients, adapter=adapter)


def _hooks(adapter, kept, asked, gradients):
    """Register what `capture` looks with, one handle after the other."""
    if "hidden_states" in asked or gradients:
        yield _on_embeddings(adapter, kept["hidden_states"], gradients)
    for i, layer in enumerate(adapter.layers):
        if "attentions" in asked:
            attention = adapter.attention(i)
            if adapter.family is COURSE:  # it builds the weights only when asked
                yield attention.register_forward_pre_hook(
                    lambda _, args, kwargs: (args, {**kwargs, "need_weights": True}),
                    with_kwargs=True,
                )
            yield attention.register_forward_hook(
                lambda _, args, result: kept["attentions"].append(result[1])
            )
        if "head_outputs" in asked:
            yield _on_heads(adapter, i, kept["head_outputs"])
        if "hidden_states" in asked:
            yield layer.register_forward_hook(
                lambda _, args, result: kept["hidden_states"].append(
                    result[0] if isinstance(result, tuple) else result
                )
            )
    if "hidden_states" in asked and adapter.final_norm is not None:

        def replace_last(module, args, result):  # as transformers counts: after the norm
            kept["hidden_states"][-1] = result

        yield adapter.final_norm.register_forward_hook(replace_last)


def _on_embeddings(adapter, states, gradients):
    """Keep what enters the first layer; with gradients, as the leaf of the graph.

    So a frozen model has gradients too, and none are computed below the layers.
    """

    def hook(module, args, kwargs):
        entering = args[0] if args else kwargs["hidden_states"]
        if gradients:
            entering = entering.detach().requires_grad_()
        states.append(entering)
        if args:
            return (entering, *args[1:]), kwargs
        return args, {**kwargs, "hidden_states": entering}

    return adapter.layers[0].register_forward_pre_hook(hook, with_kwargs=True)


def _on_heads(adapter, layer, outputs):
    """Keep what enters W_O, a head apart from the other: [B, T, H, D].

    The heads that are kept are those that W_O reads, so that its gradient reaches them.
    """

    def hook(module, args):
        outputs.append(args[0].unflatten(-1, (-1, adapter.head_size)))
        return (outputs[-1].flatten(-2), *args[1:])

    return adapter.output(layer).register_forward_pre_hook(hook)


def _one_number(value):
    """The loss, if it is one that has a gradient."""
    if not isinstance(value, torch.Tensor) or value.numel() != 1:
        what = list(value.shape) if isinstance(value, torch.Tensor) else repr(value)
        raise HeadError(f"the loss must return a tensor of one number, not {what}")
    if not value.requires_grad:
        raise HeadError("the loss does not depend on the model: its gradient is undefined")
    return value.reshape(())


def _gradients(value, kept, asked):
    """The gradients of the loss for every tensor that was kept, as an `Inside`.

    What the loss does not depend on, such as the other tokens' last states where only
    [CLS] is read, has a gradient of zero.
    """
    tensors = [tensor for name in asked for tensor in kept[name]]
    found = iter(torch.autograd.grad(value, tensors, materialize_grads=True))
    return Inside(**{
        name: tuple(next(found) for _ in kept[name]) if name in asked else None
        for name in kept
    })  # fmt: skip
