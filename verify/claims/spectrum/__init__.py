"""The spectrum of the Hessian: the laws, the residual part, and what real networks make of both."""
