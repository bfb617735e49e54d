"""How flat a minimum is: what measures it, what it does for a network, and what looks for it."""
