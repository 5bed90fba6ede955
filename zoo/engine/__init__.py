"""Training, alike for every model: the loop, batches, averages, optimizers, randomness, checkpoints."""
