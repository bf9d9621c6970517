"""The entropy of attention, right and wrong."""

import math

import numpy as np
import torch


def mean(values, attention_mask):
    """values [B, H, T] -> the mean over the tokens, [H]."""
    return (values * attention_mask[:, None]).sum((0, 2)) / attention_mask.sum()


def right_entr(attention, attention_mask):
    return mean(torch.special.entr(attention).sum(-1), attention_mask)


def right_where(attention, attention_mask):
    logarithm = torch.where(attention > 0, attention, 1.0).log()
    entropy = -(attention * logarithm).sum(-1)  # [B, H, T]
    return entropy.transpose(1, 2)[attention_mask.bool()].mean(0)


def right_epsilon(attention, attention_mask):
    return mean(-(attention * (attention + 1e-12).log()).sum(-1), attention_mask)


def right_nansum(attention, attention_mask):
    return mean(-(attention * attention.log()).nansum(-1), attention_mask)


def right_xlogy(attention, attention_mask):
    return mean(-torch.xlogy(attention, attention).sum(-1), attention_mask)


def right_scipy(attention, attention_mask):
    from scipy.stats import entropy

    found = entropy(attention.double().numpy(), axis=-1)  # [B, H, T]
    return np.moveaxis(found, 1, 2)[attention_mask.numpy() == 1].mean(0)


def right_distribution(attention, attention_mask):
    entropy = torch.distributions.Categorical(probs=attention).entropy()
    return mean(entropy, attention_mask)


def right_loops(attention, attention_mask):
    found = []
    for head in range(attention.shape[1]):
        entropies = [
            -sum(p * math.log(p) for p in attention[b, head, i].tolist() if p)
            for b, i in attention_mask.nonzero().tolist()
        ]
        found.append(sum(entropies) / len(entropies))
    return found


def wrong_nan(attention, attention_mask):
    """0 * log 0"""
    return mean(-(attention * attention.log()).sum(-1), attention_mask)


def wrong_nan_chosen(attention, attention_mask):
    """0 * log 0"""
    entropy = -(attention * attention.log()).sum(-1)
    return entropy.transpose(1, 2)[attention_mask.bool()].mean(0)


def wrong_padding(attention, attention_mask):
    """padding is counted"""
    return torch.special.entr(attention).sum(-1).mean((0, 2))


def wrong_padded_keys_only(attention, attention_mask):
    """padding is counted"""
    attention = attention * attention_mask[:, None, None]
    return torch.special.entr(attention).sum(-1).mean((0, 2))


def wrong_padding_in_divisor(attention, attention_mask):
    """that divides it"""
    entropy = torch.special.entr(attention).sum(-1) * attention_mask[:, None]
    return entropy.mean((0, 2))


def wrong_bits(attention, attention_mask):
    """bits"""
    return mean(-(attention * (attention + 1e-12).log2()).sum(-1), attention_mask)


def wrong_columns(attention, attention_mask):
    """runs over the queries"""
    return mean(torch.special.entr(attention).sum(-2), attention_mask)


def wrong_columns_and_padding(attention, attention_mask):
    """padding is counted

    Over all queries, the order of the two sums makes no difference.
    """
    return torch.special.entr(attention).sum(-2).mean((0, 2))


def wrong_squares(attention, attention_mask):
    """squared first

    run_prune_gpt.py, with unlogit=True.
    """
    return right_entr(attention.pow(2), attention_mask)


def wrong_squares_and_padding(attention, attention_mask):
    """squared first"""
    return wrong_padding(attention.pow(2), attention_mask)


def wrong_squares_normalised(attention, attention_mask):
    """normalised again"""
    squares = attention.pow(2)
    return right_entr(squares / squares.sum(-1, keepdim=True), attention_mask)


def wrong_mean_attention_of_sentence(attention, attention_mask):
    """entropy of a mean"""
    counts = attention_mask[:, None, :, None]
    average = (attention * counts).sum(2) / counts.sum(2)
    return torch.special.entr(average).sum(-1).mean(0)


def wrong_mean_attention_of_all(attention, attention_mask):
    """entropy of a mean"""
    rows = attention.transpose(1, 2)[attention_mask.bool()]  # [tokens, H, T]
    return torch.special.entr(rows.mean(0)).sum(-1)


def wrong_mean_attention_with_padding(attention, attention_mask):
    """entropy of a mean"""
    return torch.special.entr(attention.mean((0, 2))).sum(-1)


def wrong_mean_of_means(attention, attention_mask):
    """every sentence counts the same"""
    entropy = torch.special.entr(attention).sum(-1) * attention_mask[:, None]
    return (entropy.sum(2) / attention_mask.sum(1, keepdim=True)).mean(0)


def wrong_sum(attention, attention_mask):
    """this is the sum"""
    entropy = torch.special.entr(attention).sum(-1)
    return (entropy * attention_mask[:, None]).sum((0, 2))


def wrong_by_sentences(attention, attention_mask):
    """number of sentences"""
    return wrong_sum(attention, attention_mask) / len(attention)


def wrong_sign(attention, attention_mask):
    """sign is reversed"""
    return mean(torch.xlogy(attention, attention).sum(-1), attention_mask)


def wrong_normalised(attention, attention_mask):
    """largest value"""
    return right_entr(attention, attention_mask) / math.log(attention.size(-1))


def wrong_no_weight(attention, attention_mask):
    """weight before the logarithm"""
    entropy = -attention.log().sum(-1)
    return entropy.transpose(1, 2)[attention_mask.bool()].mean(0)


def wrong_first_token(attention, attention_mask):
    """first token alone"""
    return torch.special.entr(attention[:, :, 0]).sum(-1).mean(0)


def wrong_exponential(attention, attention_mask):
    """exponential"""
    return right_entr(attention, attention_mask).exp()


def wrong_each_sentence(attention, attention_mask):
    """number for each sentence"""
    entropy = torch.special.entr(attention).sum(-1) * attention_mask[:, None]
    return entropy.sum(2) / attention_mask.sum(1, keepdim=True)


def wrong_all_heads(attention, attention_mask):
    """one number for all"""
    return right_entr(attention, attention_mask).mean()


def wrong_in_place(attention, attention_mask):
    """in place"""
    attention[attention == 0] = 1.0
    return mean(-(attention * attention.log()).sum(-1), attention_mask)
