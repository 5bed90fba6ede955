"""Callbacks that draw samples."""
