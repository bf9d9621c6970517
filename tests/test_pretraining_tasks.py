"""The two pre-training tasks: their statistics, their labels, their refusals."""

import math
from collections import Counter

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings, strategies as st
from transformers import DataCollatorForLanguageModeling

from utils.pretraining_tasks import (
    ABBREVIATIONS,
    Pair,
    corrupt,
    corruption_report,
    encode_pairs,
    masked_lm_loss,
    next_sentence_pairs,
    split_sentences,
)
from utils.sources import load_text, load_tokenizer
from utils.tokenization import WordPiece

PAD, UNK, CLS, SEP, MASK = SPECIAL = [0, 1, 2, 3, 4]
VOCAB_SIZE = 1000


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def batch(rows=200, length=128, vocab_size=VOCAB_SIZE, seed=0):
    """[CLS] ordinary ids [SEP] and padding, rows of different lengths."""
    ids = torch.randint(5, vocab_size, (rows, length), generator=seeded(seed))
    ids[:, 0] = CLS
    ends = torch.randint(2, length, (rows,), generator=seeded(seed + 1))
    ids[torch.arange(rows), ends] = SEP
    ids[torch.arange(length) > ends[:, None]] = PAD
    return ids


def corrupted_batch(ids=None, seed=0, vocab_size=VOCAB_SIZE, **rates):
    ids = batch(vocab_size=vocab_size) if ids is None else ids
    return ids, *corrupt(ids, SPECIAL, MASK, vocab_size, seeded(seed), **rates)


def report_of(results, vocab_size=VOCAB_SIZE, **rates):
    return corruption_report(*results, MASK, SPECIAL, vocab_size, **rates)


# ----------------------------------------------------------------- the corruption
@pytest.mark.parametrize("seed", range(3))
def test_fifteen_percent_then_80_10_10(seed):
    report = report_of(corrupted_batch(seed=seed))
    assert report["of"]["chosen"] > 10_000
    assert (report["z"].abs() <= 3).all(), report
    assert report["share"]["chosen"] == pytest.approx(0.15, abs=0.01)
    assert report["share"]["masked"] == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize(
    "rates", [{"rate": 0.4}, {"mask": 0.5, "random": 0.5}, {"mask": 1.0, "random": 0.0},
              {"mask": 0.0, "random": 1.0}, {"mask": 0.0, "random": 0.0}, {"rate": 1.0}]
)  # fmt: skip
def test_other_rates(rates):
    report = report_of(corrupted_batch(**rates), **rates)
    assert (report["z"].abs() <= 3).all(), report


def test_a_random_token_may_be_the_original_or_the_mask():
    """With 8 pieces 2 in 8 random ids look kept or masked: the report knows."""
    results = corrupted_batch(batch(2000, vocab_size=8), vocab_size=8)
    report = report_of(results, vocab_size=8)
    assert (report["z"].abs() <= 3).all(), report
    assert report["share"]["kept"] == pytest.approx(0.1 + 0.1 / 8, abs=0.005)
    assert report["share"]["random"] == pytest.approx(0.1 * 6 / 8, abs=0.005)
    # Taken for a large vocabulary, the same counts would be refused.
    assert report_of(results, vocab_size=10**6)["z"].abs().max() > 5


def test_labels_are_the_original_ids_where_chosen_and_ignored_elsewhere():
    ids, corrupted, labels = corrupted_batch()
    chosen = labels != -100
    assert torch.equal(labels[chosen], ids[chosen])
    assert torch.equal(corrupted[~chosen], ids[~chosen])
    assert corrupted.dtype == labels.dtype == torch.long
    assert corrupted.shape == labels.shape == ids.shape


def test_special_tokens_are_never_chosen():
    special = torch.tensor(SPECIAL)
    ids = batch(50)
    for seed in range(200):
        corrupted, labels = corrupt(ids, SPECIAL, MASK, VOCAB_SIZE, seeded(seed))
        assert not torch.isin(labels, special).any()
        here = torch.isin(ids, special)
        assert torch.equal(corrupted[here], ids[here])
    everything = corrupt(ids, SPECIAL, MASK, VOCAB_SIZE, seeded(), rate=1.0)[1]
    assert torch.equal(everything == -100, torch.isin(ids, special))


