"""BERT: chapter 2's encoder, with learned positions, segments, and heads to train it.

Letters of the shapes: B sentences, L positions, d = hidden_size, V = vocab_size,
N positions with a label, K = num_labels.

Source: Devlin et al. 2019, "BERT: Pre-training of Deep Bidirectional Transformers for
Language Understanding" (arXiv 1810.04805).
Taught in: chapter 3.
"""

import re
from dataclasses import dataclass, replace
from typing import NamedTuple

import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn

from utils import sources
from utils.attention import MultiHeadAttention, check_heads, padding_mask
from utils.inputs import require_tensor
from utils.pretraining_tasks import IGNORED
from utils.transformer import (
    ACTIVATIONS,
    Encoder,
    FeedForward,
    LayerNorm,
    check_ids,
    count_parameters,
)


# -------------------------------------------------------------- configurations
@dataclass(frozen=True)
class BertConfig:
    """The sizes and choices of a BERT; the defaults are BERT-base, uncased.

    type_vocab_size: the number of segments, 0 for no segment embeddings;
    pooler: whether there is a dense layer over [CLS]; dropout: one probability for
    the attention weights, the sums and the classifier; num_labels: of a classifier.

    Raises ValueError for sizes that make no model.
    Source: Devlin et al. 2019, section 3 and appendix A.2.
    Taught in: chapter 3, section "BERT from parts".
    """

    vocab_size: int = 30522
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    pooler: bool = True
    dropout: float = 0.1
    activation: str = "gelu"
    layer_norm_eps: float = 1e-12
    pad_id: int = 0
    initializer_range: float = 0.02
    norm_first: bool = False
    final_norm: bool = False
    num_labels: int = 2

    def __post_init__(self):
        least = {
            "vocab_size": 1,
            "hidden_size": 1,
            "num_hidden_layers": 1,
            "num_attention_heads": 1,
            "intermediate_size": 1,
            "max_position_embeddings": 1,
            "type_vocab_size": 0,
            "num_labels": 2,
        }
        for name, minimum in least.items():
            if getattr(self, name) < minimum:
                raise ValueError(
                    f"{name} must be {minimum} or more, not {getattr(self, name)}"
                )
        check_heads(self.hidden_size, self.num_attention_heads)
        for name in ("layer_norm_eps", "initializer_range"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is a probability below 1, not {self.dropout}")
        if self.activation not in ACTIVATIONS:
            raise ValueError(
                f"activation must be one of {list(ACTIVATIONS)}, "
                f"not {self.activation!r}"
            )
        if not 0 <= self.pad_id < self.vocab_size:
            raise ValueError(
                f"pad_id must be below vocab_size ({self.vocab_size}), "
                f"not {self.pad_id}"
            )

    @property
    def max_length(self):
        """Chapter 2's name of max_position_embeddings."""
        return self.max_position_embeddings

    @classmethod
    def from_transformers(cls, config):
        """The same choices as a transformers.BertConfig.

        Raises ValueError for another kind of model, and for a BERT that this class
        cannot be: a decoder, other positions, another activation, two dropouts.
        Taught in: chapter 3, section "The same numbers as the library".
        """
        if config.model_type != "bert":
            raise ValueError(
                f"model_type is {config.model_type!r}, not 'bert': this class computes "
                f"BERT alone (RoBERTa, say, counts its positions from pad_id + 1)"
            )
        for name, allowed in REPRESENTED.items():
            if getattr(config, name, allowed[0]) not in allowed:
                raise ValueError(
                    f"{name} is {getattr(config, name)!r}; this class can be "
                    f"{' or '.join(map(repr, allowed))}"
                )
        dropout = config.hidden_dropout_prob
        for name in ("attention_probs_dropout_prob", "classifier_dropout"):
            if getattr(config, name) not in (None, dropout):
                raise ValueError(
                    f"{name} is {getattr(config, name)} and hidden_dropout_prob "
                    f"{dropout}; this class has one dropout for both"
                )
        if config.pad_token_id is None:
            raise ValueError("pad_token_id is None; this class needs to know padding")
        return cls(
            **{name: getattr(config, name) for name in SAME_NAME},
            **{ours: getattr(config, name) for ours, name in OTHER_NAME.items()},
        )


# What a transformers.BertConfig may say for this class to be the same model.
REPRESENTED = {
    "is_decoder": (False,),
    "add_cross_attention": (False,),
    "tie_word_embeddings": (True,),
    "position_embedding_type": ("absolute",),
    "hidden_act": tuple(ACTIVATIONS),
    "problem_type": (None, "single_label_classification"),
}
SAME_NAME = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "max_position_embeddings",
    "type_vocab_size",
    "layer_norm_eps",
    "initializer_range",
    "num_labels",
)
OTHER_NAME = {
    "activation": "hidden_act",
    "dropout": "hidden_dropout_prob",
    "pad_id": "pad_token_id",
}

