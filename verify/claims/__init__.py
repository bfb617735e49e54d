"""The ledger's claims: one module or subpackage per theme; its name is the prefix of its claims' ids."""
