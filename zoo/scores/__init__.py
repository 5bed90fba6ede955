"""Scores of generated images, and the networks that they look through."""
