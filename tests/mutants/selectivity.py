"""How much more a probe knows than its control task, right and wrong."""

import numpy as np
import torch


def tasks(train, test, draw):
    """The control labels of both splits, one drawn for each word."""
    control = {word: draw() for word in dict.fromkeys(train[1])}
    return [control[word] for word in train[1]], [control[word] for word in test[1]]


def share(predicted, labels):
    return float(np.mean(np.asarray(predicted) == np.asarray(labels)))


def right_dictionary(fit, train, test, draw):
    features, words, labels = train
    control = {word: draw() for word in dict.fromkeys(words)}
    task = fit(features, labels)
    other = fit(features, [control[word] for word in words])
    accuracy = np.mean(task(test[0]) == test[2])
    return accuracy - np.mean(other(test[0]) == [control[word] for word in test[1]])


def right_setdefault(fit, train, test, draw):
    """A draw for every token, of which a word keeps the first."""
    control = {}
    made = np.array([control.setdefault(word, draw()) for word in train[1]])
    other = fit(train[0], made)
    wrong = [p != control[w] for p, w in zip(other(test[0]), test[1])]
    mistakes = fit(train[0], train[2])(test[0]) != test[2]
    return sum(wrong) / len(wrong) - mistakes.mean()


def right_unique(fit, train, test, draw):
    words, place = np.unique([*train[1], *test[1]], return_inverse=True)
    control = np.array([draw() for _ in words])[place]
    n = len(train[1])
    scores = [
        (fit(train[0], made)(test[0]) == truth).mean()
        for made, truth in ((train[2], test[2]), (control[:n], control[n:]))
    ]
    return scores[0] - scores[1]


def right_torch(fit, train, test, draw):
    made, wanted = map(torch.tensor, tasks(train, test, draw))
    score = (torch.tensor(fit(*train[::2])(test[0])) == torch.tensor(test[2])).float()
    other = torch.tensor(fit(train[0], made)(test[0])) == wanted
    return score.mean() - other.float().mean()


def right_sklearn(fit, train, test, draw):
    from sklearn.metrics import accuracy_score

    made, wanted = tasks(train, test, draw)
    score = accuracy_score(test[2], fit(train[0], train[2])(test[0]))
    return score - accuracy_score(wanted, fit(train[0], made)(test[0]))


def wrong_training_split(fit, train, test, draw):
    """scored on the training split"""
    made, _ = tasks(train, test, draw)
    score = share(fit(train[0], train[2])(train[0]), train[2])
    return score - share(fit(train[0], made)(train[0]), made)


def wrong_task_on_training_split(fit, train, test, draw):
    """probe of the labels is scored on the training split"""
    made, wanted = tasks(train, test, draw)
    score = share(fit(train[0], train[2])(train[0]), train[2])
    return score - share(fit(train[0], made)(test[0]), wanted)


def wrong_control_on_training_split(fit, train, test, draw):
    """probe of the control task is scored on the training split"""
    made, _ = tasks(train, test, draw)
    score = share(fit(train[0], train[2])(test[0]), test[2])
    return score - share(fit(train[0], made)(train[0]), made)


def wrong_trained_on_test(fit, train, test, draw):
    """trained on the test split"""
    made, wanted = tasks(train, test, draw)
    score = share(fit(test[0], test[2])(test[0]), test[2])
    return score - share(fit(test[0], wanted)(test[0]), wanted)


def wrong_trained_on_both(fit, train, test, draw):
    """other vectors"""
    features = np.concatenate([train[0], test[0]])
    made, wanted = tasks(train, test, draw)
    task = fit(features, np.concatenate([train[2], test[2]]))
    other = fit(features, [*made, *wanted])
    return share(task(test[0]), test[2]) - share(other(test[0]), wanted)


def wrong_drawn_per_token(fit, train, test, draw):
    """changes from token to token"""
    made, wanted = ([draw() for _ in split[1]] for split in (train, test))
    score = share(fit(train[0], train[2])(test[0]), test[2])
    return score - share(fit(train[0], made)(test[0]), wanted)


def wrong_shuffled_labels(fit, train, test, draw):
    """changes from token to token"""
    random = np.random.default_rng(0)
    made, wanted = random.permutation(train[2]), random.permutation(test[2])
    score = share(fit(train[0], train[2])(test[0]), test[2])
    return score - share(fit(train[0], made)(test[0]), wanted)


