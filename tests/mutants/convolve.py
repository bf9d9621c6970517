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


def right_recursive(signal, kernel):
    if len(signal) < len(kernel):
        return []
    return [float(signal[: len(kernel)] @ kernel)] + right_recursive(signal[1:], kernel)


def right_toeplitz(signal, kernel):
    rows = len(signal) - len(kernel) + 1
    matrix = np.zeros((rows, len(signal)), dtype=np.float32)
    for i in range(rows):
        matrix[i, i : i + len(kernel)] = kernel
    return tuple(matrix @ signal)


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


def wrong_first_window(signal, kernel):
    """first window is missing"""
    return right_windows(signal, kernel)[1:]


def wrong_zeros_at_the_end(signal, kernel):
    """no whole window"""
    result = np.zeros(len(signal))
    result[: len(signal) - len(kernel) + 1] = right_windows(signal, kernel)
    return result


def wrong_whole_numbers(signal, kernel):
    """whole ones"""
    result = np.zeros(len(signal) - len(kernel) + 1, dtype=int)
    result[:] = right_windows(signal, kernel)
    return result


def wrong_overwritten(signal, kernel):
    """last product"""
    result = np.zeros(len(signal) - len(kernel) + 1)
    for i in range(len(result)):
        for k, weight in enumerate(kernel):
            result[i] = weight * signal[i + k]  # = for +=
    return result


def wrong_relu(signal, kernel):
    """nonlinearity"""
    return np.maximum(right_windows(signal, kernel), 0)


def wrong_not_summed(signal, kernel):
    """products of each window"""
    return np.lib.stride_tricks.sliding_window_view(signal, len(kernel)) * kernel


def wrong_width_of_three(signal, kernel):
    """raised"""
    return [signal[i : i + 3] @ kernel for i in range(len(signal) - 2)]


def wrong_in_place(signal, kernel):
    """in place"""
    signal[: len(signal) - len(kernel) + 1] = right_windows(signal, kernel).copy()
    return signal[: len(signal) - len(kernel) + 1]
