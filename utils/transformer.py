"""The Transformer of "Attention Is All You Need", one class for each box of Figure 1.

Letters of the shapes: B sentences, L positions (Ls of the source, Lt of the target),
d = hidden_size, V = vocab_size. Masks are boolean, True = may be looked at.

Source: Vaswani et al. 2017, section 3.
Taught in: chapter 2.
"""

from contextlib import contextmanager
from dataclasses import dataclass

import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn

from utils.attention import (
    MultiHeadAttention,
    causal_mask,
    check_heads,
    padding_mask,
    sinusoidal_positions,
)
from utils.inputs import require_ids

ACTIVATIONS = {"relu": F.relu, "gelu": F.gelu}


@dataclass(frozen=True)
class TransformerConfig:
    """The sizes and choices of a Transformer; the defaults are the paper's base model.

    norm_first: LayerNorm before each sublayer (pre-norm) instead of after the sum;
    final_norm: one more LayerNorm on top of each stack, which pre-norm needs and the
    paper does not have; positions: "sinusoidal", or None for a bag of words.

    Raises ValueError for sizes that make no model.
    Source: Vaswani et al. 2017, table 3, row "base".
    Taught in: chapter 2, section "The base model".
    """

    vocab_size: int
    hidden_size: int = 512
    num_hidden_layers: int = 6
    num_attention_heads: int = 8
    intermediate_size: int = 2048
    dropout: float = 0.1
    max_length: int = 512
    pad_id: int = 0
    bos_id: int = 1
    eos_id: int = 2
    norm_first: bool = False
    activation: str = "relu"
    layer_norm_eps: float = 1e-5
    final_norm: bool = False
    positions: str | None = "sinusoidal"

    def __post_init__(self):
        for name in (
            "vocab_size",
            "hidden_size",
            "num_hidden_layers",
            "num_attention_heads",
            "intermediate_size",
            "max_length",
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, not {getattr(self, name)}")
        check_heads(self.hidden_size, self.num_attention_heads)
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is a probability below 1, not {self.dropout}")
        if self.activation not in ACTIVATIONS:
            raise ValueError(
                f"activation must be one of {list(ACTIVATIONS)}, "
                f"not {self.activation!r}"
            )
        if self.positions not in ("sinusoidal", None):
            raise ValueError(
                f'positions must be "sinusoidal" or None, not {self.positions!r}'
            )
        special = (self.pad_id, self.bos_id, self.eos_id)
        if len(set(special)) < 3 or not all(0 <= i < self.vocab_size for i in special):
            raise ValueError(
                f"pad_id, bos_id and eos_id must be three different ids below "
                f"vocab_size ({self.vocab_size}), not {special}"
            )


# ------------------------------------------------------- the parts of one layer
def layer_norm(hidden_states, weight, bias, eps=1e-5, *, fused=False):
    """Give each vector mean 0 and variance 1, then a learned scale and shift.

    (x - mean) / √(variance + eps) * weight + bias, over the last dimension. The
    variance divides by d, not by d - 1, and eps is inside the root.

    hidden_states [..., d], weight [d], bias [d]; fused: call PyTorch's fused kernel,
    which does the same in one pass, several times faster. Returns [..., d].
    Source: Ba, Kiros and Hinton 2016, "Layer Normalization", equation 4.
    Taught in: chapter 2, section "Add and norm".
    """
    if fused:
        return F.layer_norm(hidden_states, weight.shape, weight, bias, eps)
    centred = hidden_states - hidden_states.mean(-1, keepdim=True)
    variance = centred.square().mean(-1, keepdim=True)  # [..., 1]
    return centred * (variance + eps).rsqrt() * weight + bias


class LayerNorm(nn.Module):
    """layer_norm with its weight (ones at first) and its bias (zeros at first).

    `fused` is a switch of the class: LayerNorm.fused = False makes every LayerNorm
    compute the formula as layer_norm writes it.

    Source: Ba, Kiros and Hinton 2016, "Layer Normalization", equation 4.
    Taught in: chapter 2, section "Add and norm".
    """

    fused = True

    def __init__(self, hidden_size, eps=1e-5):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(hidden_size))
        self.bias = nn.Parameter(torch.zeros(hidden_size))
        self.eps = eps

    def forward(self, hidden_states):
        """[..., d] -> [..., d]."""
        return layer_norm(
            hidden_states, self.weight, self.bias, self.eps, fused=self.fused
        )