def test_each_position_is_as_likely_and_independent_of_its_neighbour():
    ids = torch.full((20_000, 6), 7)
    chosen = corrupt(ids, SPECIAL, MASK, VOCAB_SIZE, seeded())[1] != -100
    deviation = math.sqrt(0.15 * 0.85 / len(ids))
    assert ((chosen.double().mean(0) - 0.15).abs() < 4 * deviation).all()
    both = (chosen[:, 1:] & chosen[:, :-1]).double().mean().item()
    assert both == pytest.approx(0.15**2, abs=4 * 0.0225**0.5 / math.sqrt(5 * len(ids)))


def test_random_ids_come_from_the_whole_vocabulary():
    ids = torch.full((200, 100), 7)
    corrupted, _ = corrupt(
        ids, SPECIAL, MASK, 20, seeded(), rate=1.0, mask=0.0, random=1.0
    )
    counts = torch.bincount(corrupted.flatten(), minlength=20)
    expected = ids.numel() / 20
    assert ((counts - expected).abs() < 4 * math.sqrt(expected)).all()


def test_a_seed_gives_the_same_corruption_and_each_call_another():
    ids, generator = batch(), seeded()
    first = corrupt(ids, SPECIAL, MASK, VOCAB_SIZE, generator)
    second = corrupt(ids, SPECIAL, MASK, VOCAB_SIZE, generator)  # the next epoch
    again = corrupt(ids, SPECIAL, MASK, VOCAB_SIZE, seeded())
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
    assert not torch.equal(first[1], second[1])


def test_the_input_and_the_global_random_state_stay_as_they_were():
    ids = batch()
    before, state = ids.clone(), torch.get_rng_state()
    corrupt(ids, SPECIAL, MASK, VOCAB_SIZE, seeded())
    assert torch.equal(ids, before) and torch.equal(torch.get_rng_state(), state)


def test_an_empty_batch_and_a_batch_of_padding():
    for ids in (torch.empty(0, 5, dtype=torch.long), torch.full((2, 5), PAD)):
        corrupted, labels = corrupt(ids, SPECIAL, MASK, VOCAB_SIZE, seeded())
        assert torch.equal(corrupted, ids) and (labels == -100).all()


@pytest.fixture(scope="module")
def tokenizer():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_SOURCE", "embedded")
        return load_tokenizer("all-MiniLM-L6-v2")


@pytest.fixture(scope="module")
def wordpiece(tokenizer):
    return WordPiece.from_tokenizer(tokenizer)


def test_the_library_does_the_same_in_distribution(tokenizer, wordpiece):
    """The report finds nothing to say of `transformers`' collator either."""
    ids = torch.randint(1000, 30522, (300, 128), generator=seeded())
    ids[:, 0], ids[:, 100], ids[:, 101:] = 101, 102, 0
    torch.manual_seed(0)
    collator = DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15)
    theirs = collator([{"input_ids": row} for row in ids])
    special = wordpiece.special_ids
    ours = corrupt(ids, special, 103, len(wordpiece), seeded())
    for corrupted, labels in [(theirs["input_ids"], theirs["labels"]), ours]:
        report = corruption_report(ids, corrupted, labels, 103, special, 30522)
        assert (report["z"].abs() <= 3).all(), report


# --------------------------------------------------- the report finds what is wrong
WRONG_RATES = {
    "the slides' 10/10/80": {"mask": 0.1, "random": 0.1},
    "nothing kept": {"mask": 0.9, "random": 0.1},
    "nothing random": {"mask": 0.9, "random": 0.0},
    "random and kept swapped with masked": {"mask": 0.1, "random": 0.8},
    "a fifth": {"rate": 0.2},
    "12 %": {"rate": 0.12},
}


@pytest.mark.parametrize("name", WRONG_RATES)
def test_wrong_proportions_are_refused(name):
    report = report_of(corrupted_batch(**WRONG_RATES[name]))
    assert report["z"].abs().max() > 5, report


def test_what_may_never_happen_is_counted_without_end():
    ids, corrupted, labels = corrupted_batch()
    special = labels.clone()
    special[:, 0] = CLS  # asks for [CLS]
    report = report_of((ids, corrupted, special))
    assert report["count"]["special and chosen"] == len(ids)
    assert report["z"]["special and chosen"] == math.inf

    changed = corrupted.clone()
    place = (0, (labels[0] == -100).nonzero()[0].item())
    changed[place] = 999
    assert report_of((ids, changed, labels))["z"]["changed, not chosen"] == math.inf

    wrong = torch.where(labels == -100, labels, corrupted)  # labels of the corrupted
    assert report_of((ids, corrupted, wrong))["z"]["label not the original"] == math.inf

    nothing = report_of((ids, ids, torch.full_like(ids, -100)))
    assert nothing["z"]["chosen"] < -5 and math.isnan(nothing["z"]["masked"])


