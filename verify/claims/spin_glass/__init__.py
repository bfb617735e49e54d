"""The spherical p-spin: where its critical points lie, where descent ends, and what of it a network shares."""

READING_ORDER = ("complexity", "index_and_energy", "mean_number", "descent", "assumptions")
