"""Filling masks, pseudo-log-likelihoods, minimal pairs and neighbours in the table."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tokenizers import AddedToken, ByteLevelBPETokenizer, Tokenizer, models
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing
from transformers import (
    BertConfig, BertForMaskedLM, DistilBertConfig, DistilBertForMaskedLM,
    PreTrainedTokenizerFast, RobertaConfig, RobertaForMaskedLM,
)  # fmt: skip

from utils import bert, english, masked_lm
from utils.masked_lm import fill_mask, nearest_words, pseudo_log_likelihood
from utils.pretraining_tasks import corrupt, masked_lm_loss
from utils.sources import load_tokenizer

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
NAMES = dict(zip(("bos", "pad", "eos", "unk", "mask"), SPECIAL))
SMALL = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
             intermediate_size=64)  # fmt: skip
SENTENCES = ["the cat near the dogs sleeps", "dogs bark", "the dogs bark",
             "the cats near the old dog see the dog", "old cats sleep"]  # fmt: skip

TOLERANCE = 1e-4  # of sums of twenty logarithms of float32, each right to 1e-5

NOUNS = {"sg": ["cat", "dog", "king", "child"], "pl": ["cats", "dogs", "kings", "children"]}
VERBS = {"sg": ["sleeps", "barks", "sees", "reads"], "pl": ["sleep", "bark", "see", "read"]}
WORDS = ["the", "near", "old", *sum(NOUNS.values(), []), *sum(VERBS.values(), [])]


def fast(tokenizer):
    """A bare tokenizer of `tokenizers` with RoBERTa's special tokens around a text."""
    tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = {f"{name}_token": token for name, token in NAMES.items()}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)


