"""Checkpoints as data: read, compared with a model, trusted in nothing else."""
