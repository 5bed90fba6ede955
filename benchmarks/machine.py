"""Measure what this CPU does by itself, which no loop can better, as JSON lines.

    python -m benchmarks.machine

`gflops` is the rate of float32 matrix products as in a step of the MLP GAN, for a batch of 32: its widest layer
forward (through torch's default library, and through oneDNN's own operator), its weights' gradient, its input's.
`bfloat16` is how many times as long as in float32 a 3x3 convolution of 64 channels takes. `rmsprop` is the same of a
step of torch's RMSprop against ours, of the MLP critic's weights. One thread, the process' time, medians over the
rounds.
"""

import argparse
import json
import time
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from zoo.engine.optimizers import RMSprop
from zoo.networks.mlp import MLPCritic

BATCH, INPUTS, OUTPUTS = 32, 1024, 784


def seconds(calls: Mapping[str, Callable[[], object]], rounds: int, times: int) -> dict[str, float]:
    """Return the median seconds of each call, made in turns."""
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds + 1):
        for name, call in calls.items():
            begin = time.process_time()
            for _ in range(times):
                call()
            spent[name].append((time.process_time() - begin) / times)
    return {name: float(np.median(each[1:])) for name, each in spent.items()}


def rmsprop(kind: Callable[..., torch.optim.Optimizer]) -> Callable[[], object]:
    """Take a step of the MLP critic's optimizer."""
    weights = list(MLPCritic((1, 28, 28)).parameters())
    for weight in weights:
        weight.grad = torch.randn_like(weight)
    return kind(weights, lr=1e-4).step


def main() -> None:
    """Measure, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    torch.set_num_threads(1)
    x, weight, gradient = torch.randn(BATCH, INPUTS), torch.randn(OUTPUTS, INPUTS), torch.randn(BATCH, OUTPUTS)
    products: dict[str, Callable[[], object]] = {
        "forward": lambda: F.linear(x, weight),
        "forward, oneDNN": lambda: torch.ops.mkldnn._linear_pointwise(x, weight, None, "none", [], ""),
        "weights' gradient": lambda: gradient.T @ x,
        "input's gradient": lambda: gradient @ weight,
    }
    rates = {
        name: round(2 * BATCH * INPUTS * OUTPUTS / taken / 1e9, 1)
        for name, taken in seconds(products, given.rounds, 50).items()
    }
    capability = torch.backends.cpu.get_cpu_capability()
    print(json.dumps({"gflops": rates, "capability": capability, "rounds": given.rounds}), flush=True)
    images, kernels = torch.randn(8, 64, 28, 28), torch.randn(64, 64, 3, 3)
    pairs = {str(kind): (images.to(kind), kernels.to(kind)) for kind in (torch.float32, torch.bfloat16)}
    taken = seconds({name: partial(F.conv2d, *pair) for name, pair in pairs.items()}, given.rounds, 3)
    print(json.dumps({"bfloat16": round(taken["torch.bfloat16"] / taken["torch.float32"], 2), "rounds": given.rounds}))
    taken = seconds({"torch": rmsprop(torch.optim.RMSprop), "ours": rmsprop(RMSprop)}, given.rounds, 50)
    print(json.dumps({"rmsprop": round(taken["torch"] / taken["ours"], 2), "rounds": given.rounds}))


if __name__ == "__main__":
    main()
