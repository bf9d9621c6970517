"""From pieces to words, against loops and against a model that reads one sentence."""

import copy
from types import SimpleNamespace

import pytest
import torch
import transformers

from utils import bert
from utils.bertology import prune_heads
from utils.bertology.heads import HeadError
from utils.bertology.words import (
    Tree, check_apart, encode_words, random_weights, read_trees, read_words, to_words,
    word_units,
)  # fmt: skip
from utils.sources import load_dataset, load_tokenizer

L, H, WIDTH = 2, 4, 32
SIZES = dict(
    hidden_size=WIDTH, num_hidden_layers=L, num_attention_heads=H, intermediate_size=48,
    max_position_embeddings=40, initializer_range=0.3,
)  # fmt: skip
# Words of one piece and of several, lengths out of order, one twice, one as a Tree.
SENTENCES = [
    ["the", "cat", "sleeps", "."],
    ["unbelievably", "long", "tokenization", "of", "antidisestablishmentarianism", "!"],
    ["hyperparameters"],
    ["the", "cat", "sleeps", ",", "the", "electroencephalograph", "does", "not", "."],
    ["dogs", "bark"],
    ["the", "cat", "sleeps", "."],
]


@pytest.fixture(scope="module")
def tokenizer():
    return load_tokenizer("all-MiniLM-L6-v2")


def made_noisy(model):
    """Its biases and norms drawn too: a zero would hide that one was forgotten."""
    generator = torch.Generator().manual_seed(1)
    for parameter in model.parameters():
        if parameter.dim() < 2:
            drawn = torch.randn(parameter.shape, generator=generator)
            parameter.data += 0.1 * drawn
    return model.eval()


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    config = transformers.BertConfig(vocab_size=30522, **SIZES)
    return made_noisy(transformers.BertModel(config))


def other_models():
    """One of each other family that can read the tokenizer's ids, by name."""
    torch.manual_seed(0)
    small = dict(SIZES)
    course = {name: n for name, n in SIZES.items() if name != "initializer_range"}
    yield "roberta", transformers.RobertaModel(
        transformers.RobertaConfig(vocab_size=30522, pad_token_id=0, **small)
    )
    yield "distilbert", transformers.DistilBertModel(transformers.DistilBertConfig(
        vocab_size=30522, dim=WIDTH, n_layers=L, n_heads=H, hidden_dim=48,
        max_position_embeddings=40, initializer_range=0.3,
    ))  # fmt: skip
    yield "gpt2", transformers.GPT2Model(transformers.GPT2Config(
        vocab_size=30522, n_embd=WIDTH, n_layer=L, n_head=H, n_positions=40,
        initializer_range=0.3,
    ))  # fmt: skip
    own = bert.Bert(bert.BertConfig(**course))
    for parameter in own.parameters():
        if parameter.dim() > 1:
            parameter.data *= 15  # as wide as the others' initializer_range makes theirs
    yield "course", own


OTHERS = ("roberta", "distilbert", "gpt2", "course")


# ------------------------------------------------------------------------ sentences
def row(*words, deprel="nsubj:pass"):
    """A row as `load_dataset` gives them, all words hanging on the first."""
    n = len(words)
    return {"tokens": list(words), "upos": ["X"] * n, "head": [0] + [1] * (n - 1),
            "deprel": ["root"] + [deprel] * (n - 1), "sent_id": "1"}  # fmt: skip


def test_read_trees_merges_subtypes_and_keeps_the_lengths_asked_for():
    rows = [row(*"ab"), row(*"abc"), row(*"abcd"), row(*"abcde"), row(*"abcdef")]
    trees = read_trees(rows, shortest=3, longest=5)
    assert [len(tree.tokens) for tree in trees] == [3, 4, 5]
    merged = ("root", "nsubj", "nsubj")
    assert trees[0] == Tree(("a", "b", "c"), ("X",) * 3, (0, 1, 1), merged)
    assert [len(tree.tokens) for tree in read_trees(rows, 1, 9, limit=2)] == [2, 3]
    assert len(read_trees(iter(rows), 1, 9)) == 5
    with pytest.raises(ValueError, match="no sentence has 7 to 9 words"):
        read_trees(rows, 7, 9)
    with pytest.raises(ValueError, match="no sentence has 3 to 60 words"):
        read_trees([])