# RoBERTa is here for its size: it counts positions from pad_id + 1, this class from 0.
KNOWN_MODELS = {
    "bert-base-uncased": BertConfig(),
    "bert-base-cased": BertConfig(vocab_size=28996),
    "bert-large-uncased": BertConfig(
        hidden_size=1024,
        num_hidden_layers=24,
        num_attention_heads=16,
        intermediate_size=4096,
    ),
    "roberta-base": BertConfig(
        vocab_size=50265,
        max_position_embeddings=514,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        pad_id=1,
    ),
    "distilbert-base-uncased": BertConfig(
        num_hidden_layers=6, type_vocab_size=0, pooler=False
    ),
    "all-MiniLM-L6-v2": BertConfig(
        hidden_size=384, num_hidden_layers=6, intermediate_size=1536
    ),
}


# ------------------------------------------------------------------- the model
class BertEmbeddings(nn.Module):
    """Token + segment + position, all three learned; then LayerNorm and dropout.

    Unlike chapter 2's Embeddings: the positions are parameters, nothing is scaled by
    √d, and the sum is normalised.

    Source: Devlin et al. 2019, section 3 and figure 2.
    Taught in: chapter 3, section "BERT from parts".
    """

    def __init__(self, config):
        super().__init__()
        self.config = config
        d = config.hidden_size
        # padding_idx: the vector of padding is not trained by what reads it.
        self.word = nn.Embedding(config.vocab_size, d, padding_idx=config.pad_id)
        self.position = nn.Embedding(config.max_position_embeddings, d)
        self.segment = None
        if config.type_vocab_size:
            self.segment = nn.Embedding(config.type_vocab_size, d)
        self.norm = LayerNorm(d, config.layer_norm_eps)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, input_ids, token_type_ids=None):
        """Integers [B, L], and the segments [B, L] (0 unless told) -> [B, L, d].

        Raises ValueError for another shape or an id that there is not, TypeError for what
        are no integers.
        """
        check_tokens(input_ids, token_type_ids, self.config)
        vectors = self.word(input_ids)  # [B, L, d]
        if token_type_ids is not None:
            vectors = vectors + self.segment(token_type_ids)
        elif self.segment is not None:
            vectors = vectors + self.segment.weight[0]
        vectors = vectors + self.position.weight[: input_ids.size(1)]
        return self.dropout(self.norm(vectors))


class Pooler(nn.Module):
    """One vector for the sentence: the first token's, through a dense layer and tanh.

    Source: google-research/bert, modeling.py, "pooler".
    Taught in: chapter 3, section "BERT from parts".
    """

    def __init__(self, config):
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, hidden_states):
        """[B, L, d] -> [B, d]."""
        return self.dense(hidden_states[:, 0]).tanh()


class BertOutput(NamedTuple):
    """What Bert returns: the last layer [B, L, d], the pooled output [B, d] or None,
    and the embeddings and each layer's output, num_hidden_layers + 1 times [B, L, d].
    """

    last_hidden_state: torch.Tensor
    pooler_output: torch.Tensor | None
    hidden_states: tuple[torch.Tensor, ...]


