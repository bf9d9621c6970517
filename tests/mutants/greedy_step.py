import numpy as np
import torch


def right_loop(next_logits, bos_id, eos_id, max_length):
    ids = [bos_id]
    for _ in range(max_length):
        ids.append(next_logits(ids)[-1].argmax().item())
        if ids[-1] == eos_id:
            break
    return ids[1:]


def right_recursion(next_logits, bos_id, eos_id, max_length, start=()):
    if len(start) == max_length or eos_id in start:
        return list(start)
    token = int(torch.softmax(next_logits([bos_id, *start])[-1], -1).argmax())
    return right_recursion(next_logits, bos_id, eos_id, max_length, (*start, token))


def right_tensor(next_logits, bos_id, eos_id, max_length):
    ids = torch.tensor([bos_id])
    while len(ids) <= max_length and ids[-1] != eos_id:
        ids = torch.cat([ids, next_logits(ids)[-1:].argmax(-1)])
    return ids[1:]


def wrong_never_stops(next_logits, bos_id, eos_id, max_length):
    """does not stop"""
    ids = [bos_id]
    for _ in range(max_length):
        ids.append(next_logits(ids)[-1].argmax().item())
    return ids[1:]


def wrong_first_position(next_logits, bos_id, eos_id, max_length):
    """first position"""
    ids = [bos_id]
    while len(ids) <= max_length and ids[-1] != eos_id:
        ids.append(next_logits(ids)[0].argmax().item())
    return ids[1:]


def wrong_keeps_the_begin(next_logits, bos_id, eos_id, max_length):
    """begin token"""
    return [bos_id] + right_loop(next_logits, bos_id, eos_id, max_length)


def wrong_drops_the_end(next_logits, bos_id, eos_id, max_length):
    """end token belongs"""
    ids = right_loop(next_logits, bos_id, eos_id, max_length)
    return ids[:-1] if ids[-1] == eos_id else ids


def wrong_one_too_few(next_logits, bos_id, eos_id, max_length):
    """off by one"""
    return right_loop(next_logits, bos_id, eos_id, max_length - 1)


def wrong_one_too_many(next_logits, bos_id, eos_id, max_length):
    """off by one"""
    return right_loop(next_logits, bos_id, eos_id, max_length + 1)


def wrong_lowest(next_logits, bos_id, eos_id, max_length):
    """lowest score"""
    ids = [bos_id]
    while len(ids) <= max_length and ids[-1] != eos_id:
        ids.append(next_logits(ids)[-1].argmin().item())
    return ids[1:]


def wrong_forgets(next_logits, bos_id, eos_id, max_length):
    """forgets what it wrote"""
    ids = [bos_id]
    while len(ids) <= max_length and ids[-1] != eos_id:
        ids.append(next_logits(ids[-1:])[-1].argmax().item())
    return ids[1:]


def right_generator(next_logits, bos_id, eos_id, max_length):
    ids = [bos_id]
    while len(ids) <= max_length and ids[-1] != eos_id:
        ids.append(next_logits(ids)[-1].topk(1).indices.item())
        yield ids[-1]


def right_numpy(next_logits, bos_id, eos_id, max_length):
    ids = np.array([bos_id])
    while len(ids) <= max_length and ids[-1] != eos_id:
        ids = np.append(ids, np.argmax(np.asarray(next_logits(ids.tolist()))[-1]))
    return ids[1:]


def right_list_of_tensors(next_logits, bos_id, eos_id, max_length):
    ids = [torch.tensor(bos_id)]
    for _ in range(max_length):
        ids.append(next_logits(ids)[-1].argmax())
        if ids[-1] == eos_id:
            break
    return ids[1:]


def wrong_draws(next_logits, bos_id, eos_id, max_length):
    """at random"""
    ids = [bos_id]
    while len(ids) <= max_length and ids[-1] != eos_id:
        ids.append(next_logits(ids)[-1].softmax(-1).multinomial(1).item())
    return ids[1:]


def wrong_whole_table(next_logits, bos_id, eos_id, max_length):
    """whole table"""
    ids = [bos_id]
    while len(ids) <= max_length and ids[-1] != eos_id:
        ids.append(next_logits(ids).argmax().item())
    return ids[1:]


def wrong_fixed_ids(next_logits, bos_id, eos_id, max_length):
    """not always 1 and 2"""
    return right_loop(next_logits, 1, 2, max_length)


def wrong_end_is_two(next_logits, bos_id, eos_id, max_length):
    """eos_id is an argument"""
    return right_loop(next_logits, bos_id, 2, max_length)


def wrong_one_token(next_logits, bos_id, eos_id, max_length):
    """one token only"""
    return [next_logits([bos_id])[-1].argmax().item()]


def wrong_without_limit(next_logits, bos_id, eos_id, max_length):
    """max_length is not used"""
    return right_loop(next_logits, bos_id, eos_id, 50)


def wrong_padded(next_logits, bos_id, eos_id, max_length):
    """nothing follows"""
    ids = right_loop(next_logits, bos_id, eos_id, max_length)
    return ids + [0] * (max_length - len(ids))


def wrong_end_added(next_logits, bos_id, eos_id, max_length):
    """was not written"""
    ids = right_loop(next_logits, bos_id, eos_id, max_length)
    return ids if ids[-1] == eos_id else [*ids, eos_id]
