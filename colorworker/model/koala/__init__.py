"""An encoder-decoder fused with Inception-ResNet-v2: a variant of Deep Koalarization.

Deep Koalarization is by Baldassarre et al. (2017). The layers are those of the report that this
project started from, which re-implemented it for paintings. "The report" in this package means
that one.
"""