@pytest.fixture(scope="module")
def words():
    """A tokenizer whose pieces are words."""
    vocabulary = {piece: i for i, piece in enumerate([*SPECIAL, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    return fast(tokenizer)


@pytest.fixture(scope="module")
def pieces():
    """A byte-level BPE, with RoBERTa's mask that takes the space before it."""
    tokenizer = ByteLevelBPETokenizer()
    special = [*SPECIAL[:4], AddedToken("<mask>", lstrip=True, special=True)]
    tokenizer.train_from_iterator([" ".join(SENTENCES)] * 9, 290, 2, False, special)
    return fast(tokenizer._tokenizer)


def roberta(tokenizer, seed=0, positions=26, **changes):
    torch.manual_seed(seed)
    config = RobertaConfig(
        vocab_size=len(tokenizer), max_position_embeddings=positions, type_vocab_size=1,
        pad_token_id=1, **{"initializer_range": 0.3, **SMALL, **changes},
    )  # fmt: skip
    return RobertaForMaskedLM(config).eval()


def others(tokenizer):
    """Untrained models of other kinds: HF's BERT, ours, and one without a known head."""
    size = dict(vocab_size=len(tokenizer), pad_token_id=1, initializer_range=0.3,
                max_position_embeddings=24)  # fmt: skip
    torch.manual_seed(1)
    theirs = BertForMaskedLM(BertConfig(**size, **SMALL)).eval()
    distil = DistilBertConfig(
        **size, dim=32, n_layers=2, n_heads=2, hidden_dim=64
    )
    return {
        "BERT": theirs, "ours": bert.from_transformers(theirs),
        "DistilBERT": DistilBertForMaskedLM(distil).eval(),
        "RoBERTa": roberta(tokenizer),
    }  # fmt: skip


def grammatical(number, rng, agreeing=True):
    """Sentences whose verb agrees with the first noun, not with the one beside it."""
    made = []
    for _ in range(number):
        own, near = rng.choice(["sg", "pl"], 2)
        verb = own if agreeing else {"sg": "pl", "pl": "sg"}[own]
        old = ["old"] if rng.random() < 0.3 else []
        made.append(" ".join([
            "the", *old, rng.choice(NOUNS[own]), "near", "the", rng.choice(NOUNS[near]),
            rng.choice(VERBS[verb]),
        ]))  # fmt: skip
    return made


@pytest.fixture(scope="module")
def trained(words):
    """A small RoBERTa that has learned the grammar of `grammatical`, in seconds."""
    model = roberta(words, initializer_range=0.1, hidden_dropout_prob=0.0,
                    attention_probs_dropout_prob=0.0).train()  # fmt: skip
    rng, generator = np.random.default_rng(0), torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(300):
        batch = words(grammatical(64, rng), padding=True, return_tensors="pt")
        ids = batch["input_ids"]
        corrupted, labels = corrupt(ids, range(5), 4, len(words), generator, rate=0.2)
        logits = model(corrupted, attention_mask=batch["attention_mask"]).logits
        masked_lm_loss(logits, labels).backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.eval()


# ------------------------------------------------------------------ fill in the mask
def test_fillings_are_the_best_of_the_full_logits(pieces):
    model = roberta(pieces)
    text = "the old cats <mask> the dog"
    found = fill_mask(model, pieces, text, top=4)
    batch = pieces(text, return_tensors="pt")
    place = batch["input_ids"][0].tolist().index(4)
    with torch.no_grad():
        shares = model(**batch).logits[0, place].softmax(-1)
    best = shares.topk(4)
    assert [pieces.convert_tokens_to_ids(f.piece) for f in found] == best.indices.tolist()
    np.testing.assert_allclose([f.probability for f in found], best.values, atol=1e-6)
    spoken = [pieces.decode([i]) for i in best.indices.tolist()]
    assert [f.text for f in found] == [f"the old cats{s} the dog" for s in spoken]
    everything = fill_mask(model, pieces, text, top=len(pieces))
    assert sum(f.probability for f in everything) == pytest.approx(1, abs=1e-5)


def test_each_of_several_masks_is_filled(words, trained):
    one, other = fill_mask(trained, words, "the <mask> near the dogs <mask>", top=3)
    assert {f.piece for f in one} <= set(NOUNS["sg"] + NOUNS["pl"] + ["old"])
    assert {f.piece for f in other} <= set(VERBS["sg"] + VERBS["pl"])
    assert one[0].text == f"the {one[0].piece} near the dogs <mask>"
    assert other[0].text == f"the <mask> near the dogs {other[0].piece}"


def test_a_trained_model_fills_in_what_agrees(words, trained):
    for number, noun in (("sg", "king"), ("pl", "kings")):
        found = fill_mask(trained, words, f"the {noun} near the dogs <mask>", top=4)
        assert {f.piece for f in found} == set(VERBS[number])


def test_fill_mask_refuses(words):
    model = roberta(words)
    with pytest.raises(ValueError, match="no mask to fill: put '<mask>'"):
        fill_mask(model, words, "the cat sleeps")
    with pytest.raises(ValueError, match="25 tokens, and the model 24 positions"):
        fill_mask(model, words, "<mask> " + "cat " * 22)
    assert fill_mask(model, words, "<mask> " + "cat " * 21)  # the last that fits
    for top in (0, len(words) + 1):
        with pytest.raises(ValueError, match="top"):
            fill_mask(model, words, "the <mask>", top=top)
    model.lm_head.bias.data[3] = torch.nan
    with pytest.raises(ValueError, match="NaN"):
        fill_mask(model, words, "the <mask>")


def test_bert_reads_as_many_tokens_as_it_has_positions(words):
    for name in ("BERT", "ours", "DistilBERT"):
        model = others(words)[name]
        assert masked_lm.longest_input(model) == 24
        assert fill_mask(model, words, "<mask> " + "cat " * 21)


# -------------------------------------------------------------- score a sentence
def brute_force(model, tokenizer, sentence):
    """The definition, word for word: one mask at a time through the whole model."""
    ids = torch.tensor(tokenizer(sentence)["input_ids"])
    total = 0.0
    for place in range(1, len(ids) - 1):  # neither <s> nor </s>
        masked = ids.clone()
        masked[place] = tokenizer.mask_token_id
        with torch.no_grad():
            logits = model(masked[None], attention_mask=torch.ones(1, len(ids))).logits
        total += F.log_softmax(logits[0, place], -1)[ids[place]].item()
    return total


@pytest.mark.parametrize("kind", ["RoBERTa", "BERT", "ours", "DistilBERT"])
def test_the_score_is_its_definition_whatever_the_batch(pieces, kind):
    model = others(pieces)[kind]
    expected = [brute_force(model, pieces, sentence) for sentence in SENTENCES]
    assert np.ptp(expected) > 10  # so that another order would be seen
    for batch_size in (7, 64):
        found = pseudo_log_likelihood(model, pieces, SENTENCES, batch_size)
        np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)
    alone = pseudo_log_likelihood(model, pieces, SENTENCES[3:4])
    np.testing.assert_allclose(alone, expected[3:4], rtol=0, atol=TOLERANCE)


def test_the_head_computes_what_is_asked_alone(pieces, monkeypatch):
    model, seen = roberta(pieces), []
    model.lm_head.register_forward_hook(lambda m, inputs, out: seen.append(out.shape))
    pseudo_log_likelihood(model, pieces, SENTENCES, batch_size=8)
    assert all(len(shape) == 2 and shape[0] <= 8 for shape in seen)
    hidden = sum(len(pieces(s, add_special_tokens=False)["input_ids"]) for s in SENTENCES)
    assert sum(shape[0] for shape in seen) == hidden


def test_an_unknown_word_counts_and_a_special_token_does_not(words):
    model = roberta(words)
    known, unknown = pseudo_log_likelihood(model, words, ["the cat", "the zebra"])
    assert unknown == pytest.approx(brute_force(model, words, "the zebra"), abs=1e-4)
    with_end = pseudo_log_likelihood(model, words, ["the cat </s>"])[0]
    ids = torch.tensor([0, words.convert_tokens_to_ids("the"), 0, 2, 2])
    ids[2] = words.convert_tokens_to_ids("cat")
    total = 0
    for place in (1, 2):
        masked = ids.clone()
        masked[place] = 4
        with torch.no_grad():
            total += model(masked[None]).logits[0, place].log_softmax(-1)[ids[place]].item()
    assert with_end == pytest.approx(total, abs=1e-4)


def test_dropout_is_off_inside_and_on_again_after(words):
    model = roberta(words, hidden_dropout_prob=0.5).train()
    one, two = (pseudo_log_likelihood(model, words, SENTENCES) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert model.training and model.roberta.training
    with pytest.raises(ValueError):
        fill_mask(model, words, "the <mask>", top=0)
    assert model.training
    pseudo_log_likelihood(model.eval(), words, SENTENCES[:1])
    assert not model.training


def test_a_trained_model_prefers_what_agrees(words, trained):
    rng = np.random.default_rng(5)
    good = grammatical(60, np.random.default_rng(7))
    bad = grammatical(60, np.random.default_rng(7), agreeing=False)
    rng.shuffle(order := np.arange(60))
    scores = [
        pseudo_log_likelihood(trained, words, [texts[i] for i in order])
        for texts in (good, bad)
    ]
    assert masked_lm.prefer_good(*scores).mean() > 0.95
    untrained = roberta(words, initializer_range=0.02)
    scores = [pseudo_log_likelihood(untrained, words, texts) for texts in (good, bad)]
    assert 0.2 < masked_lm.prefer_good(*scores).mean() < 0.8


def test_pseudo_log_likelihood_refuses(words):
    model = roberta(words)
    for sentences in ("the cat", []):
        with pytest.raises(ValueError, match="list of texts"):
            pseudo_log_likelihood(model, words, sentences)
    with pytest.raises(ValueError, match="has a mask"):
        pseudo_log_likelihood(model, words, ["the cat", "the <mask>"])
    with pytest.raises(ValueError, match="'' has no piece"):
        pseudo_log_likelihood(model, words, ["the cat", ""])
    with pytest.raises(ValueError, match="positions"):
        pseudo_log_likelihood(model, words, ["cat " * 23])
    model.lm_head.bias.data[3] = torch.nan
    with pytest.raises(ValueError, match="NaN"):
        pseudo_log_likelihood(model, words, ["the cat"])
    bare = PreTrainedTokenizerFast(tokenizer_object=words.backend_tokenizer,
                                   mask_token="<mask>")  # fmt: skip
    with pytest.raises(ValueError, match="no pad_token"):
        pseudo_log_likelihood(model, bare, ["the cat"])


# ----------------------------------------------------------------- minimal pairs
def test_a_tie_is_half_right_and_nan_is_refused():
    assert masked_lm.prefer_good([-1, -2, -3], [-2, -2, -1]).tolist() == [1, 0.5, 0]
    with pytest.raises(ValueError, match="pair 1 is NaN"):
        masked_lm.prefer_good([1, np.nan], [0, 0])
    with pytest.raises(ValueError, match=r"\[2\] and \[1\]"):
        masked_lm.prefer_good([1, 2], [0])


def test_wilsons_interval():
    # By hand from the two roots of (p - 0.8)² = z² p (1 - p) / 10.
    low, high = masked_lm.wilson_interval(8, 10)
    for p in (low, high):
        assert (p - 0.8) ** 2 == pytest.approx(masked_lm.Z**2 * p * (1 - p) / 10)
    assert low < 0.8 < high
    assert masked_lm.wilson_interval(0, 5)[0] == pytest.approx(0, abs=1e-12)
    assert masked_lm.wilson_interval(5, 5)[1] == pytest.approx(1)
    assert masked_lm.wilson_interval(5, 5)[0] < 0.6


@pytest.fixture(scope="module")
def pairs():
    return english.minimal_pairs(102, seed=4, phenomena=list(english.PHENOMENA))


def test_the_table_of_pairs(pairs):
    right = {p.good.text for p in pairs if "island" in p.phenomenon}
    tied = {s.text for p in pairs if p.phenomenon == "passive_1" for s in (p.good, p.bad)}
    calls = []

    def score(texts):
        calls.append(len(texts))
        return np.array([1.0 if t in right else 0.5 if t in tied else -1.0 for t in texts])

    score_ties = masked_lm.minimal_pair_accuracy(score, pairs)
    assert calls == [204]
    assert list(score_ties.columns) == ["field", "n", "accuracy", "low", "high"]
    assert list(score_ties.index) == [*english.PHENOMENA, "all"]
    assert (score_ties["n"][:-1] == 2).all() and score_ties.loc["all", "n"] == 102
    islands = [name for name in english.PHENOMENA if "island" in name]
    assert (score_ties.loc[islands, "accuracy"] == 1).all()
    assert (score_ties.drop(index=[*islands, "all"])["accuracy"] == 0.5).all()
    assert score_ties.loc["all", "accuracy"] == pytest.approx(
        (102 / 2 + len(islands)) / 102
    )
    assert score_ties.loc["passive_1", "field"] == "argument_structure"

    fields = masked_lm.accuracy_by_field(score_ties)
    assert list(fields.columns) == ["n", "accuracy", "low", "high"]
    assert len(fields) == 13 and fields.index[0] == "island_effects"
    assert fields.loc["argument_structure", "n"] == 16
    assert fields.loc["all"].equals(score_ties.loc["all", fields.columns].astype(float))


def test_pairs_of_different_numbers_are_weighed_by_their_number(pairs):
    some = [p for p in pairs if p.phenomenon == "passive_1"][:1]
    some += [p for p in pairs if p.phenomenon == "passive_2"]
    good = {p.good.text for p in some[1:]}
    table = masked_lm.minimal_pair_accuracy(lambda t: [float(x in good) for x in t], some)
    assert table["accuracy"].tolist() == pytest.approx([0.5, 1, 2.5 / 3])
    by_field = masked_lm.accuracy_by_field(table)
    assert by_field["accuracy"].tolist() == pytest.approx([2.5 / 3] * 2)


def test_a_perfect_score_is_perfect_and_the_good_is_not_always_first(pairs):
    good = {p.good.text for p in pairs}
    table = masked_lm.minimal_pair_accuracy(lambda texts: [t in good for t in texts], pairs)
    assert table.loc["all", "accuracy"] == 1
    table = masked_lm.minimal_pair_accuracy(lambda texts: [t not in good for t in texts], pairs)
    assert table.loc["all", "accuracy"] == 0


def test_pairs_refuse(pairs):
    with pytest.raises(ValueError, match="no pairs"):
        masked_lm.minimal_pair_accuracy(len, [])
    with pytest.raises(ValueError, match="for 4 sentences"):
        masked_lm.minimal_pair_accuracy(lambda texts: np.zeros(3), pairs[:2])


# ------------------------------------------------------------------ nearest words
def test_a_trained_table_has_words_of_a_kind_together(words, trained):
    """The two classes that a mask can be filled with are apart in the table."""
    nouns, verbs = sum(NOUNS.values(), []), sum(VERBS.values(), [])
    for own in (nouns, verbs):
        for word in own:
            near = nearest_words(trained, words, word, nouns + verbs, top=2)
            assert {n.word for n in near} <= set(own) - {word}
            assert near[0].cosine >= near[1].cosine


def test_neighbours_by_hand(words):
    model = roberta(words)
    table = torch.zeros(len(words), 32)
    at = {w: words.convert_tokens_to_ids(w) for w in WORDS}
    table[at["cat"], 0], table[at["dog"], :2], table[at["king"], 1] = 2.0, 1.0, -1.0
    table += 5  # what all rows share
    model.get_input_embeddings().weight.data.copy_(table)
    found = nearest_words(model, words, "cat", ["king", "cat", "dog", "dog"], top=9)
    middle = table - table.mean(0)
    expected = [
        (w, F.cosine_similarity(middle[at["cat"]], middle[at[w]], 0).item())
        for w in ("dog", "king")
    ]
    assert [n.word for n in found] == ["dog", "king"]
    np.testing.assert_allclose([n.cosine for n in found], [c for _, c in expected], rtol=1e-4)
    assert found[1].cosine < 0  # not 0.99, as it is with what all share


def test_a_word_of_several_pieces_has_their_mean(pieces):
    model = roberta(pieces)
    several = pieces(" zebra", add_special_tokens=False)["input_ids"]
    assert len(several) > 1
    table = model.get_input_embeddings().weight.detach()
    table = table - table.mean(0)
    [found] = nearest_words(model, pieces, "dog", ["zebra"], top=1)
    dog = pieces(" dog", add_special_tokens=False)["input_ids"]
    expected = F.cosine_similarity(table[dog].mean(0), table[several].mean(0), 0)
    assert found.cosine == pytest.approx(expected.item(), abs=1e-5)


def test_whole_words(words, pieces):
    assert masked_lm.whole_words(words) == WORDS
    found = masked_lm.whole_words(pieces)
    assert {"cat", "dogs", "near", "the"} <= set(found)
    assert all(pieces.convert_tokens_to_ids(f"Ġ{word}") != 3 for word in found)
    bert_words = masked_lm.whole_words(load_tokenizer("bert-base-uncased"))
    assert "river" in bert_words and "ing" in bert_words and "##ing" not in bert_words
    assert len(bert_words) > 20_000 and "[PAD]" not in bert_words


def test_nearest_words_refuses(words):
    model = roberta(words)
    with pytest.raises(ValueError, match="no pieces for the word 'zebra'"):
        nearest_words(model, words, "zebra")
    with pytest.raises(ValueError, match="0 words to compare 'cat' with"):
        nearest_words(model, words, "cat", ["cat"])
    with pytest.raises(ValueError, match="the 0 nearest"):
        nearest_words(model, words, "cat", top=0)


def test_our_own_bert_answers_as_theirs_does(words):
    kinds = others(words)
    theirs, ours = kinds["BERT"], kinds["ours"]
    one = fill_mask(theirs, words, "the <mask> near the dogs")
    other = fill_mask(ours, words, "the <mask> near the dogs")
    assert [f.text for f in one] == [f.text for f in other]
    np.testing.assert_allclose(*([f.probability for f in x] for x in (one, other)), rtol=1e-4)
    near = [nearest_words(model, words, "cat") for model in (theirs, ours)]
    assert near[0] == near[1]
