"""The parameter groups of AdamW, right and wrong."""

from torch import nn


def groups(model, exempt, weight_decay):
    """The two groups, split by a question about the name and the parameter."""
    spared = [p for n, p in model.named_parameters() if exempt(n, p)]
    others = [p for n, p in model.named_parameters() if not exempt(n, p)]
    return [
        {"params": others, "weight_decay": weight_decay},
        {"params": spared, "weight_decay": 0.0},
    ]


def right_names(model, weight_decay):
    words = "bias", "norm"
    decay, no_decay = [], []
    for name, parameter in model.named_parameters():
        spared = any(word in name.lower() for word in words)
        (no_decay if spared else decay).append(parameter)
    return [
        {"params": decay, "weight_decay": weight_decay},
        {"params": no_decay, "weight_decay": 0.0},
    ]


def right_shapes(model, weight_decay):
    """Matrices decay, vectors do not; generators for lists, in a tuple."""
    return (
        {"params": (p for p in model.parameters() if p.ndim < 2), "weight_decay": 0},
        {
            "params": (p for p in model.parameters() if p.ndim > 1),
            "weight_decay": weight_decay,
        },
    )


def right_modules(model, weight_decay):
    """By the kind of the module; the parameters with their names."""
    exempt = set()
    for prefix, module in model.named_modules():
        for name, _ in module.named_parameters(recurse=False):
            if isinstance(module, nn.LayerNorm) or name == "bias":
                exempt.add(f"{prefix}.{name}")
    named = list(model.named_parameters())
    return [
        {"params": [pair for pair in named if pair[0] in exempt], "weight_decay": 0.0},
        {
            "params": [pair for pair in named if pair[0] not in exempt],
            "weight_decay": weight_decay,
        },
    ]


def right_a_group_for_each(model, weight_decay):
    return [
        {"params": [p], "weight_decay": weight_decay if p.ndim > 1 else 0.0, "name": n}
        for n, p in model.named_parameters()
    ]


def right_course(model, weight_decay):
    from utils.finetuning import parameter_groups

    return parameter_groups(model, weight_decay)


def wrong_key(model, weight_decay):
    """no key 'weight_decay_rate'"""
    made = right_names(model, weight_decay)
    return [
        {"params": g["params"], "weight_decay_rate": g["weight_decay"]} for g in made
    ]


def wrong_old_names(model, weight_decay):
    """Neither gamma nor LayerNorm"""
    words = "bias", "gamma", "beta"
    return groups(model, lambda n, _: any(w in n for w in words), weight_decay)


def wrong_name_of_the_library(model, weight_decay):
    """LayerNorm decays"""
    words = "bias", "LayerNorm.weight"
    return groups(model, lambda n, _: any(w in n for w in words), weight_decay)


def wrong_small_letters(model, weight_decay):
    """LayerNorm decays"""
    words = "bias", "norm"
    return groups(model, lambda n, _: any(w in n for w in words), weight_decay)


def wrong_biases_decay(model, weight_decay):
    """a bias decays"""
    return groups(model, lambda n, _: "norm" in n.lower(), weight_decay)


def wrong_whole_name(model, weight_decay):
    """word that is the whole name"""
    return groups(model, lambda n, _: n in ["bias", "norm", "LayerNorm"], weight_decay)


def wrong_exchanged(model, weight_decay):
    """exchanged"""
    first, second = right_names(model, weight_decay)
    return [
        {"params": first["params"], "weight_decay": 0.0},
        {"params": second["params"], "weight_decay": weight_decay},
    ]


def wrong_forgotten(model, weight_decay):
    """in no group"""
    first, second = right_names(model, weight_decay)
    return [first, {**second, "params": second["params"][:-1]}]


def wrong_only_what_decays(model, weight_decay):
    """never be trained"""
    return right_names(model, weight_decay)[:1]


def wrong_twice_in_one_group(model, weight_decay):
    """listed twice"""
    words = "bias", "norm"
    named = [(n.lower(), p) for n, p in model.named_parameters()]
    spared = [p for word in words for n, p in named if word in n]
    decay = [p for n, p in named if not any(word in n for word in words)]
    return [
        {"params": decay, "weight_decay": weight_decay},
        {"params": spared, "weight_decay": 0.0},
    ]


def wrong_in_both_groups(model, weight_decay):
    """in both groups"""
    no_decay = right_names(model, weight_decay)[1]
    everything = {"params": list(model.parameters()), "weight_decay": weight_decay}
    return [everything, no_decay]


def wrong_default(model, weight_decay):
    """AdamW's default"""
    first, second = right_names(model, weight_decay)
    return [{"params": first["params"]}, second]


def wrong_no_decay_at_all(model, weight_decay):
    """no group sets weight_decay"""
    return [{"params": list(model.parameters())}]


def wrong_nothing_decays(model, weight_decay):
    """nothing decays"""
    return [{"params": list(model.parameters()), "weight_decay": 0.0}]


def wrong_embeddings_spared(model, weight_decay):
    """does not decay"""
    words = "bias", "norm", "embeddings"
    return groups(model, lambda n, _: any(w in n.lower() for w in words), weight_decay)


def wrong_names_for_parameters(model, weight_decay):
    """parameters themselves"""
    names = [name for name, _ in model.named_parameters()]
    return [{"params": names, "weight_decay": weight_decay}]


def wrong_two_lists(model, weight_decay):
    """list of dicts"""
    return [group["params"] for group in right_names(model, weight_decay)]