class Bert(nn.Module):
    """The encoder of BERT: embeddings, chapter 2's stack of layers, pooler.

    Source: Devlin et al. 2019, section 3.
    Taught in: chapter 3, section "BERT from parts".
    """

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embeddings = BertEmbeddings(config)
        self.encoder = Encoder(config)
        self.pooler = Pooler(config) if config.pooler else None
        initialise(self, config)

    def forward(self, input_ids, attention_mask=None, token_type_ids=None):
        """Read a batch of sentences and return a BertOutput.

        input_ids: integers [B, L]; attention_mask: [B, L] of True or 1 for a token and
        False or 0 for padding (input_ids != pad_id unless told); token_type_ids:
        integers [B, L], the segment of each token (0 unless told).

        Raises ValueError for shapes that differ, an id outside its vocabulary, more
        positions than max_position_embeddings, a mask that holds other numbers or
        hides a whole sentence; TypeError for ids that are not integers, or no tensor.
        """
        hidden_states = [self.embeddings(input_ids, token_type_ids)]
        mask = visible(input_ids, attention_mask, self.config.pad_id)
        for layer in self.encoder.layers:
            hidden_states.append(layer(hidden_states[-1], mask))
        hidden_states[-1] = self.encoder.norm(hidden_states[-1])  # for pre-norm alone
        last = hidden_states[-1]
        pooled = None if self.pooler is None else self.pooler(last)
        return BertOutput(last, pooled, tuple(hidden_states))


def initialise(module, config):
    """Draw the weights as BERT does: normal with spread initializer_range, biases 0.

    LayerNorms keep their ones and zeros; the vector of padding is 0.
    Source: Devlin et al. 2019's code draws from the same normal, cut at two spreads.
    Taught in: chapter 3, section "BERT from parts".
    """
    for part in module.modules():
        if isinstance(part, (nn.Linear, nn.Embedding)):
            nn.init.normal_(part.weight, std=config.initializer_range)
        if isinstance(part, nn.Linear):
            nn.init.zeros_(part.bias)
        if isinstance(part, nn.Embedding) and part.padding_idx is not None:
            nn.init.zeros_(part.weight[part.padding_idx])


def visible(input_ids, attention_mask, pad_id):
    """The mask for attention, [B, 1, 1, L], True = token; None without any padding.

    Without a mask attention is faster, and has the same result.
    """
    if attention_mask is None:
        mask = padding_mask(input_ids, pad_id)
    else:
        check_shape(attention_mask, "attention_mask", input_ids)
        if not ((attention_mask == 0) | (attention_mask == 1)).all():
            raise ValueError(
                "attention_mask must hold 1 or True for a token and 0 or False for "
                "padding, nothing else"
            )
        mask = padding_mask(attention_mask, 0)
    if mask.all():
        return None
    blind = ~mask.flatten(1).any(-1)  # [B]
    if blind.any():
        what = "attention_mask hides" if attention_mask is not None else "padding fills"
        raise ValueError(f"{what} the whole sentence {blind.nonzero()[0].item()}")
    return mask


def check_tokens(input_ids, token_type_ids, config):
    """Raise a clear error for tokens or segments that the embeddings do not have."""
    check_ids(input_ids, "input_ids", config)
    if input_ids.numel() == 0:
        raise ValueError(f"input_ids {list(input_ids.shape)} holds no token")
    check_range(input_ids, "input_ids", config.vocab_size, "vocabulary")
    if token_type_ids is None:
        return
    if config.type_vocab_size == 0:
        raise ValueError(
            "token_type_ids were given, and this model has no segment embeddings "
            "(type_vocab_size is 0)"
        )
    check_ids(token_type_ids, "token_type_ids", config)
    check_shape(token_type_ids, "token_type_ids", input_ids)
    size = config.type_vocab_size
    check_range(token_type_ids, "token_type_ids", size, "segment embedding")


