"""A task that shows attention at work: write a sequence of digits backwards.

Taught in: chapter 2, section "A task that shows the algorithm".
"""

import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn

from utils.attention import padding_mask, record_attention
from utils.inputs import require_tensor
from utils.transformer import (
    Embeddings,
    Encoder,
    Transformer,
    TransformerConfig,
    inference,
    initialise,
)

SPECIALS = 3  # ids 0, 1 and 2 are padding, begin and end; digit n has the id n + 3


def reversal_batch(batch_size, length, vocab_size, generator):
    """Random sequences and the same ones backwards: two integer tensors [B, L].

    The ids are from 3 to vocab_size - 1; 0, 1 and 2 are the special tokens.
    Raises ValueError where vocab_size leaves fewer than two digits.
    Taught in: chapter 2, section "A task that shows the algorithm".
    """
    if vocab_size < SPECIALS + 2:
        raise ValueError(f"vocab_size must be {SPECIALS + 2} or more, not {vocab_size}")
    shape = (batch_size, length)
    source = torch.randint(SPECIALS, vocab_size, shape, generator=generator)
    return source, source.flip(1)


class Tagger(nn.Module):
    """An encoder that says one token for each position: embed, encode, project.

    Taught in: chapter 2, section "Training".
    """

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embeddings = Embeddings(config)
        self.encoder = Encoder(config)
        self.output = nn.Linear(config.hidden_size, config.vocab_size)
        self.apply(initialise)

    def forward(self, input_ids):
        """Integers [B, L] -> logits [B, L, V].

        Raises what `Embeddings.forward` raises.
        """
        mask = padding_mask(input_ids, self.config.pad_id)
        return self.output(self.encoder(self.embeddings(input_ids), mask))


def train(model, make_batch, steps, learning_rate, log_every):
    """Adam on fresh batches, the rate rising for a tenth of the steps, then falling.

    make_batch() -> (inputs, labels): model(*inputs) gives logits [B, L, V] for the
    labels [B, L]. Returns the log, a DataFrame with the columns step, loss and
    accuracy (of the tokens of that step's batch, before the model learned from it).
    The model is left in eval mode.
    Taught in: chapter 2, section "Training".
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda done: min(10 * (done + 1) / steps, 1 - done / steps)
    )
    log = []
    model.train()
    for step in range(1, steps + 1):
        inputs, labels = make_batch()
        logits = model(*inputs)
        loss = F.cross_entropy(logits.flatten(0, 1), labels.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step == 1 or step % log_every == 0:
            accuracy = (logits.argmax(-1) == labels).double().mean().item()
            log.append((step, loss.item(), accuracy))
    model.eval()
    return pd.DataFrame(log, columns=["step", "loss", "accuracy"])


def teacher_forcing(labels, config):
    """What the decoder reads and what it must say: [B, L] -> two of [B, L + 1].

    It reads the right answer, one step late: begin, a, b, c for a, b, c, end.
    Raises TypeError for labels that are no tensor, ValueError for another shape.
    Taught in: chapter 2, section "Training".
    """
    require_tensor(labels, "labels", dimensions=2)
    begin = torch.full_like(labels[:, :1], config.bos_id)
    end = torch.full_like(labels[:, :1], config.eos_id)
    return torch.cat([begin, labels], dim=1), torch.cat([labels, end], dim=1)


def train_reversal(
    architecture=Tagger,
    *,
    positions="sinusoidal",
    steps=500,
    length=16,
    digits=10,
    batch_size=64,
    learning_rate=0.01,
    log_every=50,
    seed=2026,
):
    """Train one layer with one head, 32 wide, to write `length` digits backwards.

    architecture: Tagger (an encoder alone) or Transformer (encoder and decoder);
    positions: "sinusoidal", or None to see the task fail without them.
    Returns the log of `train` and the model. The same seed gives the same numbers,
    and the global random state is left as it was.
    Raises ValueError for another architecture.
    Taught in: chapter 2, section "Training".
    """
    if architecture not in (Tagger, Transformer):
        raise ValueError(f"architecture is Tagger or Transformer, not {architecture}")
    config = TransformerConfig(
        vocab_size=SPECIALS + digits,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=64,
        dropout=0.0,
        max_length=length + 2,
        positions=positions,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = architecture(config)
    generator = torch.Generator().manual_seed(seed)

    def make_batch():
        source, labels = reversal_batch(
            batch_size, length, config.vocab_size, generator
        )
        if architecture is Tagger:
            return (source,), labels
        target, labels = teacher_forcing(labels, config)
        return (source, target), labels

    return train(model, make_batch, steps, learning_rate, log_every), model


def average_attention(model, *inputs):
    """What each attention of the model looks at, averaged over sentences and heads.

    inputs: what the model is called with. Returns a dict from the name of each
    attention ("encoder.layers.0.attention") to its mean weights [Lq, Lk].
    Raises what the model raises, such as `Tagger.forward`.
    Taught in: chapter 2, section "What attention looks at".
    """
    with inference(model), record_attention(model) as maps:
        model(*inputs)
    return {name: weights.mean(dim=(0, 1)) for name, weights in maps.items()}
