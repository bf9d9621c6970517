import numpy as np
import torch
import torch.nn.functional as F


def right_loops(signal, kernel):
    places = range(len(signal) - len(kernel) + 1)
    return [sum(w * signal[i + k] for k, w in enumerate(kernel)) for i in places]


def right_windows(signal, kernel):
    return np.lib.stride_tricks.sliding_window_view(signal, len(kernel)) @ kernel


def right_torch(signal, kernel):
    signal, kernel = torch.as_tensor(signal), torch.as_tensor(kernel)
    return F.conv1d(signal[None, None], kernel[None, None])[0, 0]


def wrong_flipped(signal, kernel):
    """flipped"""
    return np.convolve(signal, kernel, mode="valid")


def wrong_same_length(signal, kernel):
    """as long as the signal"""
    return np.correlate(signal, kernel, mode="same")


def wrong_full(signal, kernel):
    """hangs over"""
    return np.correlate(signal, kernel, mode="full")


def wrong_last_window(signal, kernel):
    """last window is missing"""
    return [signal[i : i + len(kernel)] @ kernel for i in range(len(signal) - len(kernel))]


def wrong_disjoint_windows(signal, kernel):
    """do not overlap"""
    width = len(kernel)
    starts = range(0, len(signal) - width + 1, width)
    return [signal[i : i + width] @ kernel for i in starts]


def wrong_mean(signal, kernel):
    """mean of each window"""
    windows = np.lib.stride_tricks.sliding_window_view(signal, len(kernel))
    return (windows * kernel).mean(1)


def wrong_without_weights(signal, kernel):
    """without the weights"""
    return np.lib.stride_tricks.sliding_window_view(signal, len(kernel)).sum(1)