def test_z_is_standard_normal_over_seeds():
    ids = batch(60)
    z = [report_of(corrupted_batch(ids, seed))["z"].iloc[:4] for seed in range(300)]
    z = torch.tensor([list(row) for row in z])  # [300, 4]
    assert (z.mean(0).abs() < 0.25).all() and ((z.std(0) - 1).abs() < 0.17).all()


# ------------------------------------------------------------------------- refusals
@pytest.mark.parametrize(
    "change, error, message",
    [
        ({"input_ids": [[1, 2]]}, TypeError, "torch.long.*this is list"),
        ({"input_ids": torch.rand(2, 3)}, TypeError, "this is torch.float32"),
        ({"input_ids": torch.ones(2, 3).int()}, TypeError, "this is torch.int32"),
        ({"generator": None}, TypeError, "torch.Generator.*It is None"),
        ({"generator": 7}, TypeError, "It is 7"),
        ({"rate": 15}, ValueError, "rate is a probability.*it is 15"),
        ({"mask": -0.1}, ValueError, "mask is a probability.*it is -0.1"),
        ({"random": float("nan")}, ValueError, "random is a probability.*it is nan"),
        ({"mask": 0.8, "random": 0.3}, ValueError, "0.8 \\+ 0.3 is 1.1"),
        ({"mask_id": VOCAB_SIZE}, ValueError, "mask_id .*vocabulary of 1000"),
        ({"special_ids": [-1]}, ValueError, "special_ids .*vocabulary of 1000"),
        ({"vocab_size": 10}, ValueError, "input_ids .*vocabulary of 10 "),
    ],
)
def test_corrupt_refuses(change, error, message):
    arguments = {"input_ids": batch(3), "special_ids": SPECIAL, "mask_id": MASK,
                 "vocab_size": VOCAB_SIZE, "generator": seeded()}  # fmt: skip
    with pytest.raises(error, match=message):
        corrupt(**arguments | change)


def test_the_report_refuses_shapes_that_differ():
    ids, corrupted, labels = corrupted_batch()
    with pytest.raises(ValueError, match="differ in shape"):
        report_of((ids, corrupted[:, 1:], labels))


# ----------------------------------------------------------------------------- loss
def test_the_loss_counts_the_chosen_alone():
    logits = torch.randn(3, 5, 11, generator=seeded(), dtype=torch.float64)
    labels = torch.full((3, 5), -100)
    labels[0, 1], labels[2, 4] = 7, 0  # an id of 0 is a label like another
    by_hand = -logits.log_softmax(-1)[[0, 2], [1, 4], [7, 0]].mean()
    torch.testing.assert_close(masked_lm_loss(logits, labels), by_hand)
    # What lies where nothing is asked changes nothing.
    logits[1] += 5 * torch.randn(5, 11, generator=seeded(1), dtype=torch.float64)
    torch.testing.assert_close(masked_lm_loss(logits, labels), by_hand)


def test_a_model_that_knows_nothing_loses_ln_v():
    labels = torch.full((2, 4), -100)
    labels[:, 1] = 3
    loss = masked_lm_loss(torch.zeros(2, 4, 30522), labels)
    assert loss.item() == pytest.approx(math.log(30522), abs=1e-5)  # 10.326


def test_a_mean_cannot_be_masked_afterwards():
    """d2l's loss: the weights cancel, and the padding's label 0 is learnt too."""
    logits = torch.randn(2, 6, 11, generator=seeded(), dtype=torch.float64)
    labels = torch.tensor([[5, -100, 8, -100, -100, -100], [2] + [-100] * 5])
    weights = (labels != -100).double()
    zeros = labels.clamp(min=0).flatten()
    mean = F.cross_entropy(logits.flatten(0, 1), zeros)
    masked_late = (mean * weights).sum() / weights.sum()
    torch.testing.assert_close(masked_late, mean)  # no mask at all
    right = masked_lm_loss(logits, labels)
    assert abs(masked_late - right) > 0.01
    each = F.cross_entropy(logits.flatten(0, 1), zeros, reduction="none")
    masked_first = (each * weights.flatten()).sum() / weights.sum()
    torch.testing.assert_close(masked_first, right)


def test_the_loss_refuses():
    with pytest.raises(ValueError, match="nothing to predict"):
        masked_lm_loss(torch.zeros(1, 3, 5), torch.full((1, 3), -100))
    with pytest.raises(ValueError, match=r"logits are \[1, 3, 5\], labels \[1, 4\]"):
        masked_lm_loss(torch.zeros(1, 3, 5), torch.zeros(1, 4).long())