def check_shape(tensor, name, input_ids):
    """Raise ValueError unless there is one number for each token; TypeError for no tensor."""
    require_tensor(tensor, name)
    if tensor.shape != input_ids.shape:
        raise ValueError(
            f"{name} is {list(tensor.shape)} and input_ids {list(input_ids.shape)}: "
            f"one number for each token is needed"
        )


def check_range(ids, name, size, what):
    """Raise ValueError for an id that is not one of 0 ... size - 1, and say where."""
    lowest, highest = ids.aminmax()
    if lowest < 0 or highest >= size:
        place = ((ids < 0) | (ids >= size)).nonzero()[0].tolist()
        raise ValueError(
            f"{name}{place} is {ids[tuple(place)].item()}; the {what} has the ids 0 to "
            f"{size - 1}"
        )


# ------------------------------------------------------------------- the heads
class HeadOutput(NamedTuple):
    """What a model with a head returns: the loss (None without labels) and the logits.

    nsp_logits: [B, 2] of BertForPreTraining, else None.
    """

    loss: torch.Tensor | None
    logits: torch.Tensor
    nsp_logits: torch.Tensor | None = None


class MaskedLMHead(nn.Module):
    """Which token stands here? A dense layer, GELU, LayerNorm; then each token's fit.

    The last matrix is the token embedding, as in chapter 2's Transformer, with a bias
    of its own for each token.

    Source: Devlin et al. 2019, section 3.1, task 1; google-research/bert,
    run_pretraining.py, get_masked_lm_output.
    Taught in: chapter 3, section "The heads".
    """

    def __init__(self, config):
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.activation = ACTIVATIONS[config.activation]
        self.norm = LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))
        initialise(self, config)

    def forward(self, hidden_states, embedding, labels=None):
        """hidden_states [B, L, d], the token embedding [V, d] -> HeadOutput.

        Without labels: the logits [B, L, V] of every position. With labels, integers
        [B, L] that are -100 where there is nothing to predict: the logits [N, V] of the
        N other positions, row by row, and the mean of their N losses. What no label
        asks for is not computed.

        Raises ValueError for labels of another shape, outside the vocabulary, or all
        -100 (their mean would be NaN); TypeError for labels that are not integers, or no
        tensor.
        """
        if labels is not None:
            masked = check_labels(labels, hidden_states, self.bias.numel())  # [B, L]
            hidden_states, labels = hidden_states[masked], labels[masked]  # [N, d], [N]
        transformed = self.norm(self.activation(self.dense(hidden_states)))
        logits = F.linear(transformed, embedding, self.bias)
        loss = None if labels is None else F.cross_entropy(logits, labels.long())
        return HeadOutput(loss, logits)


class NextSentenceHead(nn.Linear):
    """Does the second segment follow the first? Logits of 0 (yes) and 1 (random).

    One Linear on the pooled output: [B, d] -> [B, 2].
    Source: Devlin et al. 2019, section 3.1, task 2.
    Taught in: chapter 3, section "The heads".
    """

    def __init__(self, config):
        super().__init__(config.hidden_size, 2)
        initialise(self, config)


class BertForMaskedLM(nn.Module):
    """BERT with the masked-LM head. It has no pooler, whatever the config says.

    Source: Devlin et al. 2019, section 3.1, task 1.
    Taught in: chapter 3, section "The heads".
    """

    def __init__(self, config):
        super().__init__()
        self.config = replace(config, pooler=False)
        self.bert = Bert(self.config)
        self.mlm_head = MaskedLMHead(self.config)

    def forward(
        self, input_ids, attention_mask=None, token_type_ids=None, labels=None
    ):
        """Bert's inputs and labels [B, L] -> HeadOutput; see MaskedLMHead for both.

        Raises what `Bert.forward` and `MaskedLMHead.forward` raise.
        """
        read = self.bert(input_ids, attention_mask, token_type_ids)
        embedding = self.bert.embeddings.word.weight
        return self.mlm_head(read.last_hidden_state, embedding, labels)


