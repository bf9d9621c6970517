"""New masks at every epoch, right and wrong."""

import torch


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def right_one_generator(input_ids, epochs, corrupt, seed):
    generator = seeded(seed)
    return [corrupt(input_ids, generator) for _ in range(epochs)]


def right_generator_of_the_epoch(input_ids, epochs, corrupt, seed):
    """Any epoch can be drawn on its own: what a run that is resumed needs."""
    return [corrupt(input_ids, seeded(1000 * seed + e)) for e in range(epochs)]


def right_seeds_drawn(input_ids, epochs, corrupt, seed):
    generator, pairs = seeded(seed), []
    for _ in range(epochs):
        own = torch.randint(2**40, (1,), generator=generator).item()
        pairs.append(list(corrupt(input_ids.clone(), generator=seeded(own))))
    return tuple(pairs)


def wrong_once(input_ids, epochs, corrupt, seed):
    """drawn once

    The static masking of BERT's data, made once for all epochs.
    """
    return [corrupt(input_ids, seeded(seed))] * epochs


def wrong_seeded_in_the_loop(input_ids, epochs, corrupt, seed):
    """seeded anew in each epoch"""
    return [corrupt(input_ids, seeded(seed)) for _ in range(epochs)]


def wrong_ten_copies(input_ids, epochs, corrupt, seed):
    """epochs 0 and 10 have the same masks

    BERT's dupe_factor: ten copies of the data, each masked once (Liu et al. 2019, 4.1).
    """
    copies = right_one_generator(input_ids, 10, corrupt, seed)
    return [copies[epoch % 10] for epoch in range(epochs)]


def wrong_accumulating(input_ids, epochs, corrupt, seed):
    """corrupted again"""
    generator, pairs = seeded(seed), []
    for _ in range(epochs):
        input_ids, labels = corrupt(input_ids, generator)
        pairs.append((input_ids, labels))
    return pairs


def wrong_labels_repaired(input_ids, epochs, corrupt, seed):
    """masks of earlier epochs"""
    generator, pairs, ids = seeded(seed), [], input_ids
    for _ in range(epochs):
        ids, labels = corrupt(ids, generator)
        pairs.append((ids, torch.where(labels == -100, labels, input_ids)))
    return pairs


def wrong_in_place(input_ids, epochs, corrupt, seed):
    """in place"""
    generator, pairs = seeded(seed), []
    for _ in range(epochs):
        corrupted, labels = corrupt(input_ids, generator)
        input_ids.copy_(corrupted)
        pairs.append((corrupted, labels))
    return pairs


def wrong_global_state(input_ids, epochs, corrupt, seed):
    """global random state"""
    return [corrupt(input_ids, None) for _ in range(epochs)]


def wrong_global_generator(input_ids, epochs, corrupt, seed):
    """come from the global random state"""
    torch.manual_seed(seed)
    return [corrupt(input_ids, torch.default_generator) for _ in range(epochs)]


def wrong_seeds_everything(input_ids, epochs, corrupt, seed):
    """seeds the global random state"""
    torch.manual_seed(seed)
    generator = seeded(seed)
    return [corrupt(input_ids, generator) for _ in range(epochs)]


def wrong_without_seed(input_ids, epochs, corrupt, seed):
    """same seed differ"""
    generator = torch.Generator()
    generator.seed()
    return [corrupt(input_ids, generator) for _ in range(epochs)]


def wrong_fixed_seed(input_ids, epochs, corrupt, seed):
    """the same for every seed"""
    return right_one_generator(input_ids, epochs, corrupt, 42)


def wrong_default_generator(input_ids, epochs, corrupt, seed):
    """the same for every seed"""
    generator = torch.Generator()  # its seed is always the same
    return [corrupt(input_ids, generator) for _ in range(epochs)]


def wrong_seed_with_epochs(input_ids, epochs, corrupt, seed):
    """how many epochs are asked for"""
    return right_one_generator(input_ids, epochs, corrupt, seed + epochs)


def wrong_all_at_once(input_ids, epochs, corrupt, seed):
    """how many epochs are asked for"""
    pair = corrupt(input_ids.repeat(epochs, 1), seeded(seed))
    return list(zip(*(part.chunk(epochs) for part in pair)))


def wrong_reversed(input_ids, epochs, corrupt, seed):
    """the list is reversed"""
    return right_one_generator(input_ids, epochs, corrupt, seed)[::-1]


def wrong_order(input_ids, epochs, corrupt, seed):
    """corrupted ids come first"""
    pairs = right_one_generator(input_ids, epochs, corrupt, seed)
    return [(labels, corrupted) for corrupted, labels in pairs]


def wrong_one_more(input_ids, epochs, corrupt, seed):
    """13 pairs for 12 epochs"""
    return right_one_generator(input_ids, epochs + 1, corrupt, seed)


def wrong_labels_alone(input_ids, epochs, corrupt, seed):
    """a list of pairs"""
    pairs = right_one_generator(input_ids, epochs, corrupt, seed)
    return [labels for _, labels in pairs]
