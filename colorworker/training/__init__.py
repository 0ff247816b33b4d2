"""Pictures to weights: data, augmentation, the loop, checkpoints."""
