"""What over-parameterised fits cost on new data, and which of many fits training finds."""

READING_ORDER = (
    "double_descent",
    "implicit_bias",
)
