"""Models by name and by file: bundles, checkpoints, and what makes images of them."""
