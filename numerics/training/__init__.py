"""Training ensembles: Levenberg-Marquardt to true critical points, descent along trajectories, the search for flatness.

Gradient descent and Adam take all examples at once, ``sgd`` small batches, on request sharpness-aware, along the local
entropy, or averaged; the same mathematics is in the optimisers for one's own module, SAM, ASAM and Entropy-SGD.
"""
