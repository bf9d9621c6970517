"""BERT against transformers: numbers, gradients, names, sizes and checkpoints."""

import json
import math
from dataclasses import asdict, replace

import pytest
import torch
import transformers
from hypothesis import given, settings, strategies as st
from safetensors.torch import save_file
from torch import nn

from utils import bert, sources
from utils.attention import record_attention
from utils.bert import KNOWN_MODELS, Bert, BertConfig
from utils.parity import largest_difference, relative
from utils.transformer import LayerNorm, count_parameters

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}
SMALL = BertConfig(
    vocab_size=50,
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=64,
    max_position_embeddings=16,
    dropout=0.0,
    num_labels=3,
)
SHAPES = {
    "small": SMALL,
    "one head, one layer": replace(SMALL, num_attention_heads=1, num_hidden_layers=1),
    "deep, relu, three segments": replace(
        SMALL, num_hidden_layers=5, activation="relu", type_vocab_size=3
    ),
    "wide, other padding and eps": replace(
        SMALL, hidden_size=96, num_attention_heads=6, pad_id=7, layer_norm_eps=1e-5
    ),
    "dropout in training alone": replace(SMALL, dropout=0.4),
}
HEADS = ["BertForMaskedLM", "BertForPreTraining", "BertForSequenceClassification"]


@pytest.fixture(params=TOLERANCE, ids=str)
def dtype(request):
    return request.param


def their_model(kind, config, dtype=torch.float32, seed=0):
    """A transformers model with every weight random, LayerNorms and biases too."""
    torch.manual_seed(seed)
    theirs = getattr(transformers, kind)(bert.to_transformers_config(config))
    for name, weight in theirs.named_parameters():
        mean = 1.0 if name.endswith("LayerNorm.weight") else 0.0
        nn.init.normal_(weight, mean=mean, std=0.2)
    return theirs.to(dtype).eval()


def padded_batch(config, lengths=(9, 5, 7), low=8):
    """Sentences of several lengths, each of two segments, and their mask."""
    torch.manual_seed(1)
    length = max(lengths)
    input_ids = torch.randint(low, config.vocab_size, (len(lengths), length))
    token_type_ids = torch.zeros_like(input_ids)
    for row, size in enumerate(lengths):
        input_ids[row, size:] = config.pad_id
        token_type_ids[row, size // 2 :] = 1
    mask = (input_ids != config.pad_id).long()
    return dict(
        input_ids=input_ids, attention_mask=mask, token_type_ids=token_type_ids
    )


def assert_close(expected, found, tolerance):
    assert largest_difference(expected, found) <= tolerance


# -------------------------------------------------------------- configurations
@pytest.mark.parametrize(
    "change, message",
    [
        ({"vocab_size": 0}, "vocab_size must be 1 or more, not 0"),
        ({"num_hidden_layers": 0}, "num_hidden_layers must be 1 or more, not 0"),
        ({"num_attention_heads": 0}, "num_attention_heads must be 1 or more, not 0"),
        ({"intermediate_size": -1}, "intermediate_size must be 1 or more, not -1"),
        ({"max_position_embeddings": 0}, "max_position_embeddings must be 1 or more"),
        ({"type_vocab_size": -1}, "type_vocab_size must be 0 or more, not -1"),
        ({"num_labels": 1}, "num_labels must be 2 or more, not 1"),
        ({"layer_norm_eps": 0.0}, "layer_norm_eps must be above 0, not 0.0"),
        ({"initializer_range": -1.0}, "initializer_range must be above 0, not -1.0"),
        ({"dropout": 1.0}, "dropout is a probability below 1, not 1.0"),
        ({"activation": "gelu_new"}, "activation must be one of .*not 'gelu_new'"),
        ({"pad_id": 50}, r"pad_id must be below vocab_size \(50\), not 50"),
        ({"pad_id": -1}, "pad_id must be below vocab_size"),
    ],
)  # fmt: skip
def test_a_config_that_makes_no_model_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **change)