def test_the_embedded_treebank_gives_trees_of_one_root_each():
    rows = load_dataset("ud_english_ewt")["validation"]
    trees = read_trees(rows, limit=50)
    assert len(trees) == 50
    for tree, source in zip(trees, (r for r in rows if 3 <= len(r["tokens"]) <= 60)):
        assert tree.tokens == tuple(source["tokens"])
        assert tree.heads == tuple(source["head"]) and tree.heads.count(0) == 1
        assert not any(":" in relation for relation in tree.deprels)
    assert any(":" in relation for r in rows for relation in r["deprel"])


def test_check_apart_refuses_what_was_trained_on():
    trees = read_trees([row("a", "b", str(i)) for i in range(6)])
    check_apart(trees[:3], trees[3:])
    alike = [Tree(*tree) for tree in trees[:3]]
    assert alike[0] is not trees[0]
    with pytest.raises(ValueError, match="3 of the 3 sentences"):
        check_apart(trees[:3], trees[:3])
    with pytest.raises(ValueError, match="3 of the 3 sentences"):
        check_apart(trees[:3], alike)  # read twice from the same split
    with pytest.raises(ValueError, match="1 of the 4 sentences.*another split"):
        check_apart(trees[:3], trees[2:])  # one object in both
    check_apart(trees[:3], [*alike[:1], *trees[3:]])  # a sentence may occur twice


# ----------------------------------------------------------------- pieces and words
WORD_IDS = [None, 0, 0, 0, 1, 2, 2, None, None, 0, 1, 1, None]  # a pair: ids start again
GROUPS = [[0], [1, 2, 3], [4], [5, 6], [7], [8], [9], [10, 11], [12]]
UNITS = [None, 0, 1, 2, None, None, 0, 1, None]


def by_loops(attention, groups):
    """The sum to a group's tokens, the mean from them: [..., U, U]."""
    found = torch.zeros(*attention.shape[:-2], len(groups), len(groups))
    for a, rows in enumerate(groups):
        for b, columns in enumerate(groups):
            for i in rows:
                for j in columns:
                    found[..., a, b] += attention[..., i, j] / len(rows)
    return found


