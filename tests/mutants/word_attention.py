"""From the attention of pieces to that of words, right and wrong."""

import numpy as np
import torch


def right_matrices(attention, word_ids):
    words = torch.arange(max(word_ids) + 1)[:, None]
    member = (words == torch.tensor(word_ids)).float()  # [W, T]
    return (member @ attention @ member.T) / member.sum(1, keepdim=True)


def right_loops(attention, word_ids):
    size = max(word_ids) + 1
    table = [[0.0] * size for _ in range(size)]
    for i, query in enumerate(word_ids):
        for j, key in enumerate(word_ids):
            table[query][key] += attention[i, j].item() / word_ids.count(query)
    return table


def right_numpy(attention, word_ids):
    """The first pieces, then reduceat, as Clark et al. cut their words."""
    starts = np.flatnonzero(np.diff(word_ids, prepend=-1))
    sizes = np.diff([*starts, len(word_ids)])
    keys = np.add.reduceat(attention.numpy(), starts, axis=1)
    return np.add.reduceat(keys, starts, axis=0) / sizes[:, None]


def right_index_add(attention, word_ids):
    words = torch.tensor(word_ids)
    size = int(words.max()) + 1
    keys = torch.zeros(len(words), size).index_add(1, words, attention)
    rows = torch.zeros(size, size).index_add(0, words, keys)
    return rows / words.bincount()[:, None]


def right_groups(attention, word_ids):
    words = np.array(word_ids)
    groups = [np.flatnonzero(words == word) for word in sorted(set(word_ids))]
    return torch.stack([
        torch.stack([attention[rows][:, columns].sum(1).mean() for columns in groups])
        for rows in groups
    ])  # fmt: skip


def members(word_ids):
    """One row for a word, 1 where its pieces are."""
    words = torch.arange(max(word_ids) + 1)[:, None]
    return (words == torch.tensor(word_ids)).float()


def averages(word_ids):
    return members(word_ids) / members(word_ids).sum(1, keepdim=True)


def firsts(word_ids):
    return [word_ids.index(word) for word in range(max(word_ids) + 1)]


def lasts(word_ids):
    return [i for i, word in enumerate(word_ids) if word not in word_ids[i + 1 :]]


def wrong_exchanged(attention, word_ids):
    """sum and mean are exchanged"""
    return members(word_ids) @ attention @ averages(word_ids).T


def wrong_sums(attention, word_ids):
    """both are sums"""
    return members(word_ids) @ attention @ members(word_ids).T


def wrong_means(attention, word_ids):
    """both are means"""
    return averages(word_ids) @ attention @ averages(word_ids).T


def wrong_first_pieces(attention, word_ids):
    """first piece of each word"""
    return attention[firsts(word_ids)][:, firsts(word_ids)]


def wrong_last_pieces(attention, word_ids):
    """last piece of each word"""
    return attention[lasts(word_ids)][:, lasts(word_ids)]


def wrong_first_query(attention, word_ids):
    """query is the first piece"""
    return attention[firsts(word_ids)] @ members(word_ids).T


def wrong_last_query(attention, word_ids):
    """query is the last piece"""
    return attention[lasts(word_ids)] @ members(word_ids).T


def wrong_first_key(attention, word_ids):
    """only the attention to the first piece"""
    return averages(word_ids) @ attention[:, firsts(word_ids)]


def wrong_last_key(attention, word_ids):
    """only the attention to the last piece"""
    return averages(word_ids) @ attention[:, lasts(word_ids)]


def wrong_largest(attention, word_ids):
    """largest of the weights"""
    groups = [row.bool() for row in members(word_ids)]
    return [[attention[i][:, j].max().item() for j in groups] for i in groups]


def wrong_largest_key(attention, word_ids):
    """largest weight to a piece"""
    groups = [row.bool() for row in members(word_ids)]
    keys = torch.stack([attention[:, group].amax(1) for group in groups], 1)
    return averages(word_ids) @ keys


def wrong_transposed(attention, word_ids):
    """transposed"""
    return right_matrices(attention, word_ids).T


def wrong_transposed_first(attention, word_ids):
    """transposed"""
    return right_matrices(attention.T, word_ids)


def wrong_order_of_strings(attention, word_ids):
    """out of order"""
    order = [int(word) for word in sorted({str(word) for word in word_ids})]
    return right_matrices(attention, word_ids)[order][:, order]


def wrong_order_reversed(attention, word_ids):
    """out of order"""
    return right_matrices(attention, word_ids).flip(0, 1)


def wrong_stretched(attention, word_ids):
    """stretched to sum to 1"""
    words = right_matrices(attention, word_ids)
    return words / words.sum(1, keepdim=True)


def wrong_stretched_pieces(attention, word_ids):
    """stretched to sum to 1"""
    return right_matrices(attention / attention.sum(1, keepdim=True), word_ids)


def wrong_queries_left(attention, word_ids):
    """queries are still pieces"""
    return attention @ members(word_ids).T


def wrong_keys_left(attention, word_ids):
    """keys are still pieces"""
    return averages(word_ids) @ attention


def wrong_no_diagonal(attention, word_ids):
    """a word looks at itself"""
    words = right_matrices(attention, word_ids)
    return words.fill_diagonal_(0)


def wrong_in_place(attention, word_ids):
    """in place"""
    attention /= torch.tensor([word_ids.count(word) for word in word_ids])[:, None]
    return members(word_ids) @ attention @ members(word_ids).T
