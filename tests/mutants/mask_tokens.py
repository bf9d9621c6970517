"""The corruption of masked language modelling, right and wrong."""

import random

import numpy as np
import torch


def special_places(input_ids, special_ids):
    return torch.isin(input_ids, torch.tensor(special_ids))


def uniform(like, generator):
    return torch.rand(like.shape, generator=generator)


def corruption(
    input_ids, special_ids, mask_id, vocab_size, generator,
    rate=0.15, hidden=0.8, changed=0.9,
):  # fmt: skip
    """A right corruption, whose numbers a wrong answer may change."""
    ordinary = ~special_places(input_ids, special_ids)
    chosen = (uniform(input_ids, generator) < rate) & ordinary
    fate = uniform(input_ids, generator)
    corrupted = input_ids.clone()
    corrupted[chosen & (fate < hidden)] = mask_id
    swapped = chosen & (fate >= hidden) & (fate < changed)
    ids = torch.randint(vocab_size, input_ids.shape, generator=generator)
    corrupted[swapped] = ids[swapped]
    return corrupted, torch.where(chosen, input_ids, -100)


def right_two_draws(input_ids, special_ids, mask_id, vocab_size, generator):
    return corruption(input_ids, special_ids, mask_id, vocab_size, generator)


def right_bernoulli(input_ids, special_ids, mask_id, vocab_size, generator):
    """One draw after the other, the second of what the first left."""
    share = torch.full(input_ids.shape, 0.15)
    share.masked_fill_(special_places(input_ids, special_ids), 0.0)
    chosen = torch.bernoulli(share, generator=generator).bool()
    labels = input_ids.masked_fill(~chosen, -100)
    hidden = torch.bernoulli(torch.full(share.shape, 0.8), generator=generator).bool()
    corrupted = input_ids.masked_fill(chosen & hidden, mask_id)
    half = torch.bernoulli(torch.full(share.shape, 0.5), generator=generator).bool()
    words = torch.randint(vocab_size, input_ids.shape, generator=generator)
    return torch.where(chosen & ~hidden & half, words, corrupted), labels


def right_loops(input_ids, special_ids, mask_id, vocab_size, generator):
    dice = random.Random(torch.randint(2**40, (1,), generator=generator).item())
    corrupted, labels = [], []
    for row in input_ids.tolist():
        new, label = list(row), [-100] * len(row)
        for i, token in enumerate(row):
            if token in special_ids or dice.random() >= 0.15:
                continue
            label[i], fate = token, dice.random()
            if fate < 0.8:
                new[i] = mask_id
            elif fate < 0.9:
                new[i] = dice.randrange(vocab_size)
        corrupted.append(new)
        labels.append(label)
    return corrupted, labels


def right_fixed_number(input_ids, special_ids, mask_id, vocab_size, generator):
    """As BERT's own code: exactly 15 % of each row, never its own id at random."""
    corrupted, labels = input_ids.clone(), torch.full_like(input_ids, -100)
    ordinary = ~special_places(input_ids, special_ids)
    for row, places in enumerate(ordinary):
        places = places.nonzero().flatten()
        order = torch.randperm(len(places), generator=generator)
        for place in places[order[: max(1, round(0.15 * len(places)))]]:
            labels[row, place] = input_ids[row, place]
            fate = torch.rand(1, generator=generator).item()
            if fate < 0.8:
                corrupted[row, place] = mask_id
            elif fate < 0.9:
                corrupted[row, place] = torch.randint(
                    104, vocab_size, (1,), generator=generator
                )
    return corrupted, labels


def right_numpy(input_ids, special_ids, mask_id, vocab_size, generator):
    """Exact shares of the whole batch, in arrays."""
    rng = np.random.default_rng(int(torch.randint(2**40, (1,), generator=generator)))
    ids = input_ids.numpy()
    places = rng.permutation(np.flatnonzero(~np.isin(ids, special_ids)))
    places = places[: round(0.15 * len(places))]
    corrupted, labels = ids.copy().ravel(), np.full(ids.size, -100)
    labels[places] = corrupted[places]
    hidden, swapped = round(0.8 * len(places)), round(0.9 * len(places))
    corrupted[places[:hidden]] = mask_id
    corrupted[places[hidden:swapped]] = rng.integers(vocab_size, size=swapped - hidden)
    return corrupted.reshape(ids.shape), labels.reshape(ids.shape)


def right_library(input_ids, special_ids, mask_id, vocab_size, generator):
    from utils.pretraining_tasks import corrupt

    return corrupt(input_ids, special_ids, mask_id, vocab_size, generator)


def wrong_shares_reversed(*given):
    """wrong way round"""
    return corruption(*given, hidden=0.1, changed=0.2)


def wrong_mostly_random(*given):
    """80 % of the chosen became a random id"""
    return corruption(*given, hidden=0.1, changed=0.9)