def random_attention(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return (2 * torch.randn(*shape, generator=generator)).softmax(-1)


def test_to_words_sums_to_the_pieces_and_averages_from_them():
    attention = random_attention(3, 2, len(WORD_IDS), len(WORD_IDS))
    found = to_words(attention, WORD_IDS)
    assert found.shape == (3, 2, 9, 9) and word_units(WORD_IDS) == UNITS
    torch.testing.assert_close(found, by_loops(attention, GROUPS))
    torch.testing.assert_close(found.sum(-1), torch.ones(3, 2, 9))
    wrong = by_loops(attention.mT, GROUPS).mT  # the mean to and the sum from
    assert (found - wrong).abs().max() > 0.1
    assert (wrong.sum(-1) - 1).abs().max() > 0.1
    torch.testing.assert_close(to_words(attention[0, 0], WORD_IDS), found[0, 0])
    torch.testing.assert_close(to_words(attention[0, 0].tolist(), WORD_IDS), found[0, 0])
    doubles = to_words(attention.double().numpy(), tuple(WORD_IDS))
    assert doubles.dtype == torch.float64
    torch.testing.assert_close(doubles.float(), found)


def test_words_of_one_piece_keep_their_attention():
    attention = random_attention(4, 4)
    torch.testing.assert_close(to_words(attention, [None, 0, 1, None]), attention)
    assert word_units([]) == [] and word_units([3]) == [3]
    # A word that comes again after another is another unit, as in a pair of sentences.
    assert word_units([0, 1, 0]) == [0, 1, 0]
    assert to_words(attention[:3, :3], [0, 1, 0]).shape == (3, 3)
    assert word_units([None, None]) == [None, None]  # specials side by side stay two


@pytest.mark.parametrize("shape", [(4,), (3, 4), (4, 3), (3, 3), (2, 5, 5)])
def test_to_words_refuses_another_number_of_tokens(shape):
    with pytest.raises(ValueError, match=r"there are 4 word_ids: \[\.\.\., 4, 4\]"):
        to_words(torch.ones(shape), [None, 0, 0, None])


# ---------------------------------------------------------------- reading a treebank
def read_alone(model, tokenizer, words):
    """A sentence by itself, through the public outputs, then loops over the pieces."""
    encoded = tokenizer(words, is_split_into_words=True)
    ids = encoded.word_ids()
    groups = [[t for t, w in enumerate(ids) if w == word] for word in range(len(words))]
    model = copy.deepcopy(model)
    model.set_attn_implementation("eager")
    with torch.no_grad():
        output = model(torch.tensor([encoded["input_ids"]]), output_attentions=True,
                       output_hidden_states=True)  # fmt: skip
    states = torch.cat(output.hidden_states)  # [L + 1, T, d]
    return (
        by_loops(torch.cat(output.attentions), groups),
        torch.stack([states[:, group].mean(1) for group in groups], 1),
        torch.stack([states[:, group[0]] for group in groups], 1),
    )


@pytest.mark.parametrize("batch_size", [1, 2, 32])
def test_a_sentence_is_read_as_if_alone_whatever_its_batch(model, tokenizer, batch_size):
    found = read_words(
        model, tokenizer, SENTENCES, hidden_states=True, batch_size=batch_size
    )
    first = read_words(
        model, tokenizer, SENTENCES, attentions=False, hidden_states=True, pieces="first",
        batch_size=batch_size,
    )  # fmt: skip
    assert first.attentions is None
    for words, *read in zip(SENTENCES, *found, first.hidden_states):
        attention, means, firsts = read_alone(model, tokenizer, words)
        assert read[0].shape == (L, H, len(words), len(words))
        assert read[1].shape == (L + 1, len(words), WIDTH)
        for one, other in zip(read, (attention, means, firsts)):
            torch.testing.assert_close(one, other, atol=2e-5, rtol=1e-4)
        assert (attention.sum(-1) < 1).all()  # the rest went to [CLS] and [SEP]
    # The order is that of the sentences: read in another one, they would differ.
    assert (found.hidden_states[0] - found.hidden_states[5]).abs().max() < 1e-5
    long = found.hidden_states[1]
    assert (long - first.hidden_states[1]).abs().max() > 0.1  # the mean is not the first
    whole = [i for i, word in enumerate(SENTENCES[1]) if len(tokenizer.tokenize(word)) == 1]
    assert 0 < len(whole) < len(SENTENCES[1])
    torch.testing.assert_close(long[:, whole], first.hidden_states[1][:, whole])


def test_sentences_of_like_length_share_a_batch(model, tokenizer):
    shapes = []
    handle = model.register_forward_pre_hook(
        lambda _, args, kwargs: shapes.append(tuple(kwargs["input_ids"].shape)),
        with_kwargs=True,
    )  # fmt: skip
    try:
        read_words(model, tokenizer, SENTENCES, batch_size=2)
    finally:
        handle.remove()
    lengths = sorted(len(encoding.ids) for encoding in encode_words(tokenizer, SENTENCES))
    assert sorted(shapes) == sorted((2, length) for length in lengths[1::2])
    assert lengths[0] + 4 < lengths[-1]


def test_attentions_come_with_the_words_alone_or_renormalised(model, tokenizer):
    plain = read_words(model, tokenizer, SENTENCES)
    full = read_words(model, tokenizer, SENTENCES, renormalise=True)
    assert plain.hidden_states is None
    for one, other in zip(plain.attentions, full.attentions):
        torch.testing.assert_close(other.sum(-1), torch.ones(other.shape[:-1]))
        torch.testing.assert_close(one / one.sum(-1, keepdim=True), other)
        assert (one.sum(-1) < 1).all() and one.sum(-1).mean() < 0.9


def test_trees_are_read_as_their_words(model, tokenizer):
    trees = [Tree(tuple(words), (), (), ()) for words in SENTENCES]
    as_trees = read_words(model, tokenizer, trees).attentions
    as_words = read_words(model, tokenizer, SENTENCES).attentions
    for one, other in zip(as_trees, as_words):
        assert torch.equal(one, other)


def test_what_the_tokenizer_was_set_to_changes_nothing(model, tokenizer):
    """Padding and truncation in a tokenizer's own file must not reach the words."""
    set_up = copy.deepcopy(tokenizer)
    set_up.backend_tokenizer.enable_padding(length=30)
    set_up.backend_tokenizer.enable_truncation(4)
    expected = read_words(model, tokenizer, SENTENCES, hidden_states=True)
    found = read_words(model, set_up, SENTENCES, hidden_states=True)
    for one, other in zip(expected.hidden_states, found.hidden_states):
        assert torch.equal(one, other)


def test_reading_leaves_the_model_as_it_was(model, tokenizer):
    before = model.config._attn_implementation
    weights = {name: p.clone() for name, p in model.named_parameters()}
    model.train()
    try:
        once = read_words(model, tokenizer, SENTENCES[:2]).attentions
        again = read_words(model, tokenizer, SENTENCES[:2]).attentions
        assert model.training  # and yet no dropout was used:
        assert all(torch.equal(a, b) for a, b in zip(once, again))
    finally:
        model.eval()
    assert model.config._attn_implementation == before
    assert all(torch.equal(p, weights[name]) for name, p in model.named_parameters())
    assert not once[0].requires_grad


@pytest.mark.parametrize("name", OTHERS)
def test_every_family_reads_a_padded_batch_as_it_reads_sentences_alone(name, tokenizer):
    other = made_noisy(dict(other_models())[name])
    together = read_words(other, tokenizer, SENTENCES, hidden_states=True, batch_size=6)
    alone = read_words(other, tokenizer, SENTENCES, hidden_states=True, batch_size=1)
    for kept in ("attentions", "hidden_states"):
        for one, other in zip(getattr(together, kept), getattr(alone, kept)):
            torch.testing.assert_close(one, other, atol=2e-5, rtol=1e-4)
            assert one.std() > 0.01  # something was read


def test_attentions_of_pruned_heads_are_refused_and_hidden_states_are_not(model, tokenizer):
    pruned = copy.deepcopy(model)
    prune_heads(pruned, {1: [2]})
    with pytest.raises(HeadError, match="attention between words.*4, 3 heads"):
        read_words(pruned, tokenizer, SENTENCES)
    states = read_words(pruned, tokenizer, SENTENCES, attentions=False, hidden_states=True)
    assert len(states.hidden_states) == len(SENTENCES)
    with pytest.raises(HeadError, match="Linear is none of the models"):
        read_words(torch.nn.Linear(2, 2), tokenizer, SENTENCES)


def test_wrong_questions_are_refused(model, tokenizer):
    def read(sentences=SENTENCES, with_tokenizer=tokenizer, **options):
        return read_words(model, with_tokenizer, sentences, **options)

    for options, message in [
        (dict(pieces="last"), "pieces is 'mean' or 'first', not 'last'"),
        (dict(attentions=False), "nothing is to be kept"),
        (dict(sentences=[]), "there is no sentence"),
        (dict(sentences=[["a"], []]), "sentence 1 must be a list of words"),
        (dict(sentences=["the cat sleeps"]), "sentence 0 must be a list of words"),
        (dict(sentences=[["a"], ["the", "\u200b", "cat"]]),
         r"sentence 1: .* no piece .*'\\u200b'"),
        (dict(sentences=[["the"] * 39]), "sentence 0 has 41 tokens, and the model 40"),
        (dict(with_tokenizer=SimpleNamespace(is_fast=False)), "fast tokenizer"),
        (dict(with_tokenizer=object()), "fast tokenizer"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=message):
            read(**options)
    assert read([["the"] * 38]).attentions[0].shape[-1] == 38  # the longest there is


def test_a_tokenizer_that_takes_no_lists_of_words_says_so():
    class Byte:
        is_fast = True

        def __call__(self, *args, **options):
            assert False, "instantiate it with add_prefix_space=True"

    with pytest.raises(ValueError, match="no lists of words: .*add_prefix_space"):
        encode_words(Byte(), SENTENCES)


# ------------------------------------------------------------------------ the control
def table_of(model):
    """The token embeddings, found by their size alone."""
    found = [p for p in model.parameters() if p.dim() == 2 and p.size(0) == 30522]
    assert found
    return found[0]


@pytest.mark.parametrize("name", ["bert", *OTHERS])
def test_random_weights_keep_the_embeddings_and_redraw_the_rest(name, model):
    original = model if name == "bert" else made_noisy(dict(other_models())[name])
    before = {key: p.clone() for key, p in original.named_parameters()}
    control = random_weights(original, seed=3)
    kept = table_of(control)
    assert torch.equal(kept, table_of(original)) and kept is not table_of(original)
    assert not control.training
    spread = getattr(original.config, "initializer_range", 0.02)
    matrices = 0
    for key, parameter in control.named_parameters():
        if parameter is kept:
            continue
        assert not torch.equal(parameter, before[key]), key
        if parameter.dim() > 1:
            matrices += 1
            error = 4 * spread / parameter.numel() ** 0.5
            assert abs(parameter.mean()) < error, key
            assert abs(parameter.std() - spread) < error, key
        else:
            norm = key.endswith("weight")  # only a LayerNorm's weight is a vector
            assert (parameter == float(norm)).all(), key
    assert matrices >= 6 * L if name != "gpt2" else matrices >= 4 * L
    for key, parameter in original.named_parameters():
        assert torch.equal(parameter, before[key]), key


@pytest.mark.parametrize("name", ["bert", *OTHERS])
def test_a_random_control_still_tells_words_apart(name, model, tokenizer):
    """A LayerNorm with weights of zero would make every vector, and every probe, blank."""
    original = model if name == "bert" else dict(other_models())[name]
    control = random_weights(original)
    states = read_words(
        control, tokenizer, SENTENCES, attentions=False, hidden_states=True
    ).hidden_states[3]
    for layer in range(1, L + 1):
        apart = torch.cdist(states[layer], states[layer])
        assert (apart + torch.eye(len(apart))).min() > 0.01
    attention = read_words(control, tokenizer, SENTENCES).attentions[3]
    learned = read_words(original, tokenizer, SENTENCES).attentions[3]
    assert (attention - learned).abs().max() > 0.05


def test_random_weights_depend_on_the_seed_and_on_nothing_else(model):
    one = random_weights(model, seed=0).state_dict()
    torch.manual_seed(99)
    state = torch.get_rng_state()
    again = random_weights(model, seed=0).state_dict()
    other = random_weights(model, seed=1).state_dict()
    assert torch.equal(torch.get_rng_state(), state)  # the caller's draws stay the same
    name = "encoder.layer.0.attention.self.query.weight"
    assert all(torch.equal(one[key], again[key]) for key in one)
    assert not torch.equal(one[name], other[name])
    assert not torch.equal(one[name], one[name.replace("query", "key")])


def test_a_tied_matrix_is_kept_and_the_copy_has_no_provenance():
    torch.manual_seed(0)
    config = transformers.BertConfig(vocab_size=500, tie_word_embeddings=True, **SIZES)
    original = transformers.BertForMaskedLM(config)
    original.provenance = "what was loaded"
    control = random_weights(original)
    table = control.get_input_embeddings().weight
    assert control.get_output_embeddings().weight is table
    assert torch.equal(table, original.get_input_embeddings().weight)
    assert not hasattr(control, "provenance") and original.provenance == "what was loaded"


def test_random_weights_need_a_table_of_token_embeddings():
    with pytest.raises(ValueError, match="Linear has no table of token embeddings"):
        random_weights(torch.nn.Linear(2, 2))
