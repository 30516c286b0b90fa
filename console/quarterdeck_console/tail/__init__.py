"""``quarterdeck tail``: live runs in the terminal."""
