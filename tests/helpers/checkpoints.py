"""Checkpoints: whether two are equal, ways to change one, and those that were changed on their way."""

import torch


def equal(one, other):
    """Return whether nested dictionaries and lists of tensors and numbers are equal, bit by bit."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(value, other[key]) for key, value in one.items())
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other


def spoil(path, change, name="spoilt"):
    """Write a changed copy of a checkpoint; return its path."""
    saved = torch.load(path, weights_only=True)
    result = change(saved)
    torch.save(saved if result is None else result, spoilt := path.with_name(f"{name}.ckpt"))
    return spoilt


def first(saved):
    """Return the state of the critic's optimizer for the first weight."""
    return saved["optimizer_states"][0]["state"][0]


def put(*keys, value):
    """Return a change that puts a value at a path of keys."""

    def change(saved):
        *way, last = keys
        for key in way:
            saved = saved[key]
        saved[last] = value

    return change


def drop(*keys):
    """Return a change that removes what lies at a path of keys."""

    def change(saved):
        *way, last = keys
        for key in way:
            saved = saved[key]
        del saved[last]

    return change


WEIGHT = "critic.body.1.weight"
LOOP = "loops", "fit_loop"
MOMENT = "optimizer_states", 0, "state", 0, "exp_avg"
SPOILT = {
    "a moment of one number": (put(*MOMENT, value=torch.zeros(1)), ["critic", "exp_avg", "(1,)"]),
    "a moment of integers": (put(*MOMENT, value=torch.zeros(8, 64, dtype=torch.int64)), ["exp_avg", "int64"]),
    "a moment that is no tensor": (put(*MOMENT, value=1.0), ["exp_avg", "float"]),
    "a moment that is nan": (put(*MOMENT, value=torch.full((8, 64), torch.nan)), ["exp_avg", "not finite"]),
    "two moments in one place": (
        lambda saved: first(saved).update(exp_avg_sq=first(saved)["exp_avg"]),
        ["shares its place"],
    ),
    "bytes that nobody needs": (put("schedule", "x", value=torch.zeros(2**23)), ["bytes, more than"]),
    "no moment": (drop(*MOMENT), ["critic", "exp_avg"]),
    "a step that is a list": (put(*MOMENT[:-1], "step", value=[1.0]), ["step"]),
    "no state of one weight": (drop(*MOMENT[:-1]), ["critic", "3 weights"]),
    "no state of any weight": (put("optimizer_states", 1, "state", value={}), ["generator", "0 weights"]),
    "one optimizer": (drop("optimizer_states", 1), ["optimizers"]),
    "no optimizers": (drop("optimizer_states"), ["optimizers"]),
    "groups of more weights": (
        put("optimizer_states", 0, "param_groups", 0, "params", value=[0, 1, 2, 3, 4, 5]),
        ["4 weights"],
    ),
    "groups that are text": (put("optimizer_states", 0, "param_groups", value="x"), ["4 weights"]),
    "a weight of another shape": (put("state_dict", WEIGHT, value=torch.zeros(8, 63)), [WEIGHT, "(8, 64)"]),
    "a weight of integers": (put("state_dict", WEIGHT, value=torch.zeros(8, 64).long()), [WEIGHT, "int64"]),
    "a weight that is nan": (put("state_dict", WEIGHT, value=torch.full((8, 64), torch.nan)), [WEIGHT, "not finite"]),
    "a weight that is text": (put("state_dict", WEIGHT, value="x"), [WEIGHT, "str"]),
    "a weight less": (drop("state_dict", WEIGHT), ["no", WEIGHT]),
    "a weight more": (put("state_dict", "more", value=torch.zeros(1)), ["unknown more"]),
    "a weight that is one number, many times": (
        put("state_dict", WEIGHT, value=torch.zeros(1).expand(8, 64)),
        ["place"],
    ),
    "a weight whose numbers overlap": (
        put("state_dict", WEIGHT, value=torch.zeros(100).as_strided((8, 64), (1, 1))),
        ["place"],
    ),
    "a sparse weight": (put("state_dict", WEIGHT, value=torch.zeros(8, 64).to_sparse()), ["plain numbers"]),
    "a complex weight": (put("state_dict", WEIGHT, value=torch.zeros(8, 64) * 1j), ["plain numbers"]),
    "a weight without numbers": (put("state_dict", WEIGHT, value=torch.zeros(8, 64, device="meta")), ["plain numbers"]),
    "hyperparameters that are a list": (put("hyper_parameters", value=[1]), ["hyper_parameters", "list"]),
    "a hyperparameter that is a list": (put("hyper_parameters", "latent_dim", value=[4]), ["latent_dim", "[4]"]),
    "weights that are a list": (put("state_dict", value=[]), ["state_dict", "list"]),
    "a name that is a number": (put("state_dict", 3, value=torch.zeros(1)), ["names"]),
    "steps that are text": (put("global_step", value="2"), ["global_step", "str"]),
    "steps below 0": (put("global_step", value=-2), ["global_step", "-2"]),
    "other steps than were counted": (put("global_step", value=1), ["1 steps"]),
    "no schedule": (drop("schedule"), ["schedule"]),
    "a schedule of text": (put("schedule", "made", value="x"), ["schedule.made", "str"]),
    "a version that is none": (put("pytorch-lightning_version", value="x"), ["pytorch-lightning_version"]),
    "a counter below 0": (put(*LOOP, "epoch_progress", "total", "ready", value=-1), ["epoch_progress", "-1"]),
    "a counter of text": (put(*LOOP, "epoch_progress", "total", "ready", value="x"), ["epoch_progress"]),
    "no counters": (drop(*LOOP), ["fit_loop"]),
    "half of the counters": (drop(*LOOP, "epoch_progress"), ["fit_loop"]),
    "the guard's memory is a number": (put("callbacks", "Guard", value={"suspected": 3}), ["Guard.suspected"]),
    "a callback's state is a list": (put("callbacks", "Speed", value=[1]), ["Speed"]),
    "a list, not a dictionary": (lambda saved: [saved], ["a list"]),
}