def test_the_slides_hidden_size_of_1074_raises_the_error_of_the_library():
    sizes = dict(hidden_size=1074, num_attention_heads=16)
    with torch.device("meta"), pytest.raises(ValueError) as theirs:
        transformers.BertModel(transformers.BertConfig(**sizes))
    with pytest.raises(ValueError) as ours:
        Bert(BertConfig(**sizes))
    assert str(ours.value) == str(theirs.value)
    assert str(ours.value) == (
        "The hidden size (1074) is not a multiple of the number of attention heads (16)"
    )


@pytest.mark.parametrize("config", SHAPES.values(), ids=SHAPES)
def test_configurations_go_there_and_back(config):
    theirs = bert.to_transformers_config(config)
    assert BertConfig.from_transformers(theirs) == config
    assert theirs.attention_probs_dropout_prob == config.dropout


def test_the_defaults_are_those_of_the_library():
    assert BertConfig.from_transformers(transformers.BertConfig()) == BertConfig()


@pytest.mark.parametrize(
    "change, message",
    [
        ({"is_decoder": True}, "is_decoder is True; this class can be False"),
        ({"add_cross_attention": True}, "add_cross_attention is True"),
        ({"tie_word_embeddings": False}, "tie_word_embeddings is False"),
        ({"position_embedding_type": "relative_key"}, "'relative_key'.*'absolute'"),
        ({"hidden_act": "gelu_new"}, "hidden_act is 'gelu_new'.*'relu' or 'gelu'"),
        ({"problem_type": "regression"}, "problem_type is 'regression'"),
        ({"attention_probs_dropout_prob": 0.0}, "one dropout for both"),
        ({"classifier_dropout": 0.3}, "classifier_dropout is 0.3 and hidden_dropout"),
        ({"pad_token_id": None}, "pad_token_id is None"),
        ({"num_labels": 1}, "num_labels must be 2 or more"),
    ],
)  # fmt: skip
def test_a_variant_that_this_class_cannot_be_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        BertConfig.from_transformers(transformers.BertConfig(**change))


@pytest.mark.parametrize("kind", ["Roberta", "DistilBert", "Electra", "GPT2"])
def test_other_kinds_of_models_are_refused(kind):
    config = getattr(transformers, f"{kind}Config")()
    with pytest.raises(ValueError, match=f"model_type is '{config.model_type}'"):
        BertConfig.from_transformers(config)
    with torch.device("meta"):
        model = getattr(transformers, f"{kind}Model")(config)
    with pytest.raises(TypeError, match=f"{kind}Model has no counterpart.*BertModel"):
        bert.from_transformers(model)


@pytest.mark.parametrize(
    "change", [{"norm_first": True}, {"final_norm": True}, {"type_vocab_size": 0}]
)
def test_a_design_that_the_library_lacks_has_no_configuration_there(change):
    with pytest.raises(ValueError, match="norm_first and final_norm must be False"):
        bert.to_transformers_config(replace(SMALL, **change))


# ------------------------------------------------------ the numbers of the library
def compare_encoders(theirs, batch, tolerance, monkeypatch):
    """Hidden states and attentions of every layer, the last, the pooled output.

    The code as written (products, softmax, mean and variance) against the library's
    eager attention, on tokens: the vectors of padding, which nobody reads, magnify a
    rounding ten times in MiniLM, where the library's own two ways differ as much. And
    the fused kernels against the library's, on all positions.
    """
    ours = bert.from_transformers(theirs)
    tokens = batch["attention_mask"].bool()
    theirs.set_attn_implementation("eager")
    by_hand = monkeypatch.context()
    with torch.no_grad(), by_hand as patch, record_attention(ours) as maps:
        patch.setattr(LayerNorm, "fused", False)
        expected = theirs(**batch, output_hidden_states=True, output_attentions=True)
        found = ours(**batch)
    layers = ours.config.num_hidden_layers
    assert list(maps) == [f"encoder.layers.{i}.attention" for i in range(layers)]
    assert len(found.hidden_states) == len(expected.hidden_states) == layers + 1
    assert found.hidden_states[-1] is found.last_hidden_state
    for a, b in zip(expected.hidden_states, found.hidden_states):
        assert_close(a[tokens], b[tokens], tolerance)
    for a, b in zip(expected.attentions, maps.values()):  # [B, H, Lq, Lk]
        assert_close(a.transpose(1, 2)[tokens], b.transpose(1, 2)[tokens], tolerance)
    assert_close(expected.pooler_output, found.pooler_output, tolerance)

    theirs.set_attn_implementation("sdpa")
    with torch.no_grad():
        expected, found = theirs(**batch, output_hidden_states=True), ours(**batch)
    for a, b in zip(expected.hidden_states, found.hidden_states):
        assert_close(a, b, tolerance)
    assert_close(expected.last_hidden_state, found.last_hidden_state, tolerance)
    assert_close(expected.pooler_output, found.pooler_output, tolerance)


