"""Critical points of squared-error networks: where searches start, three ways to search, and the evidence."""
