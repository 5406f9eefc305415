"""Training: a search for better values of a program's variables, by rewards on the user's own samples."""
