"""Networks with weights removed: masks, rounds of pruning with rewinding, and scores that need no training."""