class AddNorm(nn.Module):
    """The residual connection around a sublayer, with its dropout and LayerNorm.

    Post-norm, the paper's: LayerNorm(x + Dropout(sublayer(x))).
    Pre-norm, norm_first:   x + Dropout(sublayer(LayerNorm(x))).

    Source: Vaswani et al. 2017, sections 3.1 and 5.4; Xiong et al. 2020, "On Layer
    Normalization in the Transformer Architecture", for pre-norm.
    Taught in: chapter 2, section "Add and norm".
    """

    def __init__(self, config):
        super().__init__()
        self.norm_first = config.norm_first
        self.norm = LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, hidden_states, sublayer):
        """hidden_states [B, L, d]; sublayer: a function from [B, L, d] to [B, L, d]."""
        if self.norm_first:
            return hidden_states + self.dropout(sublayer(self.norm(hidden_states)))
        return self.norm(hidden_states + self.dropout(sublayer(hidden_states)))


class FeedForward(nn.Module):
    """FFN(x) = max(0, x W_1 + b_1) W_2 + b_2, the same at every position.

    Source: Vaswani et al. 2017, section 3.3, equation 2 (BERT has GELU for max(0, .)).
    Taught in: chapter 2, section "The feed-forward layer".
    """

    def __init__(self, config):
        super().__init__()
        self.expand = nn.Linear(config.hidden_size, config.intermediate_size)
        self.contract = nn.Linear(config.intermediate_size, config.hidden_size)
        self.activation = ACTIVATIONS[config.activation]

    def forward(self, hidden_states):
        """[B, L, d] -> [B, L, intermediate_size] -> [B, L, d]."""
        return self.contract(self.activation(self.expand(hidden_states)))


# ---------------------------------------------------------- layers and stacks
class EncoderLayer(nn.Module):
    """Two sublayers: the words look at one another, then each is transformed alone.

    Source: Vaswani et al. 2017, section 3.1 "Encoder".
    Taught in: chapter 2, section "The encoder".
    """

    def __init__(self, config):
        super().__init__()
        self.attention = MultiHeadAttention(
            config.hidden_size, config.num_attention_heads, config.dropout
        )
        self.feed_forward = FeedForward(config)
        self.attention_residual = AddNorm(config)
        self.feed_forward_residual = AddNorm(config)

    def forward(self, hidden_states, attention_mask=None):
        """hidden_states [B, L, d] -> [B, L, d]; attention_mask to [B, H, L, L].

        Raises what `MultiHeadAttention.forward` raises for a mask that does not fit.
        """

        def attend(x):
            return self.attention(x, attention_mask=attention_mask)[0]

        hidden_states = self.attention_residual(hidden_states, attend)
        return self.feed_forward_residual(hidden_states, self.feed_forward)


class DecoderLayer(nn.Module):
    """Three sublayers: look back at the target, look at the source, transform.

    Source: Vaswani et al. 2017, section 3.1 "Decoder".
    Taught in: chapter 2, section "The decoder".
    """

    def __init__(self, config):
        super().__init__()
        sizes = config.hidden_size, config.num_attention_heads, config.dropout
        self.attention = MultiHeadAttention(*sizes)
        self.cross_attention = MultiHeadAttention(*sizes)
        self.feed_forward = FeedForward(config)
        self.attention_residual = AddNorm(config)
        self.cross_attention_residual = AddNorm(config)
        self.feed_forward_residual = AddNorm(config)

    def forward(self, hidden_states, memory, attention_mask=None, memory_mask=None):
        """hidden_states [B, Lt, d], memory [B, Ls, d] (the encoder's) -> [B, Lt, d].

        attention_mask broadcasts to [B, H, Lt, Lt], memory_mask to [B, H, Lt, Ls].
        Raises what `MultiHeadAttention.forward` raises for a mask that does not fit.
        """

        def attend(x):
            return self.attention(x, attention_mask=attention_mask)[0]

        def attend_to_memory(x):  # the queries are the target's; keys and values, not
            return self.cross_attention(x, memory, memory_mask)[0]

        hidden_states = self.attention_residual(hidden_states, attend)
        hidden_states = self.cross_attention_residual(hidden_states, attend_to_memory)
        return self.feed_forward_residual(hidden_states, self.feed_forward)


