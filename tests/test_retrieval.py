"""Vectors, rankings, measures and the lists that chapter 1 evaluates with."""

from collections import Counter

import numpy as np
import pytest
import torch
from scipy import sparse

from utils import retrieval
from utils.sources import load_encoder, load_text, load_tokenizer

TASKS = retrieval.load_evaluation()
TEXTS = ["The cat slept on the couch.", "A dog.", "Stocks fell sharply on Monday morning.",
         "The kitten is asleep on the sofa, tired after a long day.", "It rains."]


@pytest.fixture(scope="module")
def encoder():
    return load_encoder("all-MiniLM-L6-v2")


@pytest.fixture(scope="module")
def tokenizer():
    return load_tokenizer("all-MiniLM-L6-v2")


@pytest.fixture(scope="module")
def titles():
    return [document.title for document in load_text("wikipedia")]


# -------------------------------------------------------------------- vectors
def test_vectors_have_length_one_and_keep_the_order(encoder, tokenizer):
    together = retrieval.encode(encoder, tokenizer, TEXTS, batch_size=2)
    alone = np.concatenate([retrieval.encode(encoder, tokenizer, [text]) for text in TEXTS])
    assert together.shape == (5, 384)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(together, alone, atol=1e-5)  # padding changes nothing


def test_vectors_are_those_of_sentence_transformers_recipe(encoder, tokenizer):
    batch = tokenizer(TEXTS[:1], return_tensors="pt")
    with torch.no_grad():
        mean = encoder(**batch).last_hidden_state[0].mean(0)
    ours = retrieval.encode(encoder, tokenizer, TEXTS[:1])[0]
    np.testing.assert_allclose(ours, (mean / mean.norm()).numpy(), atol=1e-6)


def test_similar_texts_are_close(encoder, tokenizer):
    vectors = retrieval.encode(encoder, tokenizer, TEXTS)
    scores = retrieval.cosine(vectors[:1], vectors)[0]
    assert scores.argsort()[-2] == 3


def test_long_texts_are_cut(encoder, tokenizer):
    long, longer = "word " * 20, "word " * 400
    one, other = retrieval.encode(encoder, tokenizer, [long, longer], max_length=12)
    np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("texts", [[], "one text"])
def test_encode_refuses(encoder, tokenizer, texts):
    with pytest.raises(ValueError, match="list of texts"):
        retrieval.encode(encoder, tokenizer, texts)


def test_mean_pooling_leaves_padding_out():
    states = torch.tensor([[[1.0], [3.0], [100.0]]])
    assert retrieval.mean_pooling(states, torch.tensor([[1, 1, 0]])).item() == 2
    assert retrieval.mean_pooling(states, torch.tensor([[0, 0, 0]])).item() == 0


def test_tfidf_rows_have_length_one_and_the_cosine_is_dense():
    model = retrieval.tfidf(TEXTS)
    rows = model.transform(TEXTS)
    assert sparse.issparse(rows)
    scores = retrieval.cosine(rows, rows)
    assert isinstance(scores, np.ndarray)
    np.testing.assert_allclose(np.diag(scores), 1)
    assert scores[0, 2] < scores[0, 3]
    assert not model.transform(["unheard vocabulary"]).toarray().any()


def test_tfidf_cannot_see_the_order_of_words():
    model = retrieval.tfidf(["the dog bit the postman"])
    one, other = model.transform(["the dog bit the postman", "the postman bit the dog"])
    assert abs(one - other).max() == 0


def test_search_gives_the_best_first():
    assert retrieval.search([0.1, 0.9, 0.5], ["a", "b", "c"], 2) == [("b", 0.9), ("c", 0.5)]


# ------------------------------------------------------------------- measures
def test_ranks_and_their_ties():
    scores = np.array([[0.9, 0.5, 0.1], [0.0, 0.0, 0.0], [0.2, 0.7, 0.7]])
    assert retrieval.ranks(scores, [1, 2, 1]).tolist() == [2, 2, 1.5]


def test_measures_by_hand():
    places = [1, 2, 5]
    assert retrieval.recall_at(places, 2).tolist() == [1, 1, 0]
    assert retrieval.reciprocal_ranks(places).mean() == pytest.approx((1 + 0.5 + 0.2) / 3)


def test_the_bootstrap_agrees_with_the_normal_interval():
    values = np.random.default_rng(1).normal(3, 2, size=400)
    estimate = retrieval.bootstrap(np.mean, values, resamples=4000)
    half = 1.96 * values.std(ddof=1) / 20
    assert estimate.value == pytest.approx(values.mean())
    assert estimate.low == pytest.approx(values.mean() - half, abs=0.02)
    assert estimate.high == pytest.approx(values.mean() + half, abs=0.02)
    assert estimate == retrieval.bootstrap(np.mean, values, resamples=4000)


def test_the_bootstrap_keeps_rows_together():
    one = np.random.default_rng(2).normal(size=50)
    gap = retrieval.bootstrap(lambda a, b: np.mean(a - b), one, one - 1)
    assert gap.low == pytest.approx(1) and gap.high == pytest.approx(1)
    assert str(gap) == "1.00 [1.00, 1.00]" and gap.error == pytest.approx(0)


def test_the_bootstrap_refuses():
    with pytest.raises(ValueError, match="one length"):
        retrieval.bootstrap(np.mean, [1, 2], [1])
    with pytest.raises(ValueError, match="at least one row"):
        retrieval.bootstrap(np.mean, [])


def test_the_association_test_finds_a_planted_association_and_no_other():
    rng = np.random.default_rng(0)

    def around(centre):
        vectors = centre + 0.3 * rng.normal(size=(8, 20))
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    left, right = np.eye(20)[0], np.eye(20)[1]
    effect, p = retrieval.association_test(
        around(left), around(right), around(left), around(right)
    )
    assert effect > 1.5 and p < 0.01
    effect, p = retrieval.association_test(
        around(left), around(left), around(left), around(right)
    )
    assert p > 0.05


# ----------------------------------------------------------- evaluation lists
def test_queries_name_existing_articles_once(titles):
    queries = TASKS["queries"]
    assert len(queries) >= 30
    assert {title for _, title in queries} <= set(titles)
    assert len({query for query, _ in queries}) == len(queries)


def test_queries_do_not_give_the_title_away():
    for query, title in TASKS["queries"]:
        assert title.lower() not in query.lower()


def test_topics_cover_sixty_articles_and_each_once(titles):
    labelled = [title for topic in TASKS["topics"] for title in topic["titles"]]
    assert len(labelled) >= 60
    assert set(labelled) <= set(titles)
    assert max(Counter(labelled).values()) == 1


def test_duplicates_have_the_shape_that_the_page_says():
    pairs = TASKS["duplicates"]
    assert len(pairs) >= 40
    assert set(pair["kind"] for pair in pairs) == {"topic", "negation", "role", "number"}

    def overlap(one, other):
        one, other = set(one.lower().split()), set(other.lower().split())
        return len(one & other) / len(one | other)

    same = np.mean([overlap(pair["text"], pair["same"]) for pair in pairs])
    different = np.mean([overlap(pair["text"], pair["different"]) for pair in pairs])
    assert same < 0.2 < 0.5 < different


def test_an_empty_task_is_refused(tmp_path):
    path = tmp_path / "evaluation.yml"
    for content in ("queries: []\n", "queries: [", ""):
        path.write_text(content)
        with pytest.raises(ValueError, match="evaluation.yml"):
            retrieval.load_evaluation(path)