@pytest.mark.parametrize("config", SHAPES.values(), ids=SHAPES)
def test_every_layer_equals_the_library(config, dtype, monkeypatch):
    theirs = their_model("BertModel", config, dtype)
    compare_encoders(theirs, padded_batch(config), TOLERANCE[dtype], monkeypatch)


def test_every_layer_equals_the_library_with_real_weights(dtype, monkeypatch):
    theirs = sources.load_encoder("all-MiniLM-L6-v2").to(dtype)
    tokenizer = sources.load_tokenizer("all-MiniLM-L6-v2")
    first = ["The cat sat on the mat.", "Time flies like an arrow", "Yes."]
    second = ["It was tired, and it did not move.", "Fruit flies like a banana", "No"]
    batch = tokenizer(first, second, padding=True, return_tensors="pt")
    assert batch.token_type_ids.any() and not batch.attention_mask.all()
    compare_encoders(theirs, batch, TOLERANCE[dtype], monkeypatch)


def with_labels(kind, batch, config):
    """The batch with labels for a model of that kind."""
    torch.manual_seed(2)
    if kind == "BertForSequenceClassification":
        return batch | {"labels": torch.tensor([2, 0, 1])}
    input_ids = batch["input_ids"]
    labels = torch.randint(config.vocab_size, input_ids.shape)
    chosen = (torch.rand(input_ids.shape) < 0.4) & (input_ids != config.pad_id)
    batch = batch | {"labels": labels.where(chosen, bert.IGNORED)}
    if kind == "BertForPreTraining":
        batch["next_sentence_labels"] = torch.tensor([1, 0, 0])
    return batch


def call_theirs(theirs, batch):
    """(loss, logits, next-sentence logits or None) of a transformers model."""
    renamed = {
        name.replace("next_sentence_labels", "next_sentence_label"): value
        for name, value in batch.items()
    }
    output = theirs(**renamed)
    if "prediction_logits" in output:
        return output.loss, output.prediction_logits, output.seq_relationship_logits
    return output.loss, output.logits, None


