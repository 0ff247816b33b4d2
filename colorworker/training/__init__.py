"""Train a network: data set, augmentation, training loop, checkpoints."""