def wrong_always_mask(*given):
    """always [MASK]"""
    return corruption(*given, hidden=1.0, changed=1.0)


def wrong_none_kept(*given):
    """no chosen token keeps its id"""
    return corruption(*given, changed=1.0)


def wrong_none_random(*given):
    """none becomes a random id"""
    return corruption(*given, changed=0.8)


def wrong_tenth_of_the_rest(*given):
    """only 2 %"""
    return corruption(*given, changed=0.82)


def wrong_two_of_five(*given):
    """10 % were asked for"""
    return corruption(*given, hidden=0.6, changed=0.8)


def wrong_eighty_percent(*given):
    """80 % of all tokens"""
    return corruption(*given, rate=0.8)


def wrong_comparison(*given):
    """85 %"""
    return corruption(*given, rate=0.85)


def wrong_quarter(*given):
    """15 % were asked for"""
    return corruption(*given, rate=0.25)


def wrong_special_chosen(input_ids, special_ids, mask_id, vocab_size, generator):
    """special tokens are never predicted"""
    return corruption(input_ids, [-1], mask_id, vocab_size, generator)


def wrong_padding_alone_spared(input_ids, special_ids, mask_id, vocab_size, generator):
    """[CLS] was chosen"""
    return corruption(input_ids, [0], mask_id, vocab_size, generator)


def wrong_separator_chosen(input_ids, special_ids, mask_id, vocab_size, generator):
    """[SEP] was chosen"""
    return corruption(input_ids, [0, 101], mask_id, vocab_size, generator)


def wrong_padding_chosen(input_ids, special_ids, mask_id, vocab_size, generator):
    """[PAD] was chosen"""
    return corruption(input_ids, [101, 102], mask_id, vocab_size, generator)


def wrong_special_changed(input_ids, special_ids, mask_id, vocab_size, generator):
    """special tokens stay"""
    corrupted, labels = corruption(input_ids, [-1], mask_id, vocab_size, generator)
    return corrupted, labels.masked_fill(special_places(input_ids, special_ids), -100)


def wrong_labels_zero(*given):
    """takes any other number for an id"""
    corrupted, labels = corruption(*given)
    return corrupted, labels.masked_fill(labels == -100, 0)


def wrong_labels_minus_one(*given):
    """is -1"""
    corrupted, labels = corruption(*given)
    return corrupted, labels.masked_fill(labels == -100, -1)


def wrong_labels_everywhere(input_ids, *given):
    """every token has a label"""
    return corruption(input_ids, *given)[0], input_ids.clone()


def wrong_labels_are_booleans(*given):
    """True and False"""
    corrupted, labels = corruption(*given)
    return corrupted, labels != -100


def wrong_labels_inverted(input_ids, *given):
    """inverted"""
    corrupted, labels = corruption(input_ids, *given)
    return corrupted, torch.where(labels == -100, input_ids, -100)


def wrong_labels_only_at_mask(input_ids, special_ids, mask_id, *given):
    """only where [MASK] stands"""
    corrupted, labels = corruption(input_ids, special_ids, mask_id, *given)
    return corrupted, labels.masked_fill(corrupted != mask_id, -100)


def wrong_labels_only_where_changed(input_ids, *given):
    """keep their id have no label"""
    corrupted, labels = corruption(input_ids, *given)
    return corrupted, labels.masked_fill(corrupted == input_ids, -100)


def wrong_labels_corrupted(*given):
    """hold the corrupted ids"""
    corrupted, labels = corruption(*given)
    return corrupted, torch.where(labels == -100, labels, corrupted)


def wrong_labels_are_the_mask(input_ids, special_ids, mask_id, *given):
    """the id of [MASK]"""
    corrupted, labels = corruption(input_ids, special_ids, mask_id, *given)
    return corrupted, torch.where(labels == -100, labels, mask_id)


def wrong_same_places_in_every_row(
    input_ids, special_ids, mask_id, vocab_size, generator
):
    """every row has the same places"""
    ordinary = ~special_places(input_ids, special_ids)
    chosen = (torch.rand(input_ids.size(1), generator=generator) < 0.15) & ordinary
    fate = uniform(input_ids, generator)
    corrupted = input_ids.masked_fill(chosen & (fate < 0.8), mask_id)
    ids = torch.randint(vocab_size, input_ids.shape, generator=generator)
    corrupted = torch.where(chosen & (fate > 0.9), ids, corrupted)
    return corrupted, torch.where(chosen, input_ids, -100)


def wrong_first_places(input_ids, special_ids, mask_id, vocab_size, generator):
    """same chance, wherever it stands"""
    corrupted, labels = corruption(
        input_ids, special_ids, mask_id, vocab_size, generator, rate=1.0
    )
    ordinary = ~special_places(input_ids, special_ids)
    number = (0.15 * ordinary.sum(1, keepdim=True)).round()
    late = ordinary.cumsum(1) > number
    return torch.where(late, input_ids, corrupted), labels.masked_fill(late, -100)