class Encoder(nn.Module):
    """A stack of encoder layers, each reading the one below.

    Source: Vaswani et al. 2017, section 3.1 "Encoder"; no final LayerNorm unless
    config.final_norm, which nn.Transformer adds and the paper does not have.
    Taught in: chapter 2, section "The encoder".
    """

    def __init__(self, config):
        super().__init__()
        self.layers = nn.ModuleList(
            EncoderLayer(config) for _ in range(config.num_hidden_layers)
        )
        self.norm = final_norm(config)

    def forward(self, hidden_states, attention_mask=None):
        """hidden_states [B, L, d] -> [B, L, d]; attention_mask to [B, H, L, L].

        Raises what `MultiHeadAttention.forward` raises for a mask that does not fit.
        """
        for layer in self.layers:
            hidden_states = layer(hidden_states, attention_mask)
        return self.norm(hidden_states)


class Decoder(nn.Module):
    """A stack of decoder layers; each looks at the last encoder layer's output.

    Source: Vaswani et al. 2017, section 3.1 "Decoder".
    Taught in: chapter 2, section "The decoder".
    """

    def __init__(self, config):
        super().__init__()
        self.layers = nn.ModuleList(
            DecoderLayer(config) for _ in range(config.num_hidden_layers)
        )
        self.norm = final_norm(config)

    def forward(self, hidden_states, memory, attention_mask=None, memory_mask=None):
        """hidden_states [B, Lt, d], memory [B, Ls, d] -> [B, Lt, d].

        Raises what `DecoderLayer.forward` raises.
        """
        for layer in self.layers:
            hidden_states = layer(hidden_states, memory, attention_mask, memory_mask)
        return self.norm(hidden_states)


def final_norm(config):
    """The LayerNorm on top of a stack, or nothing where the config has none."""
    if config.final_norm:
        return LayerNorm(config.hidden_size, config.layer_norm_eps)
    return nn.Identity()


# ------------------------------------------------------------ the whole model
class Embeddings(nn.Module):
    """Token ids to vectors: embedding * √d + position, then dropout.

    The embedding is drawn with a spread of 1 / √d, so that the same matrix serves as
    output projection; times √d it weighs as much as the positions added to it.

    Source: Vaswani et al. 2017, sections 3.4, 3.5 and 5.4.
    Taught in: chapter 2, section "Adding position to meaning".
    """

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.word = nn.Embedding(config.vocab_size, config.hidden_size)
        self.dropout = nn.Dropout(config.dropout)
        if config.positions == "sinusoidal":
            positions = sinusoidal_positions(config.max_length, config.hidden_size)
            # A constant, not a parameter: it moves with the model, unsaved, untrained.
            self.register_buffer("positions", positions, persistent=False)

    def forward(self, input_ids):
        """Integers [B, L] -> [B, L, d].

        Raises ValueError where input_ids is not [B, L] or longer than max_length,
        TypeError where it does not hold integers, IndexError for an id that the
        vocabulary does not have.
        """
        check_ids(input_ids, "input_ids", self.config)
        vectors = self.word(input_ids) * self.config.hidden_size**0.5  # [B, L, d]
        if self.config.positions == "sinusoidal":
            vectors = vectors + self.positions[: input_ids.size(1)]
        return self.dropout(vectors)


class Transformer(nn.Module):
    """Figure 1 of the paper: an encoder, a decoder, one embedding for three places.

    The source, the target and the output projection share one embedding matrix.

    Source: Vaswani et al. 2017, figure 1 and section 3.4.
    Taught in: chapter 2, section "The whole model".
    """

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embeddings = Embeddings(config)
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.apply(initialise)

    def encode(self, source_ids):
        """Integers [B, Ls] -> memory [B, Ls, d].

        Raises what `Embeddings.forward` raises.
        """
        mask = padding_mask(source_ids, self.config.pad_id)
        return self.encoder(self.embeddings(source_ids), mask)

    def decode(self, target_ids, memory, source_ids):
        """Integers [B, Lt], memory [B, Ls, d] -> hidden states [B, Lt, d].

        source_ids [B, Ls] says which positions of the memory are padding.
        Raises what `Embeddings.forward` and `MultiHeadAttention.forward` raise.
        """
        seen = padding_mask(target_ids, self.config.pad_id)  # [B, 1, 1, Lt]
        seen = seen & causal_mask(target_ids.size(1), target_ids.device)
        memory_mask = padding_mask(source_ids, self.config.pad_id)
        return self.decoder(self.embeddings(target_ids), memory, seen, memory_mask)

    def project(self, hidden_states):
        """[..., d] -> logits [..., V]: how well each word's embedding fits."""
        return F.linear(hidden_states, self.embeddings.word.weight)

    def forward(self, source_ids, target_ids):
        """Integers [B, Ls] and [B, Lt] -> logits [B, Lt, V] of each next token.

        Raises what `Transformer.encode` and `Transformer.decode` raise.
        """
        memory = self.encode(source_ids)
        return self.project(self.decode(target_ids, memory, source_ids))


