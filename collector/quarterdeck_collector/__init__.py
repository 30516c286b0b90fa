"""The Quarterdeck collector."""