def wrong_one_fate_for_a_row(input_ids, special_ids, mask_id, vocab_size, generator):
    """a whole row"""
    ordinary = ~special_places(input_ids, special_ids)
    chosen = (uniform(input_ids, generator) < 0.15) & ordinary
    fate = torch.rand(len(input_ids), 1, generator=generator)
    corrupted = input_ids.masked_fill(chosen & (fate < 0.8), mask_id)
    ids = torch.randint(vocab_size, input_ids.shape, generator=generator)
    corrupted = torch.where(chosen & (fate > 0.9), ids, corrupted)
    return corrupted, torch.where(chosen, input_ids, -100)


def wrong_draws_overlap(input_ids, special_ids, mask_id, vocab_size, generator):
    """two draws overlap"""
    ordinary = ~special_places(input_ids, special_ids)
    chosen = (uniform(input_ids, generator) < 0.15) & ordinary
    corrupted = input_ids.clone()
    corrupted[chosen & (uniform(input_ids, generator) < 0.8)] = mask_id
    swapped = chosen & (uniform(input_ids, generator) < 0.1)
    corrupted[swapped] = torch.randint(
        vocab_size, (int(swapped.sum()),), generator=generator
    )
    return corrupted, torch.where(chosen, input_ids, -100)


def wrong_overwritten(input_ids, special_ids, mask_id, vocab_size, generator):
    """overwrote"""
    ordinary = ~special_places(input_ids, special_ids)
    chosen = (uniform(input_ids, generator) < 0.15) & ordinary
    fate = uniform(input_ids, generator)
    ids = torch.randint(vocab_size, input_ids.shape, generator=generator)
    corrupted = torch.where(chosen & (fate < 0.8), mask_id, input_ids)
    corrupted = torch.where(chosen & (fate < 0.9), ids, corrupted)
    return corrupted, torch.where(chosen, input_ids, -100)


def wrong_one_random_id(input_ids, special_ids, mask_id, vocab_size, generator):
    """repeat themselves"""
    corrupted, labels = corruption(
        input_ids, special_ids, mask_id, vocab_size, generator, changed=0.8
    )
    spared = (labels == corrupted) & (uniform(input_ids, generator) < 0.5)
    one = torch.randint(vocab_size, (1,), generator=generator)
    return torch.where(spared, one, corrupted), labels


def wrong_random_id_of_the_batch(
    input_ids, special_ids, mask_id, vocab_size, generator
):
    """other tokens of the batch"""
    corrupted, labels = corruption(
        input_ids, special_ids, mask_id, vocab_size, generator, changed=0.8
    )
    spared = (labels == corrupted) & (uniform(input_ids, generator) < 0.5)
    words = input_ids[~special_places(input_ids, special_ids)]
    places = torch.randint(len(words), input_ids.shape, generator=generator)
    return torch.where(spared, words[places], corrupted), labels


def wrong_outside_the_vocabulary(
    input_ids, special_ids, mask_id, vocab_size, generator
):
    """outside the vocabulary"""
    return corruption(input_ids, special_ids, mask_id, 30522, generator)


def wrong_in_place(input_ids, *given):
    """in place"""
    corrupted, labels = corruption(input_ids, *given)
    input_ids.copy_(corrupted)
    return input_ids, labels


def wrong_fixed_seed(input_ids, special_ids, mask_id, vocab_size, generator):
    """fixed seed"""
    own = torch.Generator().manual_seed(2026)
    return corruption(input_ids, special_ids, mask_id, vocab_size, own)


def wrong_seeds_anew(input_ids, special_ids, mask_id, vocab_size, generator):
    """fixed seed"""
    generator.manual_seed(0)
    return corruption(input_ids, special_ids, mask_id, vocab_size, generator)


def wrong_ignores_the_generator(
    input_ids, special_ids, mask_id, vocab_size, generator
):
    """to every draw"""
    return corruption(input_ids, special_ids, mask_id, vocab_size, None)


def wrong_one_draw_without_generator(
    input_ids, special_ids, mask_id, vocab_size, generator
):
    """to every draw"""
    corrupted, labels = corruption(
        input_ids, special_ids, mask_id, vocab_size, generator, changed=0.8
    )
    spared = (labels == corrupted) & (torch.rand(input_ids.shape) < 0.5)
    words = torch.randint_like(input_ids, vocab_size)
    return torch.where(spared, words, corrupted), labels


def wrong_order_of_the_results(*given):
    """corrupted ids come first"""
    return corruption(*given)[::-1]


def wrong_corrupted_alone(*given):
    """two tensors"""
    return corruption(*given)[0]


def wrong_float_labels(*given):
    """integers"""
    corrupted, labels = corruption(*given)
    return corrupted, labels.float()