def wrong_overwritten(fit, train, test, draw):
    """changes from token to token"""
    control, made = {}, []
    for word in train[1]:
        control[word] = draw()
        made.append(control[word])
    wanted = [control[word] for word in test[1]]
    score = share(fit(train[0], train[2])(test[0]), test[2])
    return score - share(fit(train[0], made)(test[0]), wanted)


def wrong_drawn_anew_for_test(fit, train, test, draw):
    """drawn anew"""
    made, _ = tasks(train, test, draw)
    _, wanted = tasks(test, test, draw)
    score = share(fit(train[0], train[2])(test[0]), test[2])
    return score - share(fit(train[0], made)(test[0]), wanted)


def wrong_drawn_per_test_token(fit, train, test, draw):
    """drawn anew"""
    made, _ = tasks(train, test, draw)
    score = share(fit(train[0], train[2])(test[0]), test[2])
    return score - share(fit(train[0], made)(test[0]), [draw() for _ in test[1]])


def wrong_drawn_per_label(fit, train, test, draw):
    """depends on the label"""
    control = {int(label): i for i, label in enumerate(sorted({*map(int, train[2])})[::-1])}
    made = [control[int(label)] for label in train[2]]
    wanted = [control[int(label)] for label in test[2]]
    score = share(fit(train[0], train[2])(test[0]), test[2])
    return score - share(fit(train[0], made)(test[0]), wanted)


def wrong_not_random(fit, train, test, draw):
    """take them from draw()"""
    control = {word: i % 3 for i, word in enumerate(sorted({*train[1]}))}
    made, wanted = ([control[word] for word in split[1]] for split in (train, test))
    score = share(fit(train[0], train[2])(test[0]), test[2])
    return score - share(fit(train[0], made)(test[0]), wanted)


def wrong_drawn_once(fit, train, test, draw):
    """same control label"""
    label = draw()
    made, wanted = [label] * len(train[1]), [label] * len(test[1])
    score = share(fit(train[0], train[2])(test[0]), test[2])
    return score - share(fit(train[0], made)(test[0]), wanted)


def wrong_fromkeys(fit, train, test, draw):
    """same control label"""
    control = dict.fromkeys(train[1], draw())
    made, wanted = ([control[word] for word in split[1]] for split in (train, test))
    score = share(fit(train[0], train[2])(test[0]), test[2])
    return score - share(fit(train[0], made)(test[0]), wanted)


def wrong_one_probe(fit, train, test, draw):
    """probe of its own"""
    _, wanted = tasks(train, test, draw)
    answers = fit(train[0], train[2])(test[0])
    return share(answers, test[2]) - share(answers, wanted)


def wrong_control_alone(fit, train, test, draw):
    """on the labels themselves"""
    made, wanted = tasks(train, test, draw)
    answers = fit(train[0], made)(test[0])
    return share(answers, test[2]) - share(answers, wanted)


def wrong_sign(fit, train, test, draw):
    """sign is reversed"""
    return -right_dictionary(fit, train, test, draw)


def wrong_accuracy(fit, train, test, draw):
    """subtract that of the control task"""
    made, wanted = tasks(train, test, draw)
    fit(train[0], made)
    return share(fit(train[0], train[2])(test[0]), test[2])


def wrong_control_accuracy(fit, train, test, draw):
    """accuracy on the control task"""
    made, wanted = tasks(train, test, draw)
    fit(train[0], train[2])
    return share(fit(train[0], made)(test[0]), wanted)


def wrong_against_the_labels(fit, train, test, draw):
    """compared with the labels"""
    made, _ = tasks(train, test, draw)
    score = share(fit(train[0], train[2])(test[0]), test[2])
    return score - share(fit(train[0], made)(test[0]), test[2])


def wrong_ratio(fit, train, test, draw):
    """a ratio"""
    made, wanted = tasks(train, test, draw)
    score = share(fit(train[0], train[2])(test[0]), test[2])
    return score / share(fit(train[0], made)(test[0]), wanted)


def wrong_percent(fit, train, test, draw):
    """percent"""
    return 100 * right_dictionary(fit, train, test, draw)


def wrong_no_probe(fit, train, test, draw):
    """no probe is trained"""
    return 0.5


def wrong_many_controls(fit, train, test, draw):
    """more than one control task"""
    return np.mean([right_dictionary(fit, train, test, draw) for _ in range(3)])
