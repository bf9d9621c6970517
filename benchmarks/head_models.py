"""Small models of every class whose heads the course can look at, mask and prune.

The tests of chapter 5 and the part `exact` ask the same of each of them.
"""

import torch
import transformers

from utils import bert

L, H, D, VOCABULARY = 3, 4, 8, 60  # layers, heads, numbers of a head, tokens


def sizes(vocabulary: int) -> dict:
    return dict(vocab_size=vocabulary, hidden_size=H * D, num_hidden_layers=L,
                num_attention_heads=H, intermediate_size=48, max_position_embeddings=40)  # fmt: skip


def bert_config(vocabulary=VOCABULARY):
    return transformers.BertConfig(**sizes(vocabulary))


def roberta_config(vocabulary=VOCABULARY):
    return transformers.RobertaConfig(**sizes(vocabulary), pad_token_id=1)


def distilbert_config(vocabulary=VOCABULARY):
    return transformers.DistilBertConfig(
        vocab_size=vocabulary, dim=H * D, n_layers=L, n_heads=H, hidden_dim=48,
        max_position_embeddings=40,
    )  # fmt: skip


def gpt2_config(vocabulary=VOCABULARY):
    return transformers.GPT2Config(
        vocab_size=vocabulary, n_embd=H * D, n_layer=L, n_head=H, n_positions=40,
        pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip


def course_config(vocabulary=VOCABULARY, **changes):
    return bert.BertConfig(**sizes(vocabulary), **changes)


# Name → a function of the number of tokens that makes the model.
MAKERS = {
    "BertModel": lambda v: transformers.BertModel(bert_config(v)),
    "BertForSequenceClassification":
        lambda v: transformers.BertForSequenceClassification(bert_config(v)),
    "BertForMaskedLM": lambda v: transformers.BertForMaskedLM(bert_config(v)),
    "RobertaModel": lambda v: transformers.RobertaModel(roberta_config(v)),
    "RobertaForSequenceClassification":
        lambda v: transformers.RobertaForSequenceClassification(roberta_config(v)),
    "RobertaForMaskedLM": lambda v: transformers.RobertaForMaskedLM(roberta_config(v)),
    "DistilBertModel": lambda v: transformers.DistilBertModel(distilbert_config(v)),
    "DistilBertForSequenceClassification":
        lambda v: transformers.DistilBertForSequenceClassification(distilbert_config(v)),
    "GPT2Model": lambda v: transformers.GPT2Model(gpt2_config(v)),
    "GPT2LMHeadModel": lambda v: transformers.GPT2LMHeadModel(gpt2_config(v)),
    "GPT2ForSequenceClassification":
        lambda v: transformers.GPT2ForSequenceClassification(gpt2_config(v)),
    "course.Bert": lambda v: bert.Bert(course_config(v)),
    "course.BertForMaskedLM": lambda v: bert.BertForMaskedLM(course_config(v, pooler=False)),
    "course.BertForSequenceClassification":
        lambda v: bert.BertForSequenceClassification(course_config(v)),
}  # fmt: skip
CLASSIFIERS = [name for name in MAKERS if "Classification" in name]


def make(name, dtype=torch.float32, seed=0, vocabulary=VOCABULARY):
    """A model whose weights, biases and norms are all drawn: nothing is zero by luck."""
    torch.manual_seed(seed)
    model = MAKERS[name](vocabulary).to(dtype).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.15 * torch.randn_like(parameter)
    return model


def padded():
    """Three sentences of 9, 6 and 4 tokens."""
    generator = torch.Generator().manual_seed(5)
    ids = torch.randint(5, VOCABULARY, (3, 9), generator=generator)
    mask = (torch.arange(9) < torch.tensor([[9], [6], [4]])).long()
    return {"input_ids": ids * mask + (1 - mask), "attention_mask": mask}


def answer(model, inputs=None):
    """Logits, or last states, of the tokens that are none of padding."""
    with torch.no_grad():
        output = model(**(inputs or padded()))
    logits = getattr(output, "logits", None)
    found = output.last_hidden_state if logits is None else logits
    if found.dim() == 3:
        found = found[(inputs or padded())["attention_mask"].bool()]
    return found


def far(a, b):
    return (a - b).abs().max().item()


def labelled(number=12, classes=2, seed=3):
    """Sentences of 3 to 9 tokens: ids, mask, labels."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(3, 10, (number,), generator=generator)
    ids = torch.randint(5, VOCABULARY, (number, 9), generator=generator)
    mask = (torch.arange(9) < lengths[:, None]).long()
    labels = torch.randint(classes, (number,), generator=generator)
    return ids * mask + (1 - mask), mask, labels


def in_batches(size, **options):
    """The same sentences as pairs (inputs, labels), `size` of them a batch."""
    ids, mask, labels = labelled(**options)
    return [
        ({"input_ids": ids[i : i + size], "attention_mask": mask[i : i + size]}, labels[i : i + size])
        for i in range(0, len(labels), size)
    ]