# --------------------------------------------------------- next sentence prediction
def documents(number=6, sentences=5):
    return [[f"d{d} s{s}" for s in range(sentences)] for d in range(number)]


def true_pairs(documents):
    return {pair for sentences in documents for pair in zip(sentences, sentences[1:])}


@pytest.mark.parametrize("number", [0, 1, 2, 7, 100])
def test_half_of_the_pairs_are_true(number):
    texts = documents()
    pairs = next_sentence_pairs(texts, number, seeded())
    assert len(pairs) == number
    assert sum(pair.is_next for pair in pairs) == (number + 1) // 2
    for first, second, is_next in pairs:
        assert ((first, second) in true_pairs(texts)) == is_next
        assert (first.split()[0] == second.split()[0]) == is_next  # another document


def test_labels_come_in_no_order_and_by_the_seed():
    pairs = next_sentence_pairs(documents(), 200, seeded())
    flips = sum(a.is_next != b.is_next for a, b in zip(pairs, pairs[1:]))
    assert 70 < flips < 130
    assert pairs == next_sentence_pairs(documents(), 200, seeded())
    assert pairs != next_sentence_pairs(documents(), 200, seeded(1))


def test_no_sentence_tells_the_label_by_itself():
    """First and second sentences, true or false, come from the same sentences."""
    pairs = next_sentence_pairs(documents(3, 4), 9000, seeded())
    for column in (0, 1):
        counts = {True: Counter(), False: Counter()}
        for pair in pairs:
            counts[pair.is_next][pair[column]] += 1
        assert set(counts[True]) == set(counts[False])
        for sentence, true in counts[True].items():
            assert true == pytest.approx(500, abs=1)
            assert counts[False][sentence] == pytest.approx(500, abs=100)
    assert not any(pair.second.endswith("s0") for pair in pairs)  # opens a document
    assert not any(pair.first.endswith("s3") for pair in pairs)  # closes one


def test_each_sentence_is_a_first_one_as_often():
    texts = documents()  # 24 sentences with a next one
    pairs = next_sentence_pairs(texts, 24, seeded())
    assert len({pair.first for pair in pairs}) == 24


@settings(max_examples=200, deadline=None)
@given(
    texts=st.lists(st.lists(st.sampled_from("abcde"), max_size=6), max_size=5),
    number=st.integers(0, 30),
    seed=st.integers(0, 99),
)
def test_hostile_documents_never_give_a_wrong_label(texts, number, seed):
    """Five sentences that repeat everywhere: a false pair is true nowhere."""
    true = true_pairs(texts)
    try:
        pairs = next_sentence_pairs(texts, number, seeded(seed))
    except ValueError as error:
        assert "two documents" in str(error) or "no false continuation" in str(error)
        return
    assert len(pairs) == number
    for first, second, is_next in pairs:
        assert ((first, second) in true) == is_next
        if not is_next:  # it follows some sentence of a document that lacks the first's
            assert any(second in sentences[1:] for sentences in texts)


def test_a_repeated_sentence_is_no_false_continuation_even_where_chances_are_small():
    """One sentence in 2,001 may follow; draws alone would hardly ever find it."""
    texts = [["a", "b"], ["a", "b"] * 1000 + ["z"], ["b", "a"]]
    for seed in range(3):
        for first, second, is_next in next_sentence_pairs(texts, 40, seeded(seed)):
            assert is_next or (first, second) not in {("a", "b"), ("b", "a"), ("b", "z")}


@pytest.mark.parametrize(
    "texts, error, message",
    [
        ([], ValueError, "two documents"),
        ([["a", "b", "c"]], ValueError, "two documents"),
        ([["a"], ["b"], ["c"]], ValueError, "two documents"),
        ([["a", "b"], ["c"]], ValueError, "two documents"),
        ([["a", "b"], ["a", "c"]], ValueError, "no false continuation for 'a'"),
        (["a b", "c d"], TypeError, "document 0 is not: 'a b'"),
        ([["a", "b"], ["c", 4]], TypeError, "document 1 is not"),
        ([["a", "b"], ["c", " "]], ValueError, "document 1 has a blank .*number 1"),
    ],
)
def test_documents_without_pairs_are_refused(texts, error, message):
    with pytest.raises(error, match=message):
        next_sentence_pairs(texts, 4, seeded())


