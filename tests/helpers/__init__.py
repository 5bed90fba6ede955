"""Helpers that several tests share, by subject: models, runs, data, scorers, checkpoints, the command line."""
