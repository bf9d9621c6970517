import numpy as np
import torch
import torch.nn.functional as F


def right_torch(x, weight, bias, eps):
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + eps).sqrt() * weight + bias


def right_library(x, weight, bias, eps):
    return F.layer_norm(x, weight.shape, weight, bias, eps)


def right_loops(x, weight, bias, eps):
    x = x.numpy().copy()
    for place in np.ndindex(*x.shape[:-1]):
        vector = x[place]
        normal = (vector - vector.mean()) / np.sqrt(vector.var() + eps)
        x[place] = normal * np.asarray(weight) + np.asarray(bias)
    return x


def wrong_unbiased(x, weight, bias, eps):
    """unbiased"""
    variance, mean = torch.var_mean(x, -1, keepdim=True)
    return (x - mean) / (variance + eps).sqrt() * weight + bias


def wrong_eps_outside(x, weight, bias, eps):
    """eps is outside the root"""
    std = x.std(-1, keepdim=True, unbiased=False)
    return (x - x.mean(-1, keepdim=True)) / (std + eps) * weight + bias


def wrong_both(x, weight, bias, eps):
    """two deviations"""
    mean, std = x.mean(-1, keepdim=True), x.std(-1, keepdim=True)
    return weight * (x - mean) / (std + eps) + bias


def wrong_no_root(x, weight, bias, eps):
    """take its root"""
    variance = x.var(-1, keepdim=True, unbiased=False)
    return (x - x.mean(-1, keepdim=True)) / (variance + eps) * weight + bias


def wrong_over_the_batch(x, weight, bias, eps):
    """over the batch"""
    variance = x.var(0, keepdim=True, unbiased=False)
    return (x - x.mean(0, keepdim=True)) / (variance + eps).sqrt() * weight + bias


def wrong_batch_norm(x, weight, bias, eps):
    """BatchNorm"""
    flat = F.batch_norm(x.flatten(0, 1), None, None, weight, bias, True, 0.1, eps)
    return flat.view(x.shape)


def wrong_over_the_sequence(x, weight, bias, eps):
    """over the positions"""
    variance = x.var(1, keepdim=True, unbiased=False)
    return (x - x.mean(1, keepdim=True)) / (variance + eps).sqrt() * weight + bias


def wrong_over_positions_and_width(x, weight, bias, eps):
    """over the positions"""
    return F.layer_norm(x, x.shape[1:], eps=eps) * weight + bias


def wrong_not_centred(x, weight, bias, eps):
    """RMSNorm"""
    return F.rms_norm(x, weight.shape, weight, eps) + bias


def wrong_no_weight(x, weight, bias, eps):
    """not used"""
    return F.layer_norm(x, weight.shape, eps=eps)


def right_moments(x, weight, bias, eps):
    mean = x.mean(-1, keepdim=True)
    variance = (x * x).mean(-1, keepdim=True) - mean**2
    return (weight * (x - mean) * torch.rsqrt(variance + eps) + bias).tolist()


def right_single_precision(x, weight, bias, eps):
    x, weight, bias = x.float(), weight.float(), bias.float()
    variance, mean = torch.var_mean(x, -1, correction=0, keepdim=True)
    return torch.addcmul(bias, (x - mean) / (variance + eps) ** 0.5, weight)


def wrong_no_eps(x, weight, bias, eps):
    """eps is not used"""
    return F.layer_norm(x, weight.shape, weight, bias, 0.0)


def wrong_fixed_eps(x, weight, bias, eps):
    """fixed at 1e-5"""
    return F.layer_norm(x, weight.shape, weight, bias)


def wrong_no_bias(x, weight, bias, eps):
    """bias is not used"""
    return F.layer_norm(x, weight.shape, weight, None, eps)


def wrong_order(x, weight, bias, eps):
    """before the weight"""
    return (F.layer_norm(x, weight.shape, eps=eps) + bias) * weight


def wrong_scaled_first(x, weight, bias, eps):
    """come first"""
    return F.layer_norm(x * weight + bias, weight.shape, eps=eps)


def wrong_whole_tensor(x, weight, bias, eps):
    """whole tensor"""
    return (x - x.mean()) / (x.var(unbiased=False) + eps).sqrt() * weight + bias


def wrong_centred_alone(x, weight, bias, eps):
    """variance is not used"""
    return (x - x.mean(-1, keepdim=True)) * weight + bias


def wrong_in_place(x, weight, bias, eps):
    """in place"""
    x -= x.mean(-1, keepdim=True)
    return x / (x.square().mean(-1, keepdim=True) + eps).sqrt() * weight + bias
