"""Scores of a run, and what watches them."""
