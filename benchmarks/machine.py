"""What this CPU does by itself, which no loop can better, as JSON lines.

    python -m benchmarks.machine

`gflops` is the rate of float32 matrix products as in a step of the MLP GAN: its widest layer forward, and its two
gradients, for a batch of 32, through torch's default library, and through oneDNN. `bfloat16` is how many times as long
as in float32 a 3x3 convolution of 64 channels takes. One thread, the process' time, medians over the rounds.
"""

import argparse
import json
import time
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

BATCH, INPUTS, OUTPUTS = 32, 1024, 784


def seconds(calls: Mapping[str, Callable[[], object]], rounds: int, times: int) -> dict[str, float]:
    """Of each call, in turns."""
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds + 1):
        for name, call in calls.items():
            begin = time.process_time()
            for _ in range(times):
                call()
            spent[name].append((time.process_time() - begin) / times)
    return {name: float(np.median(each[1:])) for name, each in spent.items()}


def products(x: Tensor, weight: Tensor, gradient: Tensor, precision: str) -> None:
    """A layer's output, its weights' gradient and its input's, with one of torch's libraries."""
    torch.set_float32_matmul_precision(precision)
    F.linear(x, weight)
    gradient.T @ x
    gradient @ weight
    torch.set_float32_matmul_precision("highest")


def main() -> None:
    """Measures, and prints it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    torch.set_num_threads(1)
    tensors = torch.randn(BATCH, INPUTS), torch.randn(OUTPUTS, INPUTS), torch.randn(BATCH, OUTPUTS)
    libraries = {"default": "highest", "onednn": "medium"}
    calls = {name: partial(products, *tensors, precision) for name, precision in libraries.items()}
    taken = seconds(calls, given.rounds, 50)
    rates = {name: round(3 * 2 * BATCH * INPUTS * OUTPUTS / each / 1e9, 1) for name, each in taken.items()}
    capability = torch.backends.cpu.get_cpu_capability()
    print(json.dumps({"gflops": rates, "capability": capability, "rounds": given.rounds}), flush=True)
    images, kernels = torch.randn(8, 64, 28, 28), torch.randn(64, 64, 3, 3)
    pairs = {str(kind): (images.to(kind), kernels.to(kind)) for kind in (torch.float32, torch.bfloat16)}
    taken = seconds({name: partial(F.conv2d, *pair) for name, pair in pairs.items()}, given.rounds, 3)
    print(json.dumps({"bfloat16": round(taken["torch.bfloat16"] / taken["torch.float32"], 2), "rounds": given.rounds}))


if __name__ == "__main__":
    main()
