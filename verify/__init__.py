"""Putting theory and measurement side by side: claims, comparisons, verdicts and the report."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