class BertForPreTraining(nn.Module):
    """BERT with both heads of its pre-training; the loss is the sum of the two.

    Raises ValueError for a config without pooler.
    Source: Devlin et al. 2019, section 3.1 and appendix A.2.
    Taught in: chapter 3, section "The heads".
    """

    def __init__(self, config):
        super().__init__()
        check_pooler(config, "next-sentence head")
        self.config = config
        self.bert = Bert(config)
        self.mlm_head = MaskedLMHead(config)
        self.nsp_head = NextSentenceHead(config)

    def forward(
        self,
        input_ids,
        attention_mask=None,
        token_type_ids=None,
        labels=None,
        next_sentence_labels=None,
    ):
        """Bert's inputs, labels [B, L] and next_sentence_labels [B] -> HeadOutput.

        next_sentence_labels: 0 where the second segment follows, 1 where it is random.
        The loss sums the tasks whose labels are given; see MaskedLMHead for `logits`.
        Raises what `Bert.forward` and `MaskedLMHead.forward` raise.
        """
        read = self.bert(input_ids, attention_mask, token_type_ids)
        embedding = self.bert.embeddings.word.weight
        loss, logits, _ = self.mlm_head(read.last_hidden_state, embedding, labels)
        nsp_logits = self.nsp_head(read.pooler_output)  # [B, 2]
        if next_sentence_labels is not None:
            name = "next_sentence_labels"
            nsp_loss = classification_loss(nsp_logits, next_sentence_labels, name)
            loss = nsp_loss if loss is None else loss + nsp_loss
        return HeadOutput(loss, logits, nsp_logits)


class BertForSequenceClassification(nn.Module):
    """BERT with one Linear on the pooled output, after dropout: [B, K] logits.

    Raises ValueError for a config without pooler.
    Source: Devlin et al. 2019, section 4.1.
    Taught in: chapter 3, section "The heads".
    """

    def __init__(self, config):
        super().__init__()
        check_pooler(config, "classifier")
        self.config = config
        self.bert = Bert(config)
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        initialise(self.classifier, config)

    def forward(
        self, input_ids, attention_mask=None, token_type_ids=None, labels=None
    ):
        """Bert's inputs and labels [B] from 0 to K - 1 -> HeadOutput.

        Raises what `Bert.forward` raises, and the same for labels that do not fit.
        """
        pooled = self.bert(input_ids, attention_mask, token_type_ids).pooler_output
        logits = self.classifier(self.dropout(pooled))  # [B, K]
        if labels is None:
            return HeadOutput(None, logits)
        return HeadOutput(classification_loss(logits, labels, "labels"), logits)


def classification_loss(logits, labels, name):
    """The mean cross-entropy of logits [B, K] and labels [B]."""
    require_tensor(labels, name)
    if labels.shape != logits.shape[:1]:
        raise ValueError(
            f"{name} is {list(labels.shape)}; one label for each of the "
            f"{len(logits)} sentences is needed"
        )
    check_integers(labels, name)
    check_range(labels, name, logits.size(-1), "classifier")
    return F.cross_entropy(logits, labels.long())


def check_labels(labels, hidden_states, vocab_size):
    """Where labels [B, L] ask for a token, as booleans; a clear error if none can."""
    require_tensor(labels, "labels")
    if labels.shape != hidden_states.shape[:2]:
        raise ValueError(
            f"labels is {list(labels.shape)}; one label for each of the "
            f"{list(hidden_states.shape[:2])} tokens is needed"
        )
    check_integers(labels, "labels")
    masked = labels != IGNORED
    if not masked.any():
        raise ValueError(f"every label is {IGNORED}: there is nothing to predict")
    # 0 in the place of -100, so that an error names the place in `labels`.
    check_range(labels.where(masked, 0), "labels", vocab_size, "vocabulary")
    return masked


