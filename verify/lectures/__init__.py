"""What the lectures say, in this project's words: one module of statements for each theme."""
