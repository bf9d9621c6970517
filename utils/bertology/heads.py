"""Where the heads of a model are: one description for each family of models.

Letters of the shapes: B sentences, T tokens, L layers, H heads of a layer, D numbers of
a head, d = hidden_size = H * D. Layers and heads count from 0; the papers count from 1,
so their "head 3-1" is `[2, 0]` here, and `paper_name(2, 0)` says so.

Source: the forward passes of `transformers` 5 (bert, roberta, distilbert, gpt2) and of
`utils.attention.MultiHeadAttention`.
Taught in: chapter 5, section "Where the heads are".
"""

from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from operator import attrgetter

import torch
import transformers

from utils import bert
from utils.inputs import require_ids, require_integers, require_tensor


class HeadError(ValueError):
    """Heads cannot be read, masked or pruned as asked; the message says why."""


@dataclass(frozen=True)
class Family:
    """The names of the parts that all the models of a family have.

    layers: of the body; the rest of a layer: attention, the module that computes the
    heads, its `projections` (W_Q, W_K, W_V; or one matrix that holds them side by side),
    and output, W_O. num_heads and widths: the attributes of the attention that say how
    many heads there are, and how wide they are together.
    """

    layers: str
    attention: str
    projections: tuple[str, ...]
    output: str
    num_heads: str
    widths: tuple[str, ...] = ()
    final_norm: str = ""


BERT = Family(
    "encoder.layer", "attention.self", ("query", "key", "value"),
    "attention.output.dense", "num_attention_heads", ("all_head_size",),
)  # fmt: skip
FAMILIES = {
    "bert": BERT,
    "roberta": BERT,
    "distilbert": Family(
        "transformer.layer", "attention", ("q_lin", "k_lin", "v_lin"),
        "attention.out_lin", "n_heads", ("dim",),
    ),
    "gpt2": Family(
        "h", "attn", ("c_attn",), "attn.c_proj", "num_heads",
        ("split_size", "embed_dim"), "ln_f",
    ),
}  # fmt: skip
COURSE = Family(
    "encoder.layers", "attention", ("query", "key", "value"), "attention.output",
    "num_attention_heads", (), "encoder.norm",
)  # fmt: skip


class HeadAdapter:
    """The heads of one model, by layer, whatever family it is of.

    num_layers, num_heads, head_size: as the model was made, L, H and D; layers: its L
    modules. What was pruned since is in `pruned`, layer -> heads, and `kept(layer)` are
    the others: every head keeps the number that it was born with.

    Taught in: chapter 5, section "Where the heads are".
    """

    def __init__(self, model, base, family):
        self.model, self.base, self.family = model, base, family
        self.layers = list(attrgetter(family.layers)(base))
        self.num_layers = len(self.layers)
        self.num_heads = base.config.num_attention_heads
        self.hidden_size = base.config.hidden_size
        self.head_size = self.hidden_size // self.num_heads

    @classmethod
    def for_model(cls, model):
        """The adapter of a model, with or without a task head.

        Raises HeadError for a model of another family, naming those that are known, and
        for one with cross-attention.
        Taught in: chapter 5, section "Where the heads are".
        """
        own = getattr(model, "bert", model)
        if isinstance(own, bert.Bert):
            return cls(model, own, COURSE)
        kind = getattr(getattr(model, "config", None), "model_type", None)
        if not isinstance(model, transformers.PreTrainedModel) or kind not in FAMILIES:
            raise HeadError(
                f"{type(model).__name__} is none of the models whose heads are known here: "
                f"{', '.join(FAMILIES)} of transformers, and the course's own BERT"
            )
        if getattr(model.config, "add_cross_attention", False):
            raise HeadError(
                f"{type(model).__name__} has cross-attention: which of its two attentions "
                f"a head mask is for would be unclear"
            )
        return cls(model, model.base_model, FAMILIES[kind])

    def attention(self, layer):
        """The module that computes the heads of a layer."""
        return attrgetter(self.family.attention)(self.layers[layer])

    def projections(self, layer):
        """W_Q, W_K and W_V of a layer; one matrix [W_Q; W_K; W_V] for GPT-2."""
        return [getattr(self.attention(layer), name) for name in self.family.projections]

    def output(self, layer):
        """W_O of a layer: it reads the heads side by side, [B, T, H * D]."""
        return attrgetter(self.family.output)(self.layers[layer])

    @property
    def final_norm(self):
        """The LayerNorm on top of the stack, None where the layers end with their own."""
        name = self.family.final_norm
        return attrgetter(name)(self.base) if name else None

    @property
    def pruned(self):
        """layer -> the heads that were pruned from it, sorted."""
        return getattr(self.base, "pruned_heads", {})

    def kept(self, layer):
        """The heads that a layer still has, by their first numbers, sorted."""
        gone = self.pruned.get(layer, ())
        return [head for head in range(self.num_heads) if head not in gone]

    def check_whole(self, what):
        """Raise HeadError where heads were pruned and `what` needs all of them."""
        if any(self.pruned.values()):
            counts = ", ".join(str(len(self.kept(i))) for i in range(self.num_layers))
            raise HeadError(
                f"{what} needs the same heads in every layer, and this model was pruned: "
                f"its layers have {counts} heads"
            )