def check_integers(labels, name):
    """Raise TypeError unless labels are integers."""
    if labels.dtype not in (torch.int64, torch.int32):
        raise TypeError(f"{name} must be integers (torch.int64), not {labels.dtype}")


def check_pooler(config, what):
    """Raise ValueError where a head needs the pooled output and there is none."""
    if not config.pooler:
        raise ValueError(f"the {what} reads the pooled output: it needs pooler=True")


# -------------------------------------------------- the library's names and weights
# What a part is called here: what transformers calls it.
NAMES = {
    "embeddings.word.": "embeddings.word_embeddings.",
    "embeddings.position.": "embeddings.position_embeddings.",
    "embeddings.segment.": "embeddings.token_type_embeddings.",
    "embeddings.norm.": "embeddings.LayerNorm.",
    "encoder.layers.": "encoder.layer.",
    "attention.query.": "attention.self.query.",
    "attention.key.": "attention.self.key.",
    "attention.value.": "attention.self.value.",
    "attention.output.": "attention.output.dense.",
    "attention_residual.norm.": "attention.output.LayerNorm.",
    "feed_forward.expand.": "intermediate.dense.",
    "feed_forward.contract.": "output.dense.",
    "feed_forward_residual.norm.": "output.LayerNorm.",
    "mlm_head.dense.": "cls.predictions.transform.dense.",
    "mlm_head.norm.": "cls.predictions.transform.LayerNorm.",
    "mlm_head.bias": "cls.predictions.bias",
    "nsp_head.": "cls.seq_relationship.",
}
OUR_PART = re.compile("|".join(map(re.escape, NAMES)))
MODEL_CLASSES = {
    "BertModel": Bert,
    "BertForMaskedLM": BertForMaskedLM,
    "BertForPreTraining": BertForPreTraining,
    "BertForSequenceClassification": BertForSequenceClassification,
}


def their_name(our_name):
    """What transformers calls a parameter of ours.

    their_name("bert.encoder.layers.0.attention.query.weight")
    # "bert.encoder.layer.0.attention.self.query.weight"

    Taught in: chapter 3, section "The same numbers as the library".
    """
    return OUR_PART.sub(lambda part: NAMES[part[0]], our_name)


def from_transformers(model):
    """Our model of the same kind, with a copy of the weights of a transformers model.

    model: a BertModel, BertForMaskedLM, BertForPreTraining or
    BertForSequenceClassification; ours has its type and device of numbers, and is in
    training mode if it is.

    Raises TypeError for another class; ValueError for a configuration that ours cannot
    be (see BertConfig.from_transformers), or weights that are not the same ones.
    Taught in: chapter 3, section "The same numbers as the library".
    """
    kind = type(model).__name__
    if kind not in MODEL_CLASSES:
        raise TypeError(
            f"{kind} has no counterpart here; these have: {', '.join(MODEL_CLASSES)}"
        )
    config = BertConfig.from_transformers(model.config)
    config = replace(config, pooler=model.base_model.pooler is not None)
    if kind == "BertForMaskedLM":
        config = replace(config, pooler=False)
    with torch.device("meta"):  # shapes alone: the weights come next
        ours = MODEL_CLASSES[kind](config)
    weights = dict(model.named_parameters())  # a tied one once
    names = {name: their_name(name) for name in ours.state_dict()}
    if different := set(weights) ^ set(names.values()):
        raise ValueError(
            f"the two {kind} differ in {len(different)} tensors, "
            f"{min(different)} among them"
        )
    copies = {name: weights[theirs].detach().clone() for name, theirs in names.items()}
    ours.load_state_dict(copies, assign=True)
    return ours.train(model.training)


def to_transformers_state(model):
    """The weights of a model of ours, under the names that transformers gives them.

    Saved with safetensors beside a to_transformers_config(model.config), they are a
    checkpoint that transformers loads. The tensors are not copied.

    Returns {name: tensor}.
    Taught in: chapter 3, section "The same numbers as the library".
    """
    return {their_name(name): weight for name, weight in model.state_dict().items()}


