"""Two segments as BERT reads them, right and wrong."""

import torch


def right_lists(first, second):
    one = [101, *first, 102]
    two = [*second, 102]
    return one + two, [0] * len(one) + [1] * len(two)


def right_tensors(first, second):
    ids = torch.tensor([101] + first + [102] + second + [102])
    types = torch.zeros_like(ids)
    types[len(first) + 2 :] = 1
    return ids, types


def right_running_type(first, second):
    """The type goes up after the first [SEP]."""
    ids, types, current = [], [], 0
    for token in [101, *first, 102, *second, 102]:
        ids.append(token)
        types.append(current)
        current = min(1, current + (token == 102))
    return [ids, types]


def wrong_middle_separator(first, second):
    """[SEP] in the middle"""
    ids = [101, *first, 102, *second, 102]
    return ids, [0] * (1 + len(first)) + [1] * (len(second) + 2)


def wrong_no_last_separator(first, second):
    """last [SEP] is missing"""
    ids = [101, *first, 102, *second]
    return ids, [0] * (len(first) + 2) + [1] * len(second)


def wrong_no_middle_separator(first, second):
    """between the two is missing"""
    ids = [101, *first, *second, 102]
    return ids, [0] * (len(first) + 1) + [1] * (len(second) + 1)


def wrong_second_cls(first, second):
    """second [CLS]"""
    one, two = [101, *first, 102], [101, *second, 102]
    return one + two, [0] * len(one) + [1] * len(two)


def wrong_all_types_zero(first, second):
    """all types are 0"""
    ids = [101, *first, 102, *second, 102]
    return ids, [0] * len(ids)


def wrong_types_from_one(first, second):
    """start at 1"""
    one, two = [101, *first, 102], [*second, 102]
    return one + two, [1] * len(one) + [2] * len(two)


def wrong_types_exchanged(first, second):
    """types of the two segments change places"""
    one, two = [101, *first, 102], [*second, 102]
    return one + two, [1] * len(one) + [0] * len(two)


def wrong_last_type(first, second):
    """the last [SEP] belongs to the second segment"""
    ids = [101, *first, 102, *second, 102]
    return ids, [0] * (len(first) + 2) + [1] * len(second) + [0]


def wrong_types_of_the_text(first, second):
    """the special tokens have a type too"""
    ids = [101, *first, 102, *second, 102]
    return ids, [0] * len(first) + [1] * len(second)


def wrong_special_exchanged(first, second):
    """[CLS] is 101"""
    ids, types = right_lists(first, second)
    return [{101: 102, 102: 101}.get(i, i) for i in ids], types


def wrong_roberta(first, second):
    """RoBERTa"""
    ids = [101, *first, 102, 102, *second, 102]
    return ids, [0] * len(ids)


def wrong_in_place(first, second):
    """in place"""
    first.insert(0, 101)
    first.append(102)
    second.append(102)
    return first + second, [0] * len(first) + [1] * len(second)


def wrong_ids_alone(first, second):
    """two lists"""
    return [101, *first, 102, *second, 102]


def wrong_order_of_the_results(first, second):
    """the two lists change places"""
    return right_lists(first, second)[::-1]
