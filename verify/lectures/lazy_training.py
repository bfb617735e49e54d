r"""What the talk in Spanish says about training wide networks, in this project's words, and what tries it.

The model is a two-layer network with a bias inside its units and none at its output; its risk is the mean of squared
errors without a half. Text is Markdown with LaTeX between dollars.
"""

from typing import Final

from verify.sources import OPTIMALITY_TALK, Slide, Slip, Statement

OBSERVED: Final = Slide(OPTIMALITY_TALK, "2. Convergencia de SGD para redes neuronales sobre-parametrizadas")
MODEL: Final = Slide(OPTIMALITY_TALK, "Un modelo simple")
PARAMETERS: Final = Slide(OPTIMALITY_TALK, "Parámetros")
GRADIENT: Final = Slide(OPTIMALITY_TALK, "¿Cómo se ve este gradiente?")
KERNEL: Final = Slide(OPTIMALITY_TALK, "Acto de fe...")
CONTROL: Final = Slide(OPTIMALITY_TALK, "El control del gradiente")
CONCLUSION: Final = Slide(OPTIMALITY_TALK, "Conclusión de convergencia")
STOCHASTIC: Final = Slide(OPTIMALITY_TALK, "Gradiente en descenso estocástico")

STATEMENTS: Final[tuple[Statement, ...]] = (
    Statement(
        STOCHASTIC,
        r"Stochastic gradient descent puts the gradient on a sampled window of the data in the place of the full one.",
        ("lazy.minibatch-gradient-is-unbiased",),
    ),
    Statement(
        OBSERVED,
        r"What has been observed of the parametrisation of networks? The figure with the answer is lost.",
        ("generalisation.why-large", "generalisation.double-descent-networks"),
    ),
    Statement(
        MODEL,
        r"The model is a two-layer network without a bias.",
        Slip(
            "the network is introduced as one without a bias",
            "its units take in $(x, 1)$, so that each of them has a bias; the output has none",
        ),
    ),
    Statement(
        MODEL,
        r"The risk is $\frac{1}{m} \sum_{i=1}^m (\Phi(x^{(i)}, \theta) - y^{(i)})^2$.",
        ("lazy.gradient-bound",),
    ),
    Statement(
        PARAMETERS,
        r"Hidden weights and output weights start normal with the variance $1/n$.",
        ("lazy.lambda-min-as-printed",),
        found="With this variance the least eigenvalue of the kernel does not grow like $n$, as the talk concludes; "
        "with hidden weights of variance one it does.",
    ),
    Statement(
        GRADIENT,
        r"The squared gradient of the risk is at least that of the output weights, which is $4/m^2$ times a quadratic "
        r"form of the errors with a random kernel.",
        ("lazy.gradient-bound",),
    ),
    Statement(
        KERNEL,
        r"The kernel is a sum over the units, symmetric and positive semidefinite, that grows with their number.",
        ("lazy.gradient-bound", "lazy.mean-kernels"),
    ),
    Statement(
        KERNEL,
        r"The more units there are, the more likely is the kernel invertible; it grows fast.",
        ("lazy.kernel-invertible", "lazy.strictly-positive-kernels"),
    ),
    Statement(
        KERNEL,
        r"The least eigenvalue of the kernel grows linearly in $n$.",
        ("lazy.lambda-min-grows", "lazy.lambda-min-as-printed"),
    ),
    Statement(
        CONTROL,
        r"The squared gradient is at least $\frac{4}{m^2} \lambda_{\min}(K) |e|^2$.",
        ("lazy.gradient-bound",),
    ),
    Statement(
        CONTROL,
        r"With a high probability that is at least of the order of $n/m$ times the risk.",
        ("lazy.lambda-min-grows", "lazy.lambda-min-as-printed"),
    ),
    Statement(
        CONTROL,
        r"The mean squares of second derivatives are 0 for two output weights, bounded for an output weight and a "
        r"hidden one, and of the order $1/n$ for two hidden weights.",
        ("lazy.second-derivatives",),
    ),
    Statement(
        CONTROL,
        r"At a bounded distance from the start the features change by a bounded matrix, and the bound on the gradient "
        r"stays up to a constant factor.",
        ("lazy.shifted-gradient-bound",),
    ),
    Statement(
        CONCLUSION,
        r"For $n$ large enough gradient descent converges, with a high probability and at an exponential rate, to a "
        r"point of arbitrarily small risk.",
        ("lazy.polyak-lojasiewicz", "lazy.exponential-convergence"),
        found="Gradient flow does, of units whose slopes do not exceed 1, once the least eigenvalue of the kernel is "
        "at least $4 X \\sqrt{m r_0}$ at the start, with $X^2$ the sum of the squared lengths of the inputs.",
    ),
    Statement(
        CONCLUSION,
        r"The iterates stay in a small neighbourhood of the start, and so training is called lazy.",
        ("lazy.polyak-lojasiewicz", "lazy.parameters-stay"),
    ),
    Statement(
        CONCLUSION,
        r"Over-parametrisation makes stochastic gradient descent converge in the simple model.",
        ("lazy.descent-not-sgd", "lazy.minibatch-gradient-is-unbiased"),
        found="So it is in the talk's setting, where the least eigenvalue of the kernel is of the order $n$ and all "
        "labels can be fitted, though by another argument than the one given, which is for the full gradient. Where "
        "data cannot be interpolated steps with minibatches at a constant rate stall above the least risk.",
    ),
    Statement(
        CONCLUSION,
        r"In the simple model the convergence of stochastic gradient descent was shown.",
        Slip(
            "the convergence shown is put down to stochastic gradient descent",
            "the argument is for gradient flow and gradient descent with the gradient of the whole risk. Steps with "
            "minibatches are right on average only; what makes the conclusion right of them is that their noise is "
            "bounded by the risk where all labels can be fitted, and that is not said",
        ),
    ),
)