def initialise(module):
    """Draw a module's first weights; `model.apply(initialise)` does all of them.

    Linear layers: Glorot uniform, biases 0. Embeddings: normal, spread 1 / √d.
    Source: Glorot and Bengio 2010, equation 16; Vaswani et al. 2017, section 3.4.
    Taught in: chapter 2, section "Adding position to meaning".
    """
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)
    if isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=module.embedding_dim**-0.5)


def check_ids(ids, name, config):
    """Raise a clear error unless ids are integers [B, L], no longer than the model."""
    require_ids(ids, name)
    if ids.size(1) > config.max_length:
        raise ValueError(
            f"{name} has {ids.size(1)} positions; this model has {config.max_length} "
            f"(max_length)"
        )


# ------------------------------------------------------------------- decoding
def greedy_decode(model, source_ids, max_length):
    """Write the most likely next token, again and again, until the end token.

    source_ids: integers [B, Ls]. Returns integers [B, L], L <= max_length: without the
    begin token, with the end token, then padding; a row may lack the end token where
    max_length cut it. The model runs in eval mode and comes back as it was.

    Raises ValueError for max_length below 1 or above the model's, or source_ids not
    [B, Ls] or empty; TypeError for source_ids not integers; IndexError for an id that the
    vocabulary does not have.
    Taught in: chapter 2, section "Decoding".
    """
    check_decoding(model, source_ids, max_length)
    config = model.config
    with inference(model):
        memory = model.encode(source_ids)
        target = torch.full_like(source_ids[:, :1], config.bos_id)  # [B, 1]
        finished = torch.zeros_like(source_ids[:, 0], dtype=torch.bool)  # [B]
        for _ in range(max_length):
            log_probs = next_log_probs(model, target, memory, source_ids)  # [B, V]
            token = log_probs.argmax(-1).masked_fill(finished, config.pad_id)
            target = torch.cat([target, token[:, None]], dim=1)
            finished = finished | (token == config.eos_id)
            if finished.all():
                break
    return target[:, 1:]


def beam_decode(model, source_ids, max_length, num_beams=4, length_penalty=0.6):
    """Keep the num_beams best beginnings at each step; return the best whole one.

    A hypothesis scores log P / ((5 + length) / 6) ** length_penalty; 0 compares plain
    log-probabilities, larger favours longer outputs. A finished one keeps its place
    until num_beams better ones push it out. Returns integers [B, L], as greedy_decode
    does, and with num_beams=1 the same ones. More beams mostly find a likelier output,
    but only as many beams as hypotheses make that certain.

    Raises what greedy_decode raises, and ValueError for num_beams below 1.
    Source: Wu et al. 2016, "Google's Neural Machine Translation System", equation 14;
    Vaswani et al. 2017, section 6.1 (4 beams, penalty 0.6).
    Taught in: chapter 2, section "Decoding".
    """
    check_decoding(model, source_ids, max_length, num_beams)
    config, shape = model.config, (len(source_ids), num_beams)  # [B, K]
    source = source_ids.repeat_interleave(num_beams, dim=0)  # [B * K, Ls]
    target = source_ids.new_full((*shape, 1), config.bos_id)  # [B, K, Lt]
    # One beginning is alive: K equal ones would stay equal for ever.
    log_p = torch.full(shape, -torch.inf, device=source.device)
    log_p[:, 0] = 0.0
    with inference(model):
        memory = model.encode(source_ids).repeat_interleave(num_beams, dim=0)
        for _ in range(max_length):
            step = next_log_probs(model, target.flatten(0, 1), memory, source)
            step = step.view(*shape, -1)  # [B, K, V]
            ended = (target == config.eos_id).any(-1)  # [B, K]
            step = torch.where(ended[..., None], only(config.pad_id, step), step)
            total = log_p[..., None] + step
            # Words of the longer hypothesis: `target` holds the begin token as well.
            length = (target != config.pad_id).sum(-1) - ended.long()
            score = total / ((5 + length) / 6)[..., None] ** length_penalty
            best = score.flatten(1).topk(num_beams).indices  # [B, K], each in K * V
            beam, token = best // config.vocab_size, best % config.vocab_size
            log_p = total.flatten(1).gather(1, best)
            target = target.gather(1, beam[..., None].expand_as(target))
            target = torch.cat([target, token[..., None]], dim=-1)
            if (target == config.eos_id).any(-1).all():
                break
    best = target[:, 0, 1:]  # topk sorts: the best beam comes first
    return best[:, : (best != config.pad_id).sum(-1).max()]