def to_transformers_config(config):
    """The transformers.BertConfig of a BertConfig; whether there is a pooler is lost.

    Raises ValueError for a config that transformers' BERT cannot be: pre-norm, a final
    LayerNorm, no segments.
    Taught in: chapter 3, section "The same numbers as the library".
    """
    import transformers

    if config.norm_first or config.final_norm or not config.type_vocab_size:
        raise ValueError(
            "transformers' BERT is post-norm, without a final LayerNorm, and has "
            "segment embeddings: norm_first and final_norm must be False and "
            "type_vocab_size 1 or more"
        )
    return transformers.BertConfig(
        **{name: getattr(config, name) for name in SAME_NAME},
        **{name: getattr(config, ours) for ours, name in OTHER_NAME.items()},
        attention_probs_dropout_prob=config.dropout,
    )


def load_bert(name):
    """The BERT called `name`, in evaluation mode, by utils.sources.load_encoder.

    `bert.provenance` says what it is: without a network it may be another one.
    Raises SourceError for a model that cannot be had; TypeError for one that is no
    BERT, as RoBERTa and DistilBERT, whose weights this class would misuse.
    Taught in: chapter 3, section "The same numbers as the library".
    """
    theirs = sources.load_encoder(name)
    ours = from_transformers(theirs)
    ours.provenance = theirs.provenance
    return ours


# ----------------------------------------------------------------------- sizes
def bert_ledger(config, model_class=Bert):
    """Where the parameters are: each part by its formula and by counting the model.

    Letters: V vocab_size, d hidden_size, f intermediate_size, P
    max_position_embeddings, T type_vocab_size, K num_labels. model_class: Bert, or a
    model with a head. The model is made on the meta device, so no memory is needed.
    Returns a DataFrame with the columns module, copies, formula (of one copy),
    parameters (copies * formula) and counted; the last row is the total.
    Raises ValueError for a head that needs a pooler where the config has none.
    Taught in: chapter 3, section "Where the parameters are".
    """
    with torch.device("meta"):
        model = model_class(config)
    bert = getattr(model, "bert", model)
    parts, layers = bert.embeddings, config.num_hidden_layers

    def inside(kind):
        return [part for part in bert.encoder.modules() if type(part) is kind]

    rows = [
        ("token embedding", 1, "V * d", [parts.word]),
        ("position embedding", 1, "P * d", [parts.position]),
        ("segment embedding", 1, "T * d", [parts.segment]),
        ("embedding LayerNorm", 1, "2 * d", [parts.norm]),
        ("attention", layers, "4 * (d * d + d)", inside(MultiHeadAttention)),
        ("feed-forward", layers, "2 * d * f + f + d", inside(FeedForward)),
        ("LayerNorm", 2 * layers + config.final_norm, "2 * d", inside(LayerNorm)),
        ("pooler", 1, "d * d + d", [bert.pooler]),
    ]
    heads = (
        ("masked-LM head", "d * d + d + 2 * d + V", "mlm_head"),
        ("next-sentence head", "2 * d + 2", "nsp_head"),
        ("classifier", "K * d + K", "classifier"),
    )
    for what, formula, name in heads:
        rows.append((what, 1, formula, [getattr(model, name, None)]))
    letters = {
        "V": config.vocab_size,
        "d": config.hidden_size,
        "f": config.intermediate_size,
        "P": config.max_position_embeddings,
        "T": config.type_vocab_size,
        "K": config.num_labels,
    }
    ledger = []
    for name, copies, formula, modules in rows:
        if modules == [None]:  # a part that this model does not have
            continue
        one = eval(formula, {}, letters)  # the formula shown is the one computed
        counted = sum(map(count_parameters, modules))
        ledger.append((name, copies, formula, copies * one, counted))
    by_formula = sum(row[3] for row in ledger)
    ledger.append(("total", 1, "", by_formula, count_parameters(model)))
    return pd.DataFrame(
        ledger, columns=["module", "copies", "formula", "parameters", "counted"]
    )
