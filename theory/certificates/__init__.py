"""Proofs by computation: that a critical point exists in a box, and what the signs of its eigenvalues are."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
