"""Networks of homogeneous units have symmetries, and what the symmetries do to the sharpness of a minimum."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
