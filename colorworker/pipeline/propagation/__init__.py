"""Predict the chroma of a few frames, the anchors, and propagate it along motion to all others.

`propagate` is the entry. It chains the stages of `shotboundaries` (where shots begin), `anchors`
(motion, choice of anchors) and `interpolate` (averaging and blending); `framestate` holds the value
that each stage yields, and `upsample` brings chroma to the size of the chroma planes.
"""
