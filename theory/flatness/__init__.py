"""Measures of the flatness of a minimum, optimisers that seek it, and which minima a learning rate can hold."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