def test_other_refusals_of_pairs():
    with pytest.raises(TypeError, match="torch.Generator.*It is 5"):
        next_sentence_pairs(documents(), 4, 5)
    with pytest.raises(ValueError, match="it is -1"):
        next_sentence_pairs(documents(), -1, seeded())


def test_pairs_of_the_wikipedia_articles():
    articles = load_text("wikipedia")[:12]
    texts = [[s for p in a.paragraphs for s in split_sentences(p)] for a in articles]
    pairs = next_sentence_pairs(texts, 500, seeded())
    true = true_pairs(texts)
    assert [(p.first, p.second) in true for p in pairs] == [p.is_next for p in pairs]


# --------------------------------------------------------------------- encoded pairs
def test_encoded_pairs_are_what_the_library_makes(tokenizer, wordpiece):
    pairs = [Pair("The cat slept on the rug.", "It likes sleeping all day.", True),
             Pair("The cat slept.", "Prices rose again in the second quarter.", False)]  # fmt: skip
    for max_length in (None, 12):
        encoded = encode_pairs(pairs, wordpiece, max_length)
        expected = tokenizer(
            [p.first for p in pairs], [p.second for p in pairs], padding="longest",
            truncation=max_length is not None, max_length=max_length,
            return_tensors="pt",
        )  # fmt: skip
        for name in ("input_ids", "token_type_ids", "attention_mask"):
            assert torch.equal(encoded[name], expected[name]), name
        assert encoded["next_sentence_labels"].tolist() == [0, 1]


def test_encoded_pairs_can_be_corrupted(wordpiece):
    pairs = next_sentence_pairs(documents(), 50, seeded())
    encoded = encode_pairs(pairs, wordpiece)
    special, size = wordpiece.special_ids, len(wordpiece)
    labels = corrupt(encoded["input_ids"], special, 103, size, seeded(), rate=1.0)[1]
    assert (labels[encoded["attention_mask"] == 0] == -100).all()
    assert ((labels == -100) & (encoded["attention_mask"] == 1)).sum() == 3 * len(pairs)


def test_encode_pairs_refuses():
    pair = Pair("a", "a", True)
    with pytest.raises(ValueError, match="no pairs"):
        encode_pairs([], WordPiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a"]))
    with pytest.raises(ValueError, match=r"no \[PAD\]"):
        encode_pairs([pair], WordPiece(["[UNK]", "[CLS]", "[SEP]", "a"]))


# -------------------------------------------------------------------------- sentences
@pytest.mark.parametrize(
    "sentences",
    [
        ["The cat slept.", "It was tired!", "Was it?", "Yes…", "3 cats came."],
        ["Dr. Smith met J. S. Bach, e.g. Paris.", "He left at 5 p.m. and slept."],
        ["He said \"Stop.\"", "(She did.)", "“Why?”", "Nobody knew."],
        ["It grew 3.5 % in the U.S. Congress of 1990.", "It is ranked No. 1 today."],
        ["Elena dijo que no.", "¿Por qué?", "¡Nadie lo sabe!", "Él calló."],
        ["See www.example.org for it... and more.", "End"],
        ["Wait...", "What?!", "No!!", "“Él” vino."],
        ["one sentence without an end"],
    ],
)
def test_sentences(sentences):
    assert split_sentences(" ".join(sentences)) == sentences
    assert split_sentences("  " + " \n ".join(sentences) + "\n") == sentences


def test_no_text_has_no_sentences():
    assert split_sentences("") == split_sentences(" \n") == []


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from([*"aBé1 .!?…\n\"'”»)(¿¡", "Dr.", "U.S.", "no.", " The "]),
        max_size=40,
    ).map("".join)
)
def test_no_character_is_lost_but_spaces(text):
    sentences = split_sentences(text)
    assert "".join("".join(sentences).split()) == "".join(text.split())
    assert all(sentence and sentence == sentence.strip() for sentence in sentences)


def test_sentences_of_the_wikipedia_articles():
    paragraphs = [p for a in load_text("wikipedia")[:20] for p in a.paragraphs]
    sentences = [s for p in paragraphs for s in split_sentences(p)]
    words = sorted(len(s.split()) for s in sentences)
    assert len(sentences) > 2 * len(paragraphs)
    assert 15 < words[len(words) // 2] < 30  # English prose: some 20 words
    inside = [s for p in paragraphs for s in split_sentences(p)[:-1]]
    ends = {s.split()[-1].lower().removesuffix(".") for s in inside}
    assert not ends & ABBREVIATIONS
