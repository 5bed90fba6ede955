"""What every model trains by: the loop, batches, averages, optimizers, randomness, checkpoints."""
