import numpy as np
import torch


def right_torch(hidden_states, attention_mask):
    weight = attention_mask.unsqueeze(-1).float()
    return (hidden_states * weight).sum(1) / weight.sum(1)


def right_einsum(hidden_states, attention_mask):
    weight = attention_mask / attention_mask.sum(1, keepdim=True)
    return torch.einsum("bl,blh->bh", weight, hidden_states)


def right_loops(hidden_states, attention_mask):
    texts = zip(hidden_states, attention_mask.bool())
    return np.stack([states[kept].mean(0).numpy() for states, kept in texts])


def right_matrix_product(hidden_states, attention_mask):
    sums = attention_mask.double().unsqueeze(1) @ hidden_states.double()  # [B, 1, H]
    return (sums.squeeze(1) / attention_mask.sum(1, keepdim=True)).tolist()


def right_nanmean(hidden_states, attention_mask):
    kept = attention_mask.bool().unsqueeze(-1)
    return hidden_states.where(kept, torch.nan).nanmean(dim=1)


def wrong_padding(hidden_states, attention_mask):
    """padding is averaged in"""
    return hidden_states.mean(1)


def wrong_padded_length(hidden_states, attention_mask):
    """padded length"""
    return (hidden_states * attention_mask[..., None]).mean(1)


def wrong_sum(hidden_states, attention_mask):
    """that is the sum"""
    return (hidden_states * attention_mask[..., None]).sum(1)


def wrong_first_token(hidden_states, attention_mask):
    """[CLS]"""
    return hidden_states[:, 0]


def wrong_largest(hidden_states, attention_mask):
    """largest value"""
    hidden = attention_mask[..., None] == 0
    return hidden_states.masked_fill(hidden, float("-inf")).max(1).values


def wrong_inverted_mask(hidden_states, attention_mask):
    """mask is inverted"""
    padding = (1 - attention_mask)[..., None]
    return (hidden_states * padding).sum(1) / padding.sum(1)


def wrong_axis(hidden_states, attention_mask):
    """wrong axis"""
    return hidden_states.mean(0)


def wrong_mask_not_unsqueezed(hidden_states, attention_mask):
    """RuntimeError"""
    return (hidden_states * attention_mask).sum(1) / attention_mask.sum(1)


def wrong_first_tokens(hidden_states, attention_mask):
    """padding stands on the left"""
    lengths = attention_mask.sum(1)
    return torch.stack([states[:n].mean(0) for states, n in zip(hidden_states, lengths)])


def wrong_tokens_of_the_batch(hidden_states, attention_mask):
    """whole batch"""
    return (hidden_states * attention_mask[..., None]).sum(1) / attention_mask.sum()


def wrong_padding_in_the_sum(hidden_states, attention_mask):
    """leave it out of the sum"""
    return hidden_states.sum(1) / attention_mask.sum(1, keepdim=True)


def wrong_unit_vectors(hidden_states, attention_mask):
    """length 1"""
    return torch.nn.functional.normalize(right_torch(hidden_states, attention_mask), dim=-1)


def wrong_one_vector(hidden_states, attention_mask):
    """one vector for the whole batch"""
    return hidden_states[attention_mask.bool()].mean(0)


def wrong_in_place(hidden_states, attention_mask):
    """in place"""
    hidden_states *= attention_mask.unsqueeze(-1)
    return hidden_states.sum(1) / attention_mask.sum(1, keepdim=True)


def wrong_special_tokens_left_out(hidden_states, attention_mask):
    """NaN"""
    texts = zip(hidden_states, attention_mask.sum(1))
    return torch.stack([states[1 : n - 1].mean(0) for states, n in texts])
