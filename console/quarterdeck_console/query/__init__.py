"""``quarterdeck query``: SQL, or a ready question, from the terminal."""
