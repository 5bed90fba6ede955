"""Random logits, and m-IS computed from its definition."""

import math

import torch

from zoo.metrics import ModifiedInceptionScore

GROUPINGS = ["predicted", "true", "none"]
NAN, INF = math.nan, math.inf


def draw(n, classes, temperature=1.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(n, classes, generator=generator, dtype=torch.float64) / temperature
    return logits, torch.randint(classes, (n,), generator=generator)


def score(logits, labels=None, grouping="predicted"):
    metric = ModifiedInceptionScore(logits.shape[1], grouping)
    metric.update(logits, labels)
    return metric


def brute_force(logits, labels, grouping):
    """Compute the score of each class from KL(p_i || p_j) of every pair, in O(N^2)."""
    classes = logits.shape[1]
    group = {"predicted": logits.argmax(1), "true": labels, "none": torch.zeros_like(labels)}[grouping]
    scores = []
    for c in range(1 if grouping == "none" else classes):
        p = logits[group == c].softmax(1)
        pairs = [(p_i * (p_i / p_j).log()).sum() for p_i in p for p_j in p]
        scores.append(torch.stack(pairs).mean().exp().item() if pairs else NAN)
    return torch.tensor(scores, dtype=torch.float64)


def assert_same(a, b, tolerance=1e-10):
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance, equal_nan=True)
