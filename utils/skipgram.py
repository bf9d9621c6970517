"""Skip-gram word vectors by hand, and what their cosines are worth.

Letters of the shapes: N pairs, V words, D numbers per word, K negative samples.
A batch of pairs is two integer tensors [N]: the centre words and their contexts.

Sources: Mikolov et al. 2013a, "Efficient Estimation of Word Representations in Vector
Space", and 2013b, "Distributed Representations of Words and Phrases and their
Compositionality", equations 1 to 4.
Taught in: chapter 2, section "Word vectors".
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from utils.inputs import require_integers, require_tensor

# The slides' sentence and two more with the same words: their book trains on a text
# of this kind, a few short sentences repeated many times.
SENTENCES = (
    "The black cat sat on the couch and the brown dog slept on the rug.",
    "The dog did not leave the couch because it was tired.",
    "The cat crossed the street while the brown dog sat on the black rug.",
)


def repeated_text(repetitions):
    """SENTENCES again and again: a list of lists of lower-case words.

    Taught in: chapter 2, section "Word vectors".
    """
    words = [s.lower().removesuffix(".").split() for s in SENTENCES]
    return words * repetitions


# ---------------------------------------------------------------------- pairs
def skipgram_pairs(tokens, window):
    """Each word with each neighbour at most `window` places away: (centre, context).

    tokens: a list. Returns a list of pairs, in the order of the text; the ends of the
    list have fewer neighbours.
    Raises ValueError for a window below 1, TypeError for tokens that are no list.
    Source: Mikolov et al. 2013b, equation 1.
    Taught in: chapter 2, section "Word vectors".
    """
    if window < 1:
        raise ValueError(f"window must be 1 or more, not {window}")
    return [
        (centre, tokens[j])
        for i, centre in enumerate(tokens)
        for j in range(max(0, i - window), min(len(tokens), i + window + 1))
        if j != i
    ]


def word_ids(sentences):
    """Number the words in the order of their first appearance: word -> id.

    Raises TypeError for what are no lists of words.
    Taught in: chapter 2, section "Word vectors".
    """
    words = dict.fromkeys(word for sentence in sentences for word in sentence)
    return {word: i for i, word in enumerate(words)}


def pair_ids(sentences, vocabulary, window):
    """The pairs of all the sentences as two integer tensors [N]: centres, contexts.

    Raises ValueError where no sentence has two words, KeyError for an unknown word,
    TypeError for what are no lists of words.
    Taught in: chapter 2, section "Word vectors".
    """
    pairs = [
        (vocabulary[centre], vocabulary[context])
        for sentence in sentences
        for centre, context in skipgram_pairs(sentence, window)
    ]
    if not pairs:
        raise ValueError("no pairs: skip-gram needs a sentence of two words or more")
    return torch.tensor(pairs).T


# ------------------------------------------------------- losses and gradients
def softmax_gradients(input_vectors, output_vectors, centres, contexts):
    """The skip-gram loss with the full softmax, and its gradients by hand.

    loss = mean over the pairs of -log softmax(output_vectors @ v)[context], where v is
    the input vector of the centre. The gradient of the scores is P - 1 at the context
    and P elsewhere.

    input_vectors, output_vectors: [V, D]. Returns the loss (a scalar) and the two
    gradients, [V, D] each.
    Raises TypeError or ValueError for centres or contexts that are no integers [N];
    IndexError or RuntimeError for a word that there is not.
    Source: Mikolov et al. 2013b, equation 2.
    Taught in: chapter 2, section "Word vectors".
    """
    check_pairs(centres, contexts)
    v = input_vectors[centres]  # [N, D]
    log_probs = (v @ output_vectors.T).log_softmax(-1)  # [N, V]
    loss = -log_probs.gather(1, contexts[:, None]).mean()

    expected = F.one_hot(contexts, len(output_vectors)).to(v.dtype)
    error = (log_probs.exp() - expected) / len(centres)  # [N, V], of the scores
    input_gradient = torch.zeros_like(input_vectors)
    input_gradient.index_add_(0, centres, error @ output_vectors)
    return loss, input_gradient, error.T @ v


def negative_sampling_gradients(
    input_vectors, output_vectors, centres, contexts, negatives
):
    """The loss with K negative samples for each pair, and its gradients by hand.

    loss = mean over the pairs of -log σ(u · v) - sum over the negatives of
    log σ(-n · v): the true context should score high, K random words low. It costs
    K + 1 dot products a pair instead of V.

    input_vectors, output_vectors: [V, D]; negatives: integers [N, K]. Returns the loss
    and the two gradients, [V, D] each.
    Raises what `softmax_gradients` raises, for the negatives too.
    Source: Mikolov et al. 2013b, equation 4.
    Taught in: chapter 2, section "Word vectors".
    """
    check_pairs(centres, contexts)
    require_tensor(require_integers(negatives, "negatives"), "negatives", dimensions=2)
    v = input_vectors[centres]  # [N, D]
    words = torch.cat([contexts[:, None], negatives], dim=1)  # [N, 1 + K]
    u = output_vectors[words]  # [N, 1 + K, D]
    scores = (u @ v[..., None]).squeeze(-1)  # [N, 1 + K]
    sign = -torch.ones_like(scores)
    sign[:, 0] = 1.0
    loss = -F.logsigmoid(sign * scores).sum(-1).mean()

    error = -sign * torch.sigmoid(-sign * scores) / len(centres)  # of the scores
    input_gradient = torch.zeros_like(input_vectors)
    input_gradient.index_add_(0, centres, (error[..., None] * u).sum(1))
    output_gradient = torch.zeros_like(output_vectors)
    output_gradient.index_add_(
        0, words.flatten(), (error[..., None] * v[:, None]).flatten(0, 1)
    )
    return loss, input_gradient, output_gradient


def check_pairs(centres, contexts):
    """Raise TypeError or ValueError unless both are integers [N], one for each pair."""
    require_tensor(require_integers(centres, "centres"), "centres", dimensions=1)
    require_tensor(require_integers(contexts, "contexts"), "contexts", shape=centres.shape)
    if not len(centres):
        raise ValueError("there are no pairs: the mean of their losses would be NaN")


# ------------------------------------------------------------------- training
@dataclass(frozen=True)
class WordVectors:
    """What `train_skipgram` gives: the vocabulary, its vectors, the loss of each step."""

    vocabulary: dict
    vectors: torch.Tensor  # [V, D]: the input vectors, which are the embeddings
    output_vectors: torch.Tensor  # [V, D]
    losses: list

    def __getitem__(self, word):
        """The vector [D] of a word."""
        return self.vectors[self.vocabulary[word]]


def train_skipgram(
    sentences, hidden_size=16, window=2, steps=200, learning_rate=5.0, negatives=0, seed=0
):
    """Learn word vectors by gradient descent on all the pairs at once.

    negatives: how many negative samples a pair gets, drawn from the words' counts to
    the power 3/4; 0 for the full softmax.

    Returns WordVectors.
    Raises ValueError where no sentence has two words, TypeError for what are no lists of
    words.
    Source: Mikolov et al. 2013b, sections 2 and 2.2.
    Taught in: chapter 2, section "Word vectors".
    """
    vocabulary = word_ids(sentences)
    centres, contexts = pair_ids(sentences, vocabulary, window)
    generator = torch.Generator().manual_seed(seed)
    shape = len(vocabulary), hidden_size
    # As in word2vec: small random input vectors, output vectors of zero.
    inputs = (torch.rand(shape, generator=generator) - 0.5) / hidden_size
    outputs = torch.zeros(shape)
    counts = torch.bincount(contexts, minlength=len(vocabulary)).float()
    losses = []
    for _ in range(steps):
        if negatives:
            drawn = torch.multinomial(
                counts**0.75, len(centres) * negatives, True, generator=generator
            )
            loss, for_inputs, for_outputs = negative_sampling_gradients(
                inputs, outputs, centres, contexts, drawn.view(-1, negatives)
            )
        else:
            loss, for_inputs, for_outputs = softmax_gradients(
                inputs, outputs, centres, contexts
            )
        inputs = inputs - learning_rate * for_inputs
        outputs = outputs - learning_rate * for_outputs
        losses.append(loss.item())
    return WordVectors(vocabulary, inputs, outputs, losses)


# -------------------------------------------------------------------- cosines
def cosines(vectors):
    """The cosine of each vector with each other one: [V, D] -> [V, V].

    Taught in: chapter 2, section "Word vectors".
    """
    unit = F.normalize(vectors, dim=-1)
    return unit @ unit.T


def mean_cosine(vectors):
    """The mean cosine of two different vectors, a measure of anisotropy.

    vectors: [V, D]. Near 0, the vectors point everywhere; near 1, all of them point
    one way, and a high cosine says nothing about two words.
    Raises ValueError for fewer than two vectors.
    Source: Ethayarajh 2019, "How Contextual are Contextualized Word
    Representations?", section 3.4.
    Taught in: chapter 2, section "Word vectors".
    """
    if len(vectors) < 2:
        raise ValueError("the mean cosine needs at least two vectors")
    table = cosines(vectors)
    count = len(table)
    return ((table.sum() - table.trace()) / (count * (count - 1))).item()


def centred(vectors):
    """The vectors [V, D] without their mean: what one word does not share with all.

    Source: Mu, Bhat and Viswanath 2017, "All-but-the-Top", section 2.
    Taught in: chapter 2, section "Word vectors".
    """
    return vectors - vectors.mean(dim=0)