def next_log_probs(model, target_ids, memory, source_ids):
    """log P of each token that may follow target_ids [B, Lt]: [B, V].

    Padding and the begin token are no words: their probability is set to 0.
    """
    hidden_states = model.decode(target_ids, memory, source_ids)[:, -1]  # [B, d]
    logits = model.project(hidden_states)
    logits[:, [model.config.pad_id, model.config.bos_id]] = -torch.inf
    return logits.log_softmax(-1)


def only(token, log_probs):
    """log P of the same shape where `token` is certain: what a finished one says."""
    certain = torch.full_like(log_probs, -torch.inf)
    certain[..., token] = 0.0
    return certain


@contextmanager
def inference(model, gradients=False):
    """No dropout inside the block, nor gradients unless asked; then all is as before."""
    training = model.training
    model.eval()
    try:
        with torch.set_grad_enabled(gradients):
            yield
    finally:
        model.train(training)


def check_decoding(model, source_ids, max_length, num_beams=1):
    """Raise a clear error for arguments that cannot be decoded."""
    check_ids(source_ids, "source_ids", model.config)
    if not source_ids.numel():
        raise ValueError(
            f"source_ids holds no tokens: its shape is {list(source_ids.shape)}"
        )
    if not 1 <= max_length <= model.config.max_length:
        raise ValueError(
            f"max_length must be from 1 to the model's {model.config.max_length}, "
            f"not {max_length}"
        )
    if num_beams < 1:
        raise ValueError(f"num_beams must be 1 or more, not {num_beams}")


# --------------------------------------------------------------------- sizes
def count_parameters(module):
    """How many numbers a module learns (a shared one counts once)."""
    return sum(parameter.numel() for parameter in module.parameters())


def parameter_ledger(config):
    """Where the parameters are: each part by its formula and by counting the model.

    Letters: V vocab_size, d hidden_size, f intermediate_size. The model is made on
    the meta device, which has shapes and no numbers, so that no memory is needed.
    Returns a DataFrame with the columns module, copies, formula (of one copy),
    parameters (copies * formula) and counted; the last row is the total.
    Source: Vaswani et al. 2017, table 3.
    Taught in: chapter 2, section "The base model".
    """
    with torch.device("meta"):
        model = Transformer(config)
    layers, top = config.num_hidden_layers, int(config.final_norm)
    attention, feed_forward = "4 * (d * d + d)", "2 * d * f + f + d"
    rows = [
        ("shared embedding", 1, "V * d", model.embeddings, nn.Embedding),
        ("encoder attention", layers, attention, model.encoder, MultiHeadAttention),
        ("encoder feed-forward", layers, feed_forward, model.encoder, FeedForward),
        ("encoder LayerNorm", 2 * layers + top, "2 * d", model.encoder, LayerNorm),
        ("decoder attention", 2 * layers, attention, model.decoder, MultiHeadAttention),
        ("decoder feed-forward", layers, feed_forward, model.decoder, FeedForward),
        ("decoder LayerNorm", 3 * layers + top, "2 * d", model.decoder, LayerNorm),
    ]
    letters = {
        "V": config.vocab_size,
        "d": config.hidden_size,
        "f": config.intermediate_size,
    }
    ledger = []
    for name, copies, formula, part, kind in rows:
        one = eval(formula, {}, letters)  # the formula shown is the one computed
        counted = sum(count_parameters(m) for m in part.modules() if type(m) is kind)
        ledger.append((name, copies, formula, copies * one, counted))
    by_formula = sum(row[3] for row in ledger)
    ledger.append(("total", 1, "", by_formula, count_parameters(model)))
    return pd.DataFrame(
        ledger, columns=["module", "copies", "formula", "parameters", "counted"]
    )