def call(model, inputs):
    """model(**inputs), refusing the `head_mask` that transformers 5 ignores.

    Raises what `check_inputs` raises, and IndexError for an id without an embedding.
    """
    check_inputs(inputs)
    return model(**inputs)


def check_inputs(inputs):
    """Raise HeadError for a head_mask, and for what is no dict of ids and masks [B, T].

    Shapes and types are looked at, and no number: a training may come by here.
    """
    if not hasattr(inputs, "keys"):
        raise HeadError(
            f"the inputs are a dict of the model's arguments (input_ids, "
            f"attention_mask, ...), not {type(inputs).__name__}"
        )
    if "head_mask" in inputs:
        raise HeadError(NO_HEAD_MASK)
    if "inputs_embeds" in inputs:  # vectors in the place of ids: the model knows
        return
    try:
        ids = require_ids(inputs.get("input_ids"), "input_ids")
        if not ids.numel():
            raise ValueError(f"input_ids {list(ids.shape)} holds no token")
        for name in ("attention_mask", "token_type_ids"):
            if inputs.get(name) is not None:
                require_tensor(inputs[name], name, shape=ids.shape)
        if inputs.get("token_type_ids") is not None:
            require_integers(inputs["token_type_ids"], "token_type_ids")
    except (TypeError, ValueError) as error:
        raise HeadError(str(error)) from None


def as_tensor(value, name, device=None):
    """A tensor of numbers, or of lists of them; HeadError for anything else."""
    try:
        return torch.as_tensor(value, device=device)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise HeadError(f"{name} must be a tensor or lists of numbers: {error}") from None


NO_HEAD_MASK = (
    "head_mask was given: transformers 5 accepts it and ignores it, so that no head would "
    "be masked. Use `with mask_heads(model, head_mask): model(...)`"
)


def paper_name(layer, head):
    """The name that papers give a head, counting both from 1: paper_name(2, 0) = "3-1"."""
    return f"{layer + 1}-{head + 1}"


@contextmanager
def hooked(handles):
    """Remove hooks at the end of the block, however it ends.

    handles: an iterable that registers a hook for each handle that it yields; where one
    cannot be registered, those before it go as well.
    """
    placed = []
    try:
        for handle in handles:
            placed.append(handle)
        yield
    finally:
        for handle in placed:
            handle.remove()


def eager(model):
    """A context in which a model of transformers computes its attention weights.

    The fused kernels that are the default never build them. The implementation is what
    it was when the block ends.
    """
    if isinstance(model, transformers.PreTrainedModel):
        return _eager(model)
    return nullcontext()


@contextmanager
def _eager(model):
    before = model.config._attn_implementation
    model.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.set_attn_implementation(before)
