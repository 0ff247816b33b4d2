"""Deep Koalarization (Baldassarre 2017): an encoder-decoder fused with Inception-ResNet-v2."""