@pytest.mark.parametrize("config", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("kind", HEADS)
def test_logits_losses_and_gradients_equal_the_library(kind, config, dtype):
    theirs = their_model(kind, config, dtype)
    ours = bert.from_transformers(theirs)
    batch = with_labels(kind, padded_batch(config), config)
    loss, logits, nsp_logits = call_theirs(theirs, batch)
    found = ours(**batch)
    assert relative(loss, found.loss) <= TOLERANCE[dtype]
    if kind != "BertForSequenceClassification":
        logits = logits[batch["labels"] != bert.IGNORED]  # [N, V], row by row
    assert_close(logits, found.logits, TOLERANCE[dtype])
    assert (nsp_logits is None) == (found.nsp_logits is None)
    if nsp_logits is not None:
        assert_close(nsp_logits, found.nsp_logits, TOLERANCE[dtype])

    loss.backward()
    found.loss.backward()
    expected = {name: weight.grad for name, weight in theirs.named_parameters()}
    # The gradient of a key's bias is zero but for rounding: softmax does not see it.
    least = 1e-3 * max(gradient.abs().max() for gradient in expected.values())
    for name, weight in ours.named_parameters():
        gradient = expected.pop(bert.their_name(name))
        size = max(gradient.abs().max(), least).item()
        assert_close(gradient / size, weight.grad / size, 10 * TOLERANCE[dtype])
    assert not expected  # every weight of theirs was compared


@pytest.mark.parametrize("kind", HEADS)
def test_without_labels_there_are_all_the_logits_and_no_loss(kind):
    theirs = their_model(kind, SMALL)
    ours, batch = bert.from_transformers(theirs), padded_batch(SMALL)
    _, logits, nsp_logits = call_theirs(theirs, batch)
    found = ours(**batch)
    assert found.loss is None
    assert_close(logits, found.logits, 1e-5)
    if nsp_logits is not None:
        assert_close(nsp_logits, found.nsp_logits, 1e-5)


def test_the_two_losses_of_pre_training_add_up():
    model = bert.from_transformers(their_model("BertForPreTraining", SMALL))
    batch = with_labels("BertForPreTraining", padded_batch(SMALL), SMALL)
    both = model(**batch).loss
    sentences = batch.pop("next_sentence_labels")
    tokens = model(**batch).loss
    del batch["labels"]
    alone = model(**batch, next_sentence_labels=sentences).loss
    assert_close(both, tokens + alone, 1e-6)


def test_the_vector_of_padding_is_not_trained_by_what_reads_it():
    model = Bert(SMALL)
    batch = padded_batch(SMALL) | {"attention_mask": torch.ones(3, 9)}
    model(**batch).last_hidden_state.square().sum().backward()
    gradient = model.embeddings.word.weight.grad
    assert not gradient[SMALL.pad_id].any() and gradient.any()


# ------------------------------------------------------------- what may be seen
@pytest.mark.parametrize("change", [{}, {"norm_first": True, "final_norm": True}])
def test_a_padded_batch_is_each_sentence_alone(change):
    torch.manual_seed(0)
    model = Bert(replace(SMALL, initializer_range=0.2, **change)).double().eval()
    lengths = (9, 5, 7)
    batch = padded_batch(SMALL, lengths)
    together = model(**batch)
    for row, length in enumerate(lengths):
        one = {name: tensor[row : row + 1, :length] for name, tensor in batch.items()}
        alone = model(**one)
        assert_close(alone.pooler_output[0], together.pooler_output[row], 1e-12)
        for a, b in zip(alone.hidden_states, together.hidden_states):
            assert_close(a[0], b[row, :length], 1e-12)


def test_masks_of_every_kind_say_the_same():
    model, batch = Bert(SMALL).eval(), padded_batch(SMALL)
    mask = batch.pop("attention_mask")
    expected = model(**batch, attention_mask=mask).last_hidden_state
    for other in (None, mask.bool(), mask.float(), mask.int()):
        found = model(**batch, attention_mask=other).last_hidden_state
        assert torch.equal(expected, found)
    everything = model(**batch, attention_mask=torch.ones_like(mask))
    assert not torch.equal(expected, everything.last_hidden_state)


def test_attention_gets_a_mask_only_where_there_is_padding(monkeypatch):
    seen = []
    model = Bert(SMALL)
    model.encoder.layers[0].register_forward_pre_hook(
        lambda module, inputs: seen.append(inputs[1])
    )
    batch = padded_batch(SMALL)
    model(**batch)
    model(batch["input_ids"][:1])
    model(batch["input_ids"], torch.ones(3, 9, dtype=torch.bool))
    assert seen[0].shape == (3, 1, 1, 9) and seen[1:] == [None, None]


def test_segments_are_the_first_unless_told():
    model, batch = Bert(SMALL).eval(), padded_batch(SMALL)
    input_ids, segments = batch["input_ids"], batch["token_type_ids"]
    unsaid = model(input_ids).last_hidden_state
    zeros = model(input_ids, token_type_ids=torch.zeros_like(segments))
    assert_close(zeros.last_hidden_state, unsaid, 1e-6)
    told = model(input_ids, token_type_ids=segments).last_hidden_state
    assert largest_difference(told, unsaid) > 1e-3


def test_order_matters():
    model, ids = Bert(SMALL).eval(), padded_batch(SMALL)["input_ids"][:1]
    turned = model(ids.flip(1)).last_hidden_state.flip(1)
    assert largest_difference(model(ids).last_hidden_state, turned) > 1e-3


def test_dropout_only_in_training():
    config = replace(SMALL, dropout=0.3)
    model = bert.BertForSequenceClassification(config)
    batch = padded_batch(config)
    assert not torch.equal(model(**batch).logits, model(**batch).logits)
    model.bert.eval()  # the classifier has a dropout of its own
    assert not torch.equal(model(**batch).logits, model(**batch).logits)
    model.eval()
    assert torch.equal(model(**batch).logits, model(**batch).logits)


@pytest.mark.parametrize("kind", HEADS)
def test_dropout_falls_where_the_library_drops(kind, dtype):
    """From one seed both drop the same numbers, so a step of training is the same."""
    config = SHAPES["dropout in training alone"]
    theirs = their_model(kind, config, dtype).train()
    theirs.set_attn_implementation("sdpa")
    ours = bert.from_transformers(theirs)
    batch = with_labels(kind, padded_batch(config), config)
    for seed in range(3):
        torch.manual_seed(seed)
        expected, *_ = call_theirs(theirs, batch)
        torch.manual_seed(seed)
        found = ours(**batch).loss
        assert relative(expected, found) <= TOLERANCE[dtype]


def test_pre_norm_ends_with_its_last_layer_norm():
    model = Bert(replace(SMALL, norm_first=True, final_norm=True))
    read = model(IDS)
    assert read.hidden_states[-1] is read.last_hidden_state
    variance = read.last_hidden_state.var(-1, unbiased=False)
    assert_close(variance, torch.ones(2, 6), 1e-3)
    assert_close(read.last_hidden_state.mean(-1), torch.zeros(2, 6), 1e-5)


IDS = torch.full((2, 6), 9)


@pytest.mark.parametrize(
    "change, kind, message",
    [
        ({"input_ids": IDS[0]}, ValueError, r"not \[6\].*input_ids\[None\]"),
        ({"input_ids": IDS.float()}, TypeError, "input_ids must hold token ids"),
        ({"input_ids": IDS[:, :0]}, ValueError, r"input_ids \[2, 0\] holds no token"),
        ({"input_ids": torch.full((1, 17), 9)}, ValueError, "17 positions.*has 16"),
        ({"input_ids": IDS.index_put((torch.tensor(1), torch.tensor(4)),
                                     torch.tensor(50))}, ValueError,
         r"input_ids\[1, 4\] is 50; the vocabulary has the ids 0 to 49"),
        ({"input_ids": -IDS}, ValueError, r"input_ids\[0, 0\] is -9"),
        ({"token_type_ids": IDS}, ValueError,
         r"token_type_ids\[0, 0\] is 9; the segment embedding has the ids 0 to 1"),
        ({"token_type_ids": IDS[:1] * 0}, ValueError,
         r"token_type_ids is \[1, 6\] and input_ids \[2, 6\]"),
        ({"token_type_ids": IDS * 0.0}, TypeError, "token_type_ids must hold"),
        ({"attention_mask": torch.ones(2, 5)}, ValueError,
         r"attention_mask is \[2, 5\] and input_ids \[2, 6\]"),
        ({"attention_mask": torch.ones(2, 1, 1, 6)}, ValueError, "attention_mask is"),
        ({"attention_mask": torch.full((2, 6), -1e4)}, ValueError, "nothing else"),
        ({"attention_mask": torch.full((2, 6), torch.nan)}, ValueError, "nothing else"),
        ({"attention_mask": torch.tensor([[1] * 6, [0] * 6])}, ValueError,
         "attention_mask hides the whole sentence 1"),
        ({"input_ids": IDS * 0}, ValueError, "padding fills the whole sentence 0"),
    ],
)  # fmt: skip
def test_what_the_model_cannot_read_is_refused(change, kind, message):
    with pytest.raises(kind, match=message):
        Bert(SMALL)(**{"input_ids": IDS} | change)


def test_segments_of_a_model_without_segments_are_refused():
    model = Bert(replace(SMALL, type_vocab_size=0))
    assert model(IDS).last_hidden_state.isfinite().all()
    with pytest.raises(ValueError, match="no segment embeddings"):
        model(IDS, token_type_ids=IDS * 0)


@pytest.mark.parametrize(
    "labels, kind, message",
    [
        (torch.full((2, 6), -100), ValueError, "every label is -100"),
        (torch.full((2, 6), 50), ValueError, r"labels\[0, 0\] is 50; the vocabulary"),
        (torch.full((2, 6), -1), ValueError, r"labels\[0, 0\] is -1"),
        (torch.ones(2, 5).long(), ValueError, r"labels is \[2, 5\]; .*\[2, 6\] tokens"),
        (torch.ones(2, 6), TypeError, "labels must be integers"),
    ],
)
@pytest.mark.parametrize("model_class", [bert.BertForMaskedLM, bert.BertForPreTraining])
def test_token_labels_that_cannot_be_learned_are_refused(
    model_class, labels, kind, message
):
    with pytest.raises(kind, match=message):
        model_class(SMALL)(IDS, labels=labels)


@pytest.mark.parametrize(
    "labels, kind, message",
    [
        (torch.tensor([0, 3]), ValueError, r"labels\[1\] is 3; the classifier .* 0 "),
        (torch.tensor([-100, 0]), ValueError, r"labels\[0\] is -100"),
        (torch.tensor([0]), ValueError, r"labels is \[1\]; one .* 2 sentences"),
        (torch.tensor([[0, 1]]), ValueError, r"labels is \[1, 2\]"),
        (torch.tensor([0.0, 1.0]), TypeError, "labels must be integers"),
    ],
)
@pytest.mark.parametrize(
    "model_class, name",
    [
        (bert.BertForSequenceClassification, "labels"),
        (bert.BertForPreTraining, "next_sentence_labels"),
    ],
)
def test_sentence_labels_that_cannot_be_learned_are_refused(
    model_class, name, labels, kind, message
):
    with pytest.raises(kind, match=message):
        model_class(SMALL)(IDS, **{name: labels})


@pytest.mark.parametrize(
    "model_class", [bert.BertForPreTraining, bert.BertForSequenceClassification]
)
def test_heads_on_the_pooled_output_need_a_pooler(model_class):
    with pytest.raises(ValueError, match="needs pooler=True"):
        model_class(replace(SMALL, pooler=False))
    assert bert.BertForMaskedLM(SMALL).bert.pooler is None


# ------------------------------------------------------------- the first weights
def test_weights_are_drawn_as_bert_draws_them():
    torch.manual_seed(0)
    config = replace(
        SMALL, hidden_size=128, vocab_size=1000, initializer_range=0.05, pad_id=3
    )
    for model_class in bert.MODEL_CLASSES.values():
        for name, weight in model_class(config).named_parameters():
            if name.endswith("norm.weight"):
                assert (weight == 1).all(), name
            elif name.endswith("bias"):
                assert (weight == 0).all(), name
            else:
                if name.endswith("word.weight"):
                    assert not weight[3].any()  # padding
                error = 0.05 / math.sqrt(weight.numel())
                assert abs(weight.mean()) < 5 * error, name
                # The vector of padding has no spread; the others make up for it.
                assert abs(weight.std() / 0.05 - 1) < 0.01 + 5 * error / 0.05, name


def test_first_predictions_are_close_to_chance():
    torch.manual_seed(0)
    config = replace(KNOWN_MODELS["all-MiniLM-L6-v2"], num_hidden_layers=2)
    model = bert.BertForPreTraining(config).eval()
    input_ids = torch.randint(1000, 30000, (8, 40))
    with torch.no_grad():
        tokens = model(input_ids, labels=input_ids.roll(1, 1)).loss
        sentences = torch.arange(8) % 2
        following = model(input_ids, next_sentence_labels=sentences).loss
    assert tokens.item() == pytest.approx(math.log(30522), rel=0.03)
    assert following.item() == pytest.approx(math.log(2), rel=0.05)


# ------------------------------------------------------------- names and weights
@pytest.mark.parametrize("kind", bert.MODEL_CLASSES)
def test_every_parameter_has_the_name_of_the_library(kind):
    with torch.device("meta"):
        theirs = getattr(transformers, kind)(bert.to_transformers_config(SMALL))
        ours = bert.MODEL_CLASSES[kind](SMALL)
    expected = {name: list(w.shape) for name, w in theirs.named_parameters()}
    found = {bert.their_name(n): list(w.shape) for n, w in ours.named_parameters()}
    assert found == expected
    assert set(ours.state_dict()) == {name for name, _ in ours.named_parameters()}


def test_weights_are_copies_in_the_same_type_and_mode():
    theirs = their_model("BertModel", SMALL, torch.float64).train()
    ours = bert.from_transformers(theirs)
    assert ours.training and ours.embeddings.word.weight.requires_grad
    assert {weight.dtype for weight in ours.parameters()} == {torch.float64}
    with torch.no_grad():
        ours.embeddings.word.weight.zero_()
    assert theirs.embeddings.word_embeddings.weight.any()
    assert not bert.from_transformers(theirs.eval()).training


def test_a_bert_without_pooler():
    config = bert.to_transformers_config(SMALL)
    theirs = transformers.BertModel(config, add_pooling_layer=False).eval()
    ours = bert.from_transformers(theirs)
    found = ours(**padded_batch(SMALL))
    assert found.pooler_output is None and not ours.config.pooler
    expected = theirs(**padded_batch(SMALL)).last_hidden_state
    assert_close(expected, found.last_hidden_state, 1e-5)


def test_weights_that_do_not_match_are_refused():
    theirs = their_model("BertModel", SMALL)
    theirs.encoder.layer.append(nn.Linear(2, 2))
    with pytest.raises(ValueError, match=r"differ in 2 tensors, encoder.layer.2.bias"):
        bert.from_transformers(theirs)
    theirs = their_model("BertModel", SMALL)
    theirs.config.intermediate_size = 65
    with pytest.raises(RuntimeError, match="feed_forward.expand.weight"):
        bert.from_transformers(theirs)


@pytest.mark.parametrize(
    "kind, auto",
    [
        ("BertModel", "AutoModel"),
        ("BertForMaskedLM", "AutoModelForMaskedLM"),
        ("BertForPreTraining", "AutoModelForPreTraining"),
        ("BertForSequenceClassification", "AutoModelForSequenceClassification"),
    ],
)
def test_the_library_loads_what_we_save(kind, auto, tmp_path):
    torch.manual_seed(0)
    config = replace(SMALL, initializer_range=0.2)
    ours = bert.MODEL_CLASSES[kind](config).eval()
    state = bert.to_transformers_state(ours)
    save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    written = bert.to_transformers_config(ours.config).to_dict()
    (tmp_path / "config.json").write_text(json.dumps(written))
    theirs, report = getattr(transformers, auto).from_pretrained(
        tmp_path, output_loading_info=True
    )
    assert type(theirs).__name__ == kind
    assert not any(report.values()), report
    batch = padded_batch(config)
    with torch.no_grad():
        found = ours(**batch)
        if kind == "BertModel":
            expected = theirs(**batch)
            assert_close(expected.last_hidden_state, found.last_hidden_state, 1e-5)
            assert_close(expected.pooler_output, found.pooler_output, 1e-5)
        else:
            _, logits, nsp_logits = call_theirs(theirs, batch)
            assert_close(logits, found.logits, 1e-5)
            if nsp_logits is not None:
                assert_close(nsp_logits, found.nsp_logits, 1e-5)


def test_loading_a_bert_by_name_keeps_its_provenance():
    model = bert.load_bert("all-MiniLM-L6-v2")
    assert model.provenance.given == "all-MiniLM-L6-v2" and not model.training
    assert model.config == KNOWN_MODELS["all-MiniLM-L6-v2"]
    stand_in = bert.load_bert("bert-base-uncased")
    assert stand_in.provenance.substituted  # without a network
    with pytest.raises(sources.SourceError, match="Did you mean 'bert-base-cased'"):
        bert.load_bert("bert-base-case")


# ----------------------------------------------------------------------- sizes
@pytest.mark.parametrize(
    "name, total",
    [
        ("bert-base-uncased", 109_482_240),
        ("bert-base-cased", 108_310_272),
        ("bert-large-uncased", 335_141_888),
        ("roberta-base", 124_645_632),
        ("distilbert-base-uncased", 66_362_880),
        ("all-MiniLM-L6-v2", 22_713_216),
    ],
)
def test_the_sizes_of_known_models(name, total):
    config = KNOWN_MODELS[name]
    ledger = bert.bert_ledger(config)
    assert ledger.parameters.iloc[-1] == ledger.counted.iloc[-1] == total
    sizes = {
        ours: getattr(config, ours)
        for ours in ("vocab_size", "max_position_embeddings", "type_vocab_size")
    }
    with torch.device("meta"):
        if name == "roberta-base":
            sizes |= {"pad_token_id": 1}
            theirs = transformers.RobertaModel(transformers.RobertaConfig(**sizes))
        elif name == "distilbert-base-uncased":
            theirs = transformers.DistilBertModel(transformers.DistilBertConfig())
        else:
            theirs = transformers.BertModel(bert.to_transformers_config(config))
    assert count_parameters(theirs) == total


@pytest.mark.parametrize(
    "kind, total",
    [
        ("BertModel", 109_482_240),
        ("BertForMaskedLM", 109_514_298),
        ("BertForPreTraining", 110_106_428),
        ("BertForSequenceClassification", 109_483_778),
    ],
)
def test_the_sizes_of_models_with_heads(kind, total):
    with torch.device("meta"):
        theirs = getattr(transformers, kind)(transformers.BertConfig())
    ledger = bert.bert_ledger(BertConfig(), bert.MODEL_CLASSES[kind])
    assert ledger.parameters.iloc[-1] == ledger.counted.iloc[-1] == total
    assert count_parameters(theirs) == total
    without = bert.bert_ledger(replace(BertConfig(), pooler=False))
    assert without.parameters.iloc[-1] == 108_891_648


@settings(max_examples=25, deadline=None)
@given(
    vocab_size=st.integers(1, 50_000),
    heads=st.integers(1, 8),
    head_size=st.integers(1, 40),
    intermediate_size=st.integers(1, 3000),
    layers=st.integers(1, 4),
    positions=st.integers(1, 600),
    segments=st.integers(0, 3),
    num_labels=st.integers(2, 9),
    pooler=st.booleans(),
    final_norm=st.booleans(),
    kind=st.sampled_from(list(bert.MODEL_CLASSES)),
)
def test_the_ledger_is_what_the_model_has(
    vocab_size, heads, head_size, intermediate_size, layers, positions, segments,
    num_labels, pooler, final_norm, kind,
):  # fmt: skip
    config = BertConfig(
        vocab_size=vocab_size,
        hidden_size=heads * head_size,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=intermediate_size,
        max_position_embeddings=positions,
        type_vocab_size=segments,
        pooler=pooler or kind.endswith(("Training", "Classification")),
        final_norm=final_norm,
        num_labels=num_labels,
    )
    ledger = bert.bert_ledger(config, bert.MODEL_CLASSES[kind])
    assert (ledger.parameters == ledger.counted).all()
    assert ledger.parameters[:-1].sum() == ledger.parameters.iloc[-1]
    assert list(ledger.columns) == [
        "module", "copies", "formula", "parameters", "counted"
    ]  # fmt: skip


def test_known_models_are_those_of_the_catalogue():
    assert set(KNOWN_MODELS) <= set(sources.catalogue.MODELS)
    small = KNOWN_MODELS["all-MiniLM-L6-v2"]
    base = asdict(KNOWN_MODELS["bert-base-uncased"])
    changed = {name for name, value in asdict(small).items() if value != base[name]}
    assert changed == {"hidden_size", "num_hidden_layers", "intermediate_size"}
