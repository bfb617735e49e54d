"""The Hessian spectrum of a network that somebody brings: loaded, measured into one frozen record, drawn on a page."""
