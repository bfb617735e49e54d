"""What over-parameterised fits cost on new data, and which of many fits training finds."""

READING_ORDER = (
    "double_descent",
    "second_descent",
    "double_descent_networks",
    "implicit_bias",
    "max_margin",
    "intrinsic_dimension",
    "functional_dimension",
    "gap",
    "small_weights",
    "weights_concentrate",
    "why_large",
    "strong_ticket",
    "pruning",
    "pruned_quadratics",
    "lottery_tickets",
    "tickets_without_data",
    "layer_collapse",
)
